import type { Trigger } from './invocation.ts'
import type { LimitName, OutcomeKind } from './outcome.ts'

/** What a run used, as the worker measured it. Times in milliseconds (decimal), sizes in bytes unless named otherwise. */
export interface Usage {
  /** From acceptance to hand-over to a worker. */
  readonly queueMs: number
  /** Creating the sandbox and running the module's top level; 0 when warm. */
  readonly initMs: number
  /** From the first slice of the handler to the settled result, waits of its own included. */
  readonly runMs: number
  /** Waiting for the cell's thread while ready to run: reported, not billed. */
  readonly stallMs: number
  readonly cpuMs: number
  readonly heapMb: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly egressBytes: number
  readonly subrequests: number
}

/**
 * What the lane's usage stream carries: quantities only, runtime knows no prices. Exactly one for every accepted
 * (id, attempt).
 */
export interface UsageRecord extends Usage {
  readonly id: string
  readonly attempt: number
  readonly tenant: string
  readonly function: string
  readonly version: number
  readonly trigger: Trigger
  /** Milliseconds since 1970 on the lane's clock. */
  readonly acceptedAt: number
  /** The same clock, when a worker got it; 0 if none did. */
  readonly startedAt: number
  /** ceil(runMs), at least 1 for what is billed at all; 0 for what the platform is to blame for. */
  readonly billedMs: number
  readonly memoryMb: number
  readonly concurrency: number
  readonly start: 'cold' | 'warm' | 'none'
  readonly outcome: OutcomeKind
  /** Which limit, when the outcome is `exceeded`. */
  readonly limit?: LimitName
  /** The worker that ran it; '' if none did. */
  readonly worker: string
}
