import { MAIN_LANE } from '../../runtime/contract/lanes.ts'

export const DEFAULT_TENANT = 'default'
export const DEFAULT_WEIGHT = 1
/** Weights are relative, so that 1 is as little as anybody can have. Fractions are fine. */
export const MIN_WEIGHT = 1
export const MAX_WEIGHT = 1_000

export interface Tenant {
  readonly name: string
  /** Share of contended capacity, relative to other tenants. */
  readonly weight: number
  readonly lane: string
  /** Counts every change, from 1. */
  readonly revision: number
  /** While work of this tenant may still be in the lane it comes from. */
  readonly moving?: Move
  /** Lanes it was in within the last day, where answers and log lines of its may still be. Newest last. */
  readonly left?: readonly LeftLane[]
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

export interface Move {
  readonly from: string
  /** Milliseconds since 1970. */
  readonly since: number
}

export interface LeftLane {
  readonly lane: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/** So long the new lane holds a tenant's work back for the old one to finish its own, at most. */
export const MOVE_PAUSE_MS = 30_000

/** Likewise, for an old lane that does not answer: its workers do not hear of it either, and enter no isolate after 1.5 s without. */
export const MOVE_FROM_SILENCE_MS = 5_000

/** As long as lanes keep answers and log lines. */
const LEFT_FOR_MS = 24 * 3_600_000

export function newTenant({ name, weight = DEFAULT_WEIGHT, lane = MAIN_LANE }: Partial<Tenant> & Pick<Tenant, 'name'>, now: number): Tenant {
  return { name, weight, lane, revision: 1, createdAt: now }
}

/** The tenant with another weight, or on its way into another lane. A move under way has to end first: check `moving`. */
export function changeTenant(
  { left = [], ...tenant }: Tenant,
  { weight = tenant.weight, lane = tenant.lane }: { weight?: number; lane?: string },
  now: number,
): Tenant {
  const moves = lane !== tenant.lane
  const recent = left.filter((it) => it.at > now - LEFT_FOR_MS && it.lane !== lane && !(moves && it.lane === tenant.lane))
  const leftNow = moves ? [...recent, { lane: tenant.lane, at: now }] : recent
  return {
    ...tenant,
    weight,
    lane,
    revision: tenant.revision + 1,
    ...(moves && { moving: { from: tenant.lane, since: now } }),
    ...(leftNow.length > 0 && { left: leftNow }),
  }
}

/** Nothing of it is left in the lane it came from, or nobody waits for that any longer. */
export function endMove({ moving: _, ...tenant }: Tenant): Tenant {
  return { ...tenant, revision: tenant.revision + 1 }
}

/** Lanes where answers and lines of its may still be, the one left last first. */
export function lanesLeft({ left = [] }: Pick<Tenant, 'left'>, now: number): string[] {
  return left
    .filter(({ at }) => at > now - LEFT_FOR_MS)
    .map(({ lane }) => lane)
    .reverse()
}

/** How much longer its new lane holds it back; 0 when it is not moving. Clocks of several machines meet here: never more than the whole. */
export function pauseLeftMs({ moving }: Pick<Tenant, 'moving'>, now: number): number {
  if (moving === undefined) return 0
  return Math.min(MOVE_PAUSE_MS, Math.max(0, moving.since + MOVE_PAUSE_MS - now))
}
