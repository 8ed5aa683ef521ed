import { percentile, type Row, spread } from './figures.ts'
import type { LaneCode } from './lane-code.ts'
import { openLoop } from './load.ts'
import { modelledFunctions } from './modelled-function.ts'
import { exponential, type Random, seeded } from './random.ts'
import { openRig } from './rig.ts'

const CPU_MS = 50
/** Handing over takes a few trips between processes: less than this is no idling. */
const HAND_OVER_MS = 8
const LOOK_MS = 1
const FOR_MS = 40_000

/** CPU-bound calls of a few functions: latencies, and the share of time in which a worker idles while work waits. */
export async function atLoad(code: LaneCode, workers: number, nextGapMs: () => number, forMs: number) {
  const work = { cpuMs: CPU_MS, waitMs: 0 }
  const all = [...modelledFunctions('a', 4, work), ...modelledFunctions('b', 4, work)]
  await using rig = await openRig({ code, workers, capacityMb: 4_096 })
  // Their shares are known afterwards.
  for (const fn of all) for (let n = 0; n < 3; n++) await rig.call(fn)

  let [looks, idle, stacked] = [0, 0, 0]
  let idleSince = Number.NaN
  const look = setInterval(() => {
    looks++
    const now = performance.now()
    const free = rig.workers.some(({ running }) => running === 0)
    const queued = rig.submitter.inFlight - rig.workers.reduce((sum, { running }) => sum + running, 0)
    const beside = free && (queued > 0 || rig.workers.some(({ computing }) => computing > 1))
    if (!beside) idleSince = Number.NaN
    else if (Number.isNaN(idleSince)) idleSince = now
    else if (now - idleSince > HAND_OVER_MS) idle++
    if (rig.workers.some(({ computing }) => computing > 1)) stacked++
  }, LOOK_MS)
  let next = 0
  const called = await openLoop({
    forMs,
    nextGapMs,
    send: (intendedMs) => rig.call(all[next++ % all.length] as never, { intendedMs }),
  })
  clearInterval(look)
  return { latencies: called.map(({ latencyMs }) => latencyMs), idleShare: idle / looks, stackedShare: stacked / looks }
}

/** The same arrivals at one queue for all workers, handed over in no time: nothing can be better without knowing the future. */
function ideal(workers: number, nextGapMs: () => number, forMs: number): number[] {
  const freeAt: number[] = Array(workers).fill(0)
  const latencies: number[] = []
  for (let at = nextGapMs(); at < forMs; at += nextGapMs()) {
    const first = freeAt.indexOf(Math.min(...freeAt))
    freeAt[first] = Math.max(at, freeAt[first] as number) + CPU_MS
    latencies.push((freeAt[first] as number) - at)
  }
  return latencies
}

export async function* placement(code: LaneCode, seed: number): AsyncGenerator<Row> {
  for (const [workers, load, aimMs] of [
    [2, 0.7, 65],
    [4, 0.75, undefined],
  ] as const) {
    const arrivals = (random: Random) => () => exponential(random, CPU_MS / (workers * load))
    const { latencies, idleShare, stackedShare } = await atLoad(code, workers, arrivals(seeded(seed)), FOR_MS)
    const p50 = percentile(latencies, 0.5)
    const best = ideal(workers, arrivals(seeded(seed)), FOR_MS)
    const figure = `${spread(latencies)}; ideal, by the same arrivals: ${spread(best)}`
    yield {
      claim: `${CPU_MS} ms of CPU at ${100 * load} % of ${workers} workers: p50${aimMs === undefined ? '' : ` ≤ ${aimMs} ms`}`,
      figure,
      met: aimMs === undefined ? undefined : p50 <= aimMs,
    }
    yield {
      claim: 'no worker idles while work waits, or while another has two at once',
      figure: `${(100 * idleShare).toFixed(2)} % of the time (two at once somewhere: ${(100 * stackedShare).toFixed(1)} %)`,
      met: idleShare <= 0.01,
    }
  }
}
