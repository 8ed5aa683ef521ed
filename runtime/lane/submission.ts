import type { Invocation } from '../contract/invocation.ts'
import { bookedMb, type Limits } from '../contract/limits.ts'
import { functionKey } from '../contract/names.ts'

/** One invocation, ready for the lane. */
export interface Submission {
  readonly invocation: Invocation
  readonly limits: Limits
  /** Bounds completion, waiting included. */
  readonly deadlineMs: number
  /** Longest it may wait for a worker. */
  readonly maxWaitMs: number
  readonly maxConcurrency: number
  /** Of the settings `maxConcurrency` comes from; the lane asks for them when it knows older ones. */
  readonly revision: number
  /** Of its tenant; likewise. */
  readonly tenantSettings: TenantSettings
  readonly requestBytes: number
  /** An invocation frame: head Invocation, text EventHead, body the event's bytes. */
  readonly frame: Buffer
  /** Its caller may send it again, and wants it run once. */
  readonly idempotency?: Idempotency
}

/** What a lane has to know of a tenant. */
export interface TenantSettings {
  /** Share of contended capacity, relative to other tenants. */
  readonly weight: number
  readonly revision: number
  /** Hold its work back for so long. Default: not at all. */
  readonly pausedMs?: number
  /** The lane that has it now, where that is another: whatever is not known here is to be sent there. Default: this one. */
  readonly movedTo?: string
}

/** Submissions to one function with the same `hash` are one, while its answer is kept. */
export interface Idempotency {
  /** Of the key its caller gave: 32 hexadecimal digits. */
  readonly hash: string
  /** Of what was asked; another one under the same key is refused. As long. */
  readonly fingerprint: string
}

/** The lane's view of a submission; the fields are listed in scripts/lane.lua. */
export function headOf(submission: Submission, gatewayId: string): string {
  const { invocation: i, limits } = submission
  return [
    i.id,
    i.attempt,
    functionKey(i.tenant, i.name),
    i.version,
    i.versionId,
    bookedMb(limits),
    gatewayId,
    Math.max(1, Math.round(submission.deadlineMs)),
    Math.max(1, Math.round(submission.maxWaitMs)),
    i.trigger,
    submission.requestBytes,
    limits.memoryMb,
    limits.concurrency,
    keptUnder(submission),
  ].join('|')
}

/** Whoever submits an asynchronous one anew, because he does not know what became of it, joins it or gets its answer. */
function keptUnder({ invocation: { id, attempt, trigger }, idempotency }: Submission): string {
  if (trigger === 'async' || trigger === 'schedule') return `${id}/${attempt}`
  return idempotency?.hash ?? ''
}
