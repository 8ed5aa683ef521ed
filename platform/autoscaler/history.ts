import type { Signals } from './observation.ts'

/** What windows are computed from: cumulative, so that a difference of two is exact however often anybody looked. */
export interface Sample {
  readonly at: number
  readonly inFlightMs: number
  readonly inFlightMbMs: number
  readonly inFlightCpuMilliMs: number
  readonly arrivals: number
  readonly refused: number
  readonly settled: number
  readonly runMs: number
}

/** Finer samples add nothing to windows of seconds; pokes may come every 20 ms. */
const SAMPLE_GAP_MS = 100

export function sampleOf(signals: Signals): Sample {
  const { inFlightMs, inFlightMbMs, inFlightCpuMilliMs, arrivals, refused, settled, runMs } = signals
  return { at: signals.now, inFlightMs, inFlightMbMs, inFlightCpuMilliMs, arrivals, refused, settled, runMs }
}

/**
 * The history with this sample at its end, reaching back `keepMs`. Begins anew when the lane did (its Redis lost its
 * data, or its clock stepped back): nothing can be said about a difference across that.
 */
export function extend(history: readonly Sample[], sample: Sample, keepMs: number): readonly Sample[] {
  const last = history.at(-1)
  if (!last || sample.at < last.at || sample.inFlightMs < last.inFlightMs || sample.arrivals < last.arrivals) return [sample]
  const beforeLast = history.at(-2)
  const kept = beforeLast && last.at - beforeLast.at < SAMPLE_GAP_MS ? history.slice(0, -1) : history
  // One sample older than the window stays: the window's edge is interpolated from it.
  const firstInside = kept.findIndex((each) => each.at > sample.at - keepMs)
  return [...kept.slice(Math.max(0, firstInside - 1)), sample]
}

/** What happened in the last `windowMs`, or since the history began: differences of the counters, and `ms` they cover. */
export function lately(history: readonly Sample[], windowMs: number): Sample & { readonly ms: number } {
  const last = history.at(-1) as Sample
  const first = sampleAt(history, last.at - windowMs)
  return { ...combine(last, first, (to, from) => to - from), at: last.at, ms: last.at - first.at }
}

/** Between two samples counters are taken to have grown evenly. */
function sampleAt(history: readonly Sample[], at: number): Sample {
  const after = history.findIndex((each) => each.at >= at)
  const next = history[after] as Sample
  const before = history[after - 1]
  if (!before) return next
  const part = (at - before.at) / (next.at - before.at)
  return combine(before, next, (from, to) => from + (to - from) * part)
}

function combine(a: Sample, b: Sample, by: (a: number, b: number) => number): Sample {
  return {
    at: by(a.at, b.at),
    inFlightMs: by(a.inFlightMs, b.inFlightMs),
    inFlightMbMs: by(a.inFlightMbMs, b.inFlightMbMs),
    inFlightCpuMilliMs: by(a.inFlightCpuMilliMs, b.inFlightCpuMilliMs),
    arrivals: by(a.arrivals, b.arrivals),
    refused: by(a.refused, b.refused),
    settled: by(a.settled, b.settled),
    runMs: by(a.runMs, b.runMs),
  }
}
