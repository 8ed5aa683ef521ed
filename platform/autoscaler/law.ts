import type { Decision, Limit } from './decision.ts'
import { extend, lately, type Sample, sampleOf } from './history.ts'
import type { LawConfig } from './law-config.ts'
import { isStarved, needs } from './need.ts'
import type { Observation } from './observation.ts'
import { reasonFor } from './reason.ts'

/** All the law remembers. JSON: it can be stored, shown and taken up again. */
export interface LawState {
  readonly history: readonly Sample[]
  /** Wanted numbers of the hold-down time that no later one exceeded: [when, workers], falling. The first is the largest. */
  readonly held: readonly (readonly [at: number, workers: number])[]
  readonly lastDownAt: number | null
  /** Mean run time last known. */
  readonly serviceMs: number
  readonly workerMb: number | null
}

/** Taken for a lane that has not finished anything yet. */
const UNKNOWN_SERVICE_MS = 100
/** Up to here every worker counts, whatever the tolerance. */
const SMALL_FLEET = 4

export const INITIAL_LAW_STATE: LawState = Object.freeze({ history: [], held: [], lastDownAt: null, serviceMs: UNKNOWN_SERVICE_MS, workerMb: null })

/**
 * How many workers there should be. Pure: the clock is the lane's (`signals.now`), windows are differences of its
 * integrals, and looking twice decides nothing twice. Up at once; down only below what the hold-down time has seen,
 * a quarter of the fleet at a time, and never while work waits. A new state begins by holding what it finds, so a
 * new controller does not shrink the fleet for a hold-down.
 */
export function step(state: LawState, observation: Observation, config: LawConfig): [LawState, Decision] {
  const { signals, ready, starting } = observation
  const now = signals.now
  const history = extend(state.history, sampleOf(signals), config.stableWindowMs)
  const current = ready.length + starting
  const serviceMs = meanServiceMs(history, config) ?? state.serviceMs
  const workerMb = ready.length > 0 ? ready.reduce((sum, each) => sum + each.capacityMb, 0) / ready.length : state.workerMb
  const starved = isStarved(observation)
  const terms = needs(history, observation, config, { serviceMs, workerMb: workerMb ?? config.workerMb, starved })

  const present = signals.inFlight + signals.queued > 0
  const needed = Math.max(Math.ceil(Math.max(terms.memory.need, terms.cpu.need)), present ? 1 : 0)
  const wanted = Math.min(Math.max(needed, config.minWorkers), config.maxWorkers)
  const held = hold(state.held.length === 0 ? [[now, Math.min(current, config.maxWorkers)]] : state.held, now, wanted, config.holdDownMs)
  const [target, limits] = aim({ state, now, current, wanted, held: held[0]?.[1] ?? wanted, waiting: signals.queued > 0 }, config)
  if (needed < wanted && target === config.minWorkers) limits.push('min')
  if (needed > wanted && !limits.includes('max')) limits.push('max')

  const decision = { at: now, target, start: Math.max(0, target - current), drain: Math.max(0, current - target), terms, limits }
  const lastDownAt = decision.drain > 0 ? now : state.lastDownAt
  return [
    { history, held, lastDownAt, serviceMs, workerMb },
    { ...decision, reason: reasonFor(decision, { current, needed: Math.max(needed, config.minWorkers), starved, waiting: signals.queued }) },
  ]
}

interface Aim {
  readonly state: LawState
  readonly now: number
  readonly current: number
  readonly wanted: number
  readonly held: number
  readonly waiting: boolean
}

function aim({ state, now, current, wanted, held, waiting }: Aim, config: LawConfig): [target: number, limits: Limit[]] {
  if (wanted >= current) return [wanted, []]
  // The operator's word goes at once; what runs on the surplus still runs to its end.
  if (current > config.maxWorkers) return [config.maxWorkers, ['max']]
  if (held >= current) return [current, ['hold-down']]
  if (waiting) return [current, ['work-waits']]
  if (current > SMALL_FLEET && held >= current * (1 - config.tolerance)) return [current, ['tolerance']]
  if (state.lastDownAt !== null && now - state.lastDownAt < config.holdDownMs / 4 && now >= state.lastDownAt) return [current, ['step-pause']]
  const lowest = Math.floor(current * (1 - config.stepDown))
  if (held < lowest) return [lowest, ['step-down']]
  return [held, held > wanted ? ['hold-down'] : []]
}

/** Sliding maximum: drops what is too old, and what the new number covers. */
function hold(held: LawState['held'], now: number, workers: number, holdDownMs: number): LawState['held'] {
  return [...held.filter(([at, each]) => at > now - holdDownMs && at <= now && each > workers), [now, workers]]
}

/** `undefined` while nothing has been settled within the stable window. */
function meanServiceMs(history: readonly Sample[], config: LawConfig): number | undefined {
  const { settled, runMs } = lately(history, config.stableWindowMs)
  return settled > 0 ? Math.max(1, runMs / settled) : undefined
}
