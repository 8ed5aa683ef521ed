import { percentile, type Row, spread } from './figures.ts'
import type { LaneCode } from './lane-code.ts'
import { closedLoop, during, openLoop, pause } from './load.ts'
import { modelledFunction, modelledFunctions } from './modelled-function.ts'
import { seeded } from './random.ts'
import { openRig } from './rig.ts'

const SLOTS = 40
const LONGEST_MS = 400
const RESERVE_AFTER_MS = 100
const OUTSTANDING = 160
const SPARE_MS = 50

/** Waits of a 2 048 MB function of B on two workers of 2 560 MB that A keeps full of 64 MB calls of 100 to 400 ms. */
export async function largeAmongSmall(code: LaneCode, seed: number, calls: number): Promise<number[]> {
  const random = seeded(seed)
  const small = modelledFunctions('a', 20, { cpuMs: 1 }).map((fn) => ({ ...fn, waitMs: 100 + Math.floor(random() * (LONGEST_MS - 100)) }))
  const more = small.map((fn) => ({ ...fn, tenant: 'c', versionId: fn.versionId.replace(/^../, 'cc') }))
  const all = [...small, ...more]
  const large = modelledFunction('b', 'large', { cpuMs: 1, waitMs: 20, memoryMb: 2_048 })
  await using rig = await openRig({ code, workers: 2, capacityMb: SLOTS * 64 })
  await rig.call(large)
  let next = 0
  const load = (signal: AbortSignal) => closedLoop(OUTSTANDING, signal, () => rig.call(all[next++ % all.length] as never))
  const called = await during(load, async () => {
    await pause(2_000)
    return await openLoop({ forMs: calls * 700, nextGapMs: () => 700, send: (intendedMs) => rig.call(large, { intendedMs, deadlineMs: 20_000 }) })
  })
  return called.map(({ queueMs, latencyMs }) => (Number.isNaN(queueMs) ? latencyMs : queueMs))
}

export async function* starvation(code: LaneCode, seed: number): AsyncGenerator<Row> {
  const waits = await largeAmongSmall(code, seed, 30)
  const bound = RESERVE_AFTER_MS + LONGEST_MS + SPARE_MS
  yield {
    claim: `a call of 2 048 MB among calls of 64 MB waits ≤ ${RESERVE_AFTER_MS} ms + the longest running (${LONGEST_MS} ms)`,
    figure: `${spread(waits)}`,
    met: percentile(waits, 0.99) <= bound,
  }
}
