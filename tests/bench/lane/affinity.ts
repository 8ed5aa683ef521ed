import type { Row } from './figures.ts'
import { type LaneCode, laneWith } from './lane-code.ts'
import { openLoop } from './load.ts'
import { modelledFunctions } from './modelled-function.ts'
import { exponential, seeded, zipf } from './random.ts'
import { openRig } from './rig.ts'

const FUNCTIONS = 200
const WORKERS = 4
const SANDBOX_MB = 4
const CALLS_A_SECOND = 120
const WARM_UP_MS = 8_000
const FOR_MS = 25_000

const WARM_FIRST = 'if warm ~= best_warm then better = warm'

/** The same scripts, but blind to warmth: whoever has most CPU free. */
export async function leastLoaded(): Promise<LaneCode> {
  return await laneWith('least-loaded', (lua) => lua.replaceAll(WARM_FIRST, 'if false then better = warm'))
}

interface ColdRatioOptions {
  /** Of the functions' popularity (Zipf). */
  readonly exponent: number
  readonly seed: number
  readonly warmUpMs: number
  readonly forMs: number
}

/** The share of calls that met no warm sandbox, after a while, on workers that hold a third of all functions each. */
export async function coldRatio(code: LaneCode, { exponent, seed, warmUpMs, forMs }: ColdRatioOptions): Promise<number> {
  const random = seeded(seed)
  const functions = modelledFunctions('a', FUNCTIONS, { cpuMs: 5, waitMs: 20, coldCpuMs: 20, sandboxMb: SANDBOX_MB, concurrency: 10 })
  const pick = zipf(random, FUNCTIONS, exponent)
  await using rig = await openRig({ code, workers: WORKERS, capacityMb: 4_096, budgetMb: (SANDBOX_MB * FUNCTIONS) / 3 })
  const load = (loadMs: number) =>
    openLoop({
      forMs: loadMs,
      nextGapMs: () => exponential(random, 1_000 / CALLS_A_SECOND),
      send: (intendedMs) => rig.call(functions[pick()] as never, { intendedMs }),
    })
  await load(warmUpMs)
  const called = await load(forMs)
  return called.filter(({ cold }) => cold).length / called.length
}

export async function* affinity(code: LaneCode, seed: number): AsyncGenerator<Row> {
  using blind = await leastLoaded()
  for (const exponent of [0.9, 1.1]) {
    const options = { exponent, seed, warmUpMs: WARM_UP_MS, forMs: FOR_MS }
    const here = await coldRatio(code, options)
    const there = await coldRatio(blind, options)
    yield {
      claim: `${FUNCTIONS} functions (Zipf ${exponent}), ${WORKERS} workers that hold a third each: cold starts ≤ half of least-loaded placement`,
      figure: `${(100 * here).toFixed(1)} % against ${(100 * there).toFixed(1)} %: × ${(here / there).toFixed(2)}`,
      met: here <= there / 2,
    }
  }
}
