import { lately, type Sample } from './history.ts'
import type { LawConfig } from './law-config.ts'
import type { Observation, Room } from './observation.ts'

/** One resource's terms, in workers. */
export interface Terms {
  /** For what ran over the fast window; while work waits, for the load offered if that is more. */
  readonly fast: number
  /** For what ran over the stable window. */
  readonly stable: number
  /** To work off what waits and no starting worker will take, in about drainMs. */
  readonly backlog: number
  /** While work waits: the workers there are, plus those the whole backlog needs. */
  readonly floor: number
  /** The largest: fast + backlog, stable, or floor. */
  readonly need: number
}

/** Arrivals are counted over this long: recent enough to see a step, long enough to see more than one burst. */
const ARRIVAL_WINDOW_MS = 1_000

/** As the lane has it (runtime/lane/scripts/fairness.lua). */
const MOST_OF_LANE = 0.75
const CPU_MILLI = 1_000

/** However small the backlog: rounded up, it is one worker more than there are. */
const ONE_MORE = 1e-6

interface Use {
  readonly average: (window: Sample & { ms: number }) => number
  readonly queued: number
  readonly inFlight: number
  /** What one worker offers. */
  readonly capacity: number
}

/**
 * Workers needed, by memory and by CPU share.
 *
 *     need(R)  = (R/ρ + β·√(R·u)) / S           S: what a worker offers; u: mean booking of one request
 *     fast     = need(E2), or need(max(E2, min(D, λ·s·u))) while work waits
 *     stable   = need(E60)
 *     backlog  = unc·s/(T_drain + s) / S        unc: queued − starting·S
 *     floor    = ready + queued·s/(T_drain + s) / S
 *
 * E: average booked by running work, from time integrals (what waits is not in it, so a queue that built up while a
 * worker started is not taken for load). D: booked by all work present. λ: arrivals and refusals per ms, s: mean run
 * time. √(R·u) is square-root staffing (Halfin and Whitt 1981) in the resource's units: R/u requests deviate by
 * √(R/u), each u large. The floor counts from what is ready, so a second look while a worker starts asks for nothing more.
 */
export function needs(
  history: readonly Sample[],
  { signals, ready, starting }: Observation,
  config: LawConfig,
  { serviceMs, workerMb, starved }: { serviceMs: number; workerMb: number; starved: boolean },
): { memory: Terms; cpu: Terms } {
  const fast = lately(history, config.fastWindowMs)
  const stable = lately(history, config.stableWindowMs)
  const recent = lately(history, ARRIVAL_WINDOW_MS)
  const offeredRequests = recent.ms > 0 ? ((recent.arrivals + recent.refused) / recent.ms) * serviceMs : 0
  const drainShare = serviceMs / (config.drainMs + serviceMs)

  const termsOf = ({ average, queued, inFlight, capacity }: Use): Terms => {
    const requests = stable.inFlightMs > 0 ? stable.inFlightMs / stable.ms : 0
    const unit = requests > 0 ? average(stable) / requests : signals.queued > 0 ? queued / signals.queued : 0
    const workersFor = (load: number) => (load <= 0 ? 0 : (load / config.targetUtilisation + config.safety * Math.sqrt(load * unit)) / capacity)
    const running = average(fast)
    const present = inFlight + queued + recent.refused * unit
    const load = starved ? Math.max(running, Math.min(present, offeredRequests * unit)) : running
    const uncovered = starved ? Math.max(0, queued - starting * capacity) : 0
    const terms = {
      fast: workersFor(load),
      stable: workersFor(average(stable)),
      backlog: (uncovered * drainShare) / capacity,
      floor: starved ? ready.length + Math.max(ONE_MORE, (queued * drainShare) / capacity) : 0,
    }
    return { ...terms, need: Math.max(terms.fast + terms.backlog, terms.stable, terms.floor) }
  }

  return {
    memory: termsOf({
      average: (window) => perMs(window.inFlightMbMs, window.ms, signals.inFlightMb),
      queued: signals.queuedMb,
      inFlight: signals.inFlightMb,
      capacity: workerMb,
    }),
    cpu: termsOf({
      average: (window) => perMs(window.inFlightCpuMilliMs, window.ms, signals.inFlightCpuMilli),
      queued: signals.queuedCpuMilli,
      inFlight: signals.inFlightCpuMilli,
      capacity: config.workerCpuMilli,
    }),
  }
}

/** On the very first look there is no window yet: the gauge is all there is. */
function perMs(integral: number, ms: number, gauge: number): number {
  return ms > 0 ? integral / ms : gauge
}

/**
 * Work waits for want of capacity: no worker could take one of mean size now (an idle worker takes anything it can
 * hold), or what is left is kept for other tenants (the lane gives nothing more to one that holds MOST_OF_LANE of it). Work that waits
 * beside more room waits for its own function's cap, which more workers would not help.
 */
export function isStarved({ signals, ready }: Observation): boolean {
  if (signals.queued <= 0) return false
  const meanMb = signals.queuedMb / signals.queued
  const meanCpuMilli = signals.queuedCpuMilli / signals.queued
  if (!ready.some((worker) => worker.freeMb >= meanMb && (worker.running === 0 || worker.freeCpuMilli >= meanCpuMilli))) return true
  const total = (of: (worker: Room) => number): number => ready.reduce((sum, worker) => sum + of(worker), 0)
  const capacityMb = total(({ capacityMb }) => capacityMb)
  const capacityCpuMilli = CPU_MILLI * ready.length
  return (
    total(({ freeMb }) => freeMb) <= (1 - MOST_OF_LANE) * capacityMb ||
    total(({ freeCpuMilli }) => freeCpuMilli) <= (1 - MOST_OF_LANE) * capacityCpuMilli
  )
}
