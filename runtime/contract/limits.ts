/** What one version may use. Belongs to the version: changing one makes a new version. */
export interface Limits {
  /** Heap and everything else one sandbox may hold, in MiB. */
  readonly memoryMb: number
  /** Wall-clock time of one invocation from its first slice, in milliseconds. */
  readonly timeoutMs: number
  /** Invocations one sandbox carries at once ("riders"). */
  readonly concurrency: number
}

export const MEMORY_MB_CHOICES = [64, 128, 256, 512, 1024, 2048] as const
export const DEFAULT_MEMORY_MB = 128
export const DEFAULT_TIMEOUT_MS = 5_000
export const MAX_TIMEOUT_MS = 900_000
export const MAX_CONCURRENCY = 1_000

/** Bodies that travel inside the lane, either way. Larger ones and streams go over a data connection. */
export const MAX_INLINE_BODY_BYTES = 64 * 1024
/** A body that is held whole: a reply that is not streamed, and a request to a function that does not read streams. */
export const MAX_BUFFERED_BODY_BYTES = 6 * 1024 * 1024
/** A reply's status and headers, as JSON. */
export const MAX_REPLY_HEAD_BYTES = 64 * 1024
/** A body that is streamed, either way. */
export const MAX_STREAMED_BODY_BYTES = 200 * 1024 * 1024

export const MAX_SOURCE_BYTES = 2 * 1024 * 1024
export const MAX_BUNDLE_BYTES = 10 * 1024 * 1024

/** Top-level code of a module: it runs once per sandbox, before the first invocation. */
export const INIT_CPU_MS = 1_000
export const INIT_WALL_MS = 10_000

/** Longest a synchronous invocation waits in the lane before it is answered `expired`. */
export const MAX_QUEUE_WAIT_MS = 30_000
/** The same of one attempt of an event that outlives its caller. */
export const MAX_ASYNC_QUEUE_WAIT_MS = 6 * 3_600_000

/** Lambda's published ratio: a function with this much memory has one whole vCPU. */
const MEMORY_MB_PER_VCPU = 1_769
const LEAST_CPU_BUDGET_MS = 50
/** No single slice may hold its cell's thread longer than this, whatever the budget. */
export const MAX_SLICE_CPU_MS = 30_000

/** CPU one invocation may burn: its vCPU share of the timeout, spent in bursts at full speed. */
export function cpuBudgetMs(limits: Limits): number {
  return Math.max(LEAST_CPU_BUDGET_MS, Math.round((limits.memoryMb / MEMORY_MB_PER_VCPU) * limits.timeoutMs))
}

/** Memory one rider books in the lane and is billed for: its part of the sandbox. */
export function bookedMb(limits: Limits): number {
  return Math.max(1, Math.ceil(limits.memoryMb / limits.concurrency))
}
