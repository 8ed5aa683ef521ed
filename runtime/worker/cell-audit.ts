/** What is known of a cell at one moment. Counters since it was started; times in ms. */
export interface CellAccounts {
  readonly now: number
  /** CPU of the whole process, as the kernel has it. */
  readonly cpuMs: number
  /** Sum of what its answered slices said they used. */
  readonly chargedMs: number
  readonly slices: number
  /** Sandboxes it was told to open or close. */
  readonly sandboxes: number
  /** How long its oldest unanswered slice has been out; 0 when it owes nothing. */
  readonly busyForMs: number
  readonly rssMb: number
}

export interface Audit {
  /** CPU beyond what its slices said, less what a cell needs for itself; never below minus CREDIT_MS. */
  readonly balanceMs: number
  /** Of that, what is to be charged now. */
  readonly surplusMs: number
  /** It computed or grew although nobody had asked it anything: nothing of ours does that. */
  readonly rogue: boolean
}

/** A cell's own work: reading and writing frames, making blank sandboxes and letting old ones go, ticks of the clock. */
const OWN_MS_PER_SLICE = 0.1
const OWN_MS_PER_SANDBOX = 15
const OWN_MS_PER_AUDIT = 20
/** Quiet times save up no more than this for wild ones. */
const CREDIT_MS = 50
/** More than this with nothing to do, in one audit. */
const ROGUE_CPU_MS = 150
const ROGUE_GROWTH_MB = 64

/**
 * Compares a cell's figures with the kernel's: a cell that its tenant has taken over says what it likes, and helper threads
 * are missed. The larger counts.
 */
export function auditCell(before: CellAccounts, seen: CellAccounts, balanceMs: number): Audit {
  const slices = seen.slices - before.slices
  const ownMs = OWN_MS_PER_AUDIT + OWN_MS_PER_SLICE * slices + OWN_MS_PER_SANDBOX * (seen.sandboxes - before.sandboxes)
  const unexplainedMs = seen.cpuMs - before.cpuMs - (seen.chargedMs - before.chargedMs) - ownMs
  const balance = Math.max(-CREDIT_MS, balanceMs + unexplainedMs)
  // What runs now is not charged yet: two threads may have used all the time that it has been out.
  const surplusMs = Math.max(0, balance - 2 * seen.busyForMs)
  const idle = slices === 0 && before.busyForMs === 0 && seen.busyForMs === 0
  const rogue = idle && (unexplainedMs > ROGUE_CPU_MS || seen.rssMb - before.rssMb > ROGUE_GROWTH_MB)
  return { balanceMs: balance - surplusMs, surplusMs, rogue }
}
