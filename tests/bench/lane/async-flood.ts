import { percentile, type Row, spread } from './figures.ts'
import type { LaneCode } from './lane-code.ts'
import { openLoop, pause } from './load.ts'
import { type ModelledFunction, modelledFunction, modelledFunctions } from './modelled-function.ts'
import { openRig } from './rig.ts'

const SERVICE_MS = 100
const SLOTS = 40
const FLOOD = 10_000
const FOR_MS = 15_000
const WORK = { cpuMs: 1, waitMs: SERVICE_MS - 1 }

/** Waits of synchronous calls, ten a second of each tenant, before and during a flood of asynchronous ones of tenant A. */
export async function besideFlood(code: LaneCode, flooding: number, forMs: number) {
  const flood = modelledFunctions('a', 20, { ...WORK, trigger: 'async' }).map((fn) => ({ ...fn, name: `flood-${fn.name}` }))
  const [own, other] = [modelledFunction('a', 'own', WORK), modelledFunction('b', 'other', WORK)]
  await using rig = await openRig({ code, workers: 2, capacityMb: (SLOTS / 2) * 64 })
  const waits = async (): Promise<{ own: number[]; other: number[] }> => {
    const send = (fn: ModelledFunction) => openLoop({ forMs, nextGapMs: () => 100, send: (intendedMs) => rig.call(fn, { intendedMs }) })
    const [ofA, ofB] = await Promise.all([send(own), send(other)])
    return { own: ofA.map(({ queueMs }) => queueMs), other: ofB.map(({ queueMs }) => queueMs) }
  }
  for (let n = 0; n < 3; n++) await Promise.all([rig.call(own), rig.call(other)])
  const before = await waits()
  let floodLeft = flooding
  for (let n = 0; n < flooding; n++) void rig.call(flood[n % flood.length] as never, { deadlineMs: 600_000 }).then(() => floodLeft--)
  await pause(500)
  const beside = await waits()
  return { before, beside, floodLeft }
}

export async function* asyncFlood(code: LaneCode): AsyncGenerator<Row> {
  const { before, beside, floodLeft } = await besideFlood(code, FLOOD, FOR_MS)
  const row = (whose: string, calm: readonly number[], flooded: readonly number[]): Row => ({
    claim: `${FLOOD} asynchronous calls of A move the wait (p99) of ${whose} synchronous calls by ≤ ${SERVICE_MS} ms`,
    figure: `${spread(calm)} → ${spread(flooded)}; ${FLOOD - floodLeft} done meanwhile`,
    met: floodLeft > 0 && percentile(flooded, 0.99) - percentile(calm, 0.99) <= SERVICE_MS,
  })
  yield row("B's", before.other, beside.other)
  yield row("A's own", before.own, beside.own)
}
