import { percentile, type Row, spread } from './figures.ts'
import type { LaneCode } from './lane-code.ts'
import { closedLoop, during, openLoop, pause } from './load.ts'
import { modelledFunction, modelledFunctions } from './modelled-function.ts'
import { openRig } from './rig.ts'

const SERVICE_MS = 200
const HEAVY_CALLS = 200
const CALLS_A_SECOND = 5

/** Tenant A keeps 200 calls under way on 40 slots, spread over so many functions; tenant B sends 5 calls a second. */
export async function crowdedOut(code: LaneCode, functions: number, forMs: number): Promise<number[]> {
  const work = { cpuMs: 2, waitMs: SERVICE_MS - 2 }
  const heavy = modelledFunctions('a', functions, work)
  const light = modelledFunction('b', 'light', work)
  await using rig = await openRig({ code, workers: 2, capacityMb: 20 * 64 })
  let next = 0
  const load = (signal: AbortSignal): Promise<void> => closedLoop(HEAVY_CALLS, signal, () => rig.call(heavy[next++ % functions] as never))
  const called = await during(load, async () => {
    await pause(5 * SERVICE_MS)
    return await openLoop({ forMs, nextGapMs: () => 1_000 / CALLS_A_SECOND, send: (intendedMs) => rig.call(light, { intendedMs }) })
  })
  return called.map(({ queueMs }) => queueMs)
}

export async function* fairness(code: LaneCode): AsyncGenerator<Row> {
  for (const functions of [1, 200, 2_000]) {
    const waits = await crowdedOut(code, functions, 20_000)
    yield {
      claim: `B waits ≤ ${SERVICE_MS} ms (p99) beside A's ${HEAVY_CALLS} calls of ${functions} function${functions === 1 ? '' : 's'}`,
      figure: spread(waits),
      met: percentile(waits, 0.99) <= SERVICE_MS,
    }
  }
}
