import type { Invocation } from '../contract/invocation.ts'
import type { Pipes } from './pipes.ts'
import type { TenantBytes } from './tenant-bytes.ts'

/** What an operation gets to know of the invocation it works for. */
export interface HostContext {
  readonly invocation: Invocation
  /** The guest's number of this call; also the number of the pipe it may open. */
  readonly number: number
  /** Aborts when nobody waits any more: the function cancelled it, or the invocation has ended. */
  readonly signal: AbortSignal
  /** Wall time the invocation has left. */
  readonly leftMs: number
  readonly pipes: Pipes
  /** What waits here for the function is counted to its tenant. */
  readonly tenantBytes: TenantBytes
  /** Goes into the usage record; operations add to it. */
  readonly spent: HostSpending
}

export interface HostSpending {
  subrequests: number
  /** Bytes sent to and received from the outside. */
  egressBytes: number
}

export interface HostAnswer {
  /** Goes through JSON. */
  readonly value?: unknown
  /** At most MAX_CHUNK_BYTES. */
  readonly body?: Buffer
}

/**
 * One thing a function may ask of the world. `args` and `body` are a stranger's: everything is checked here, on the
 * privileged side.
 *
 * @throws HostError what the function gets to see; anything else reaches it as a bare Error without details
 */
export type HostOperation = (args: unknown, body: Buffer, context: HostContext) => Promise<HostAnswer>

/** A refusal or failure that the function is told in these words. */
export class HostError extends Error {
  /** `name`: of a language error (TypeError, RangeError, Error) or of a DOMException (AbortError, TimeoutError, …). */
  constructor(name: string, message: string) {
    super(message)
    this.name = name
  }
}
