import { randomUUIDv7 } from 'node:crypto'
import { encodeFrame } from '../../runtime/contract/frame.ts'
import type { Door, Invocation, Trigger } from '../../runtime/contract/invocation.ts'
import { MAX_QUEUE_WAIT_MS } from '../../runtime/contract/limits.ts'
import type { EventHead } from '../../runtime/contract/messages.ts'
import type { LaneReply, Submission } from '../../runtime/lane/submitter.ts'
import type { Resolved } from '../registry/function-directory.ts'

/** Invocations of one function at once when it sets nothing itself. */
export const DEFAULT_MAX_CONCURRENCY = 1_000

/** An invocation and what became of it. */
export interface Answered {
  readonly id: string
  readonly target: Resolved
  readonly reply: LaneReply
  /** From the request to this. */
  readonly waitedMs: number
}

export interface InvokeDeps {
  submit(submission: Submission): Promise<LaneReply>
  /** Told of every answer, for the metrics. */
  answered(door: Door, outcome: string, seconds: number): void
}

type NewEvent = { [D in Door]: Omit<Extract<EventHead, { door: D }>, 'id' | 'deadlineAt'> }[Door]

/** From a resolved function and an event to what became of it: everything between the two HTTP ends. */
export function createInvoke({ submit, answered }: InvokeDeps) {
  return async function invoke(target: Resolved, trigger: Trigger, event: NewEvent, body: Buffer): Promise<Answered> {
    const id = randomUUIDv7()
    const startedAt = performance.now()
    const deadlineMs = MAX_QUEUE_WAIT_MS + target.limits.timeoutMs
    const invocation: Invocation = {
      id,
      attempt: 1,
      tenant: target.tenant,
      name: target.name,
      version: target.version,
      versionId: target.versionId,
      trigger,
      door: event.door,
    }
    const head = { ...event, id, deadlineAt: Date.now() + target.limits.timeoutMs }
    const reply = await submit({
      invocation,
      limits: target.limits,
      deadlineMs,
      maxWaitMs: MAX_QUEUE_WAIT_MS,
      maxConcurrency: target.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY,
      revision: target.revision,
      requestBytes: body.length,
      frame: encodeFrame(invocation, JSON.stringify(head), body),
    })
    const waitedMs = performance.now() - startedAt
    answered(event.door, outcomeName(reply), waitedMs / 1_000)
    return { id, target, reply, waitedMs }
  }
}

export type Invoke = ReturnType<typeof createInvoke>

function outcomeName(reply: LaneReply): string {
  if (reply.kind === 'refused') return reply.reason
  return (reply.kind === 'verdict' ? reply.outcome : reply.head.outcome).kind
}
