import type { KillReason } from './cell-process.ts'

/** What can be seen of a cell from outside while a slice runs. */
export interface CellSighting {
  readonly now: number
  /** The running slice, or undefined when the cell owes nothing. */
  readonly frameNumber: number | undefined
  /** CPU of the whole cell process so far. */
  readonly cpuMs: number
  /** Anonymous memory. */
  readonly rssMb: number
}

/** What the running slice may still use. */
export interface SliceAllowance {
  readonly cpuMs: number
  readonly wallMs: number
  /** Wall time at which the isolate's own guard fires. */
  readonly guardMs: number
}

/** Since when the cell has been in the slice it is in, and what it had used by then. */
export interface SliceBaseline {
  readonly frameNumber: number
  readonly since: number
  readonly cpuMs: number
  readonly rssMb: number
}

/**
 * Beyond the budget before the cell is killed. The isolate's own guard ends every plain loop long before; what is left for
 * SIGKILL are builtins that cannot be interrupted.
 */
const GRACE_MS = 250
/** The guard's thread needs a core as well. */
const GUARD_LATENESS_MS = 100

/**
 * Where the machine looks crowded the guard stands further off, and a slice that then gets a core to itself would meet the
 * kill clock first. The guard ends one sandbox, SIGKILL all of a cell: so it waits for the guard, which is never further off
 * than this. Generous to short slices, for which a crowd comes and goes; over a long one it evens out.
 */
export function furthestGuardMs(cpuLeftMs: number): number {
  return Math.min(5 * cpuLeftMs + 150, 2 * cpuLeftMs + 1_000)
}

export function nextBaseline(before: SliceBaseline | undefined, seen: CellSighting): SliceBaseline | undefined {
  if (seen.frameNumber === undefined) return undefined
  if (before?.frameNumber === seen.frameNumber) return before
  return { frameNumber: seen.frameNumber, since: seen.now, cpuMs: seen.cpuMs, rssMb: seen.rssMb }
}

/** What a slice has used, as far as it can be seen from outside. */
export interface SliceUse {
  readonly cpuMs: number
  readonly wallMs: number
  /** By how much the cell grew meanwhile. */
  readonly grewMb: number
}

export function useSince(baseline: SliceBaseline | undefined, seen: CellSighting): SliceUse {
  if (baseline === undefined) return { cpuMs: 0, wallMs: 0, grewMb: 0 }
  return { cpuMs: seen.cpuMs - baseline.cpuMs, wallMs: seen.now - baseline.since, grewMb: seen.rssMb - baseline.rssMb }
}

/** Whether the cell must die now, and for what. */
export function killVerdict(
  baseline: SliceBaseline | undefined,
  seen: CellSighting,
  allowed: SliceAllowance,
  rssLimitMb: number,
): KillReason | undefined {
  if (seen.rssMb > rssLimitMb) return 'memory'
  if (baseline === undefined) return undefined
  const cpuMs = seen.cpuMs - baseline.cpuMs
  const guardHadItsChance =
    seen.now - baseline.since > allowed.guardMs + GUARD_LATENESS_MS || cpuMs > furthestGuardMs(allowed.cpuMs) + GUARD_LATENESS_MS
  if (cpuMs > allowed.cpuMs + GRACE_MS && guardHadItsChance) return 'cpu'
  if (seen.now - baseline.since > allowed.wallMs + GRACE_MS) return 'wall'
  return undefined
}

/** Node, V8 and two blank sandboxes. */
const CELL_BASE_MB = 40
/** A heap may stand above its limit while V8 collects: killing there would blame the innocent. */
const RUNNING_FACTOR = 1.5

export function rssLimitMb(runningMb: number, warmHeapMb: number): number {
  return CELL_BASE_MB + RUNNING_FACTOR * runningMb + warmHeapMb
}
