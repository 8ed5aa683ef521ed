import { randomUUIDv7 } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { encodeFrame } from '../../runtime/contract/frame.ts'
import type { Door, Invocation, Trigger } from '../../runtime/contract/invocation.ts'
import { MAX_ASYNC_QUEUE_WAIT_MS, MAX_INLINE_BODY_BYTES, MAX_QUEUE_WAIT_MS } from '../../runtime/contract/limits.ts'
import type { EventCommon, EventHead } from '../../runtime/contract/messages.ts'
import type { LaneReply } from '../../runtime/lane/lane-reply.ts'
import type { Idempotency } from '../../runtime/lane/submission.ts'
import type { Resolved } from '../registry/function-directory.ts'
import type { RoutedSubmission } from './lane-router.ts'
import type { EventBody, OpenInvocations, Reply, StreamedReply } from './open-invocations.ts'

/** Invocations of one function at once when it sets nothing itself. */
export const DEFAULT_MAX_CONCURRENCY = 1_000

/** The lane's word may be faster than the reply beside it, which was sent before. */
const REPLY_BESIDE_MS = 5_000

/** The first, and one more. */
const MAX_ATTEMPTS = 2
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

const EMPTY = Buffer.alloc(0)

/** An invocation and what became of it. */
export interface Answered {
  readonly id: string
  readonly target: Resolved
  readonly reply: Reply
  /** From the request to this. */
  readonly waitedMs: number
}

/** An invocation under way. */
export interface Call {
  readonly answered: Promise<Answered>
  /** Its caller has left: it is ended wherever it is. Changes nothing once it has. */
  cancel(): void
}

export interface InvokeDeps {
  readonly gatewayId: string
  readonly lane: { submit(submission: RoutedSubmission): Promise<LaneReply>; cancel(id: string, attempt: number): void }
  readonly open: OpenInvocations
  /** Told of every answer, for the metrics. */
  answered(lane: string, door: Door, outcome: string, seconds: number): void
}

export type NewEvent = { [D in Door]: Omit<Extract<EventHead, { door: D }>, keyof EventCommon> }[Door]

export interface InvokeOptions {
  readonly trigger: Trigger
  readonly event: NewEvent
  readonly body: EventBody
  /** Default 0: called from outside. */
  readonly depth?: number
  /** What the caller has left of a deadline of his own. */
  readonly leftMs?: number
  /** Runs once for all who give the same. Needs a body that is held whole. */
  readonly idempotency?: Idempotency | undefined
  /** One attempt of an invocation that its caller repeats by himself: it has this id and number, and no other is made here. */
  readonly only?: { readonly id: string; readonly attempt: number }
}

/** From a resolved function and an event to what became of it: everything between the two HTTP ends. */
export function createInvoke({ gatewayId, lane, open, answered }: InvokeDeps) {
  return function invoke(
    target: Resolved,
    { trigger, event, body, depth = 0, leftMs = Number.POSITIVE_INFINITY, idempotency, only }: InvokeOptions,
  ): Call {
    const id = only?.id ?? randomUUIDv7()
    const startedAt = performance.now()
    const longestWaitMs = only === undefined ? MAX_QUEUE_WAIT_MS : MAX_ASYNC_QUEUE_WAIT_MS
    const deadlineMs = Math.min(longestWaitMs + target.limits.timeoutMs, leftMs)
    const lastAttempt = only?.attempt ?? MAX_ATTEMPTS
    const inline = Buffer.isBuffer(body) && body.length <= MAX_INLINE_BODY_BYTES
    const stream = inline ? {} : { stream: body.length === undefined ? {} : { length: body.length } }

    const first = Promise.withResolvers<Answered>()
    let attempt = only === undefined ? 0 : only.attempt - 1
    let streamed: StreamedReply | undefined
    let over = false
    const hand = (reply: Reply): void => {
      const waitedMs = performance.now() - startedAt
      const note = (outcome: string): void => answered(target.tenantSettings.lane, event.door, outcome, waitedMs / 1_000)
      if (reply.kind !== 'streamed') note(outcomeName(reply))
      else if (reply.open) note('returned')
      else void reply.settled.then((last) => note(outcomeName(last)))
      first.resolve({ id, target, reply, waitedMs })
    }
    const conclude = (reply: LaneReply): LaneReply => {
      open.remove(`${id}/${attempt}`)
      const leftOfIt = deadlineMs - (performance.now() - startedAt)
      if (!over && streamed === undefined && attempt < lastAttempt && leftOfIt > 0 && mayRepeat(reply, target, event, body)) {
        submit()
        return reply
      }
      over = true
      if (streamed === undefined) hand(reply)
      return reply
    }

    function submit(): void {
      attempt++
      const leftOfIt = deadlineMs - (performance.now() - startedAt)
      const { tenant, name, version, versionId, secrets } = target
      const which = { id, attempt, tenant, name, version, versionId, ...(secrets > 0 && { secrets }) }
      const invocation: Invocation = { ...which, trigger, door: event.door, gateway: gatewayId, depth }
      const head = { ...event, id, deadlineAt: Math.floor(Date.now() + leftOfIt), timeoutMs: target.limits.timeoutMs, ...stream }
      open.add(`${id}/${attempt}`, {
        tenant,
        depth,
        body,
        takeReply(reply) {
          if (over || streamed !== undefined) return false
          streamed = { ...reply, kind: 'streamed', settled }
          hand(streamed)
          return true
        },
      })
      const settled = lane
        .submit({
          invocation,
          limits: target.limits,
          deadlineMs: leftOfIt,
          maxWaitMs: Math.min(longestWaitMs, leftOfIt),
          maxConcurrency: target.maxConcurrency ?? DEFAULT_MAX_CONCURRENCY,
          revision: target.revision,
          tenantSettings: target.tenantSettings,
          requestBytes: body.length ?? 0,
          frame: encodeFrame(invocation, JSON.stringify(head), inline ? body : EMPTY),
          ...(idempotency && { idempotency }),
        })
        .then((reply) => (cameBeside(reply) && streamed === undefined && !over ? besideAtLast(reply).then(conclude) : conclude(reply)))
    }

    /** It has sent its reply to this gateway before it settled, and that is still on its way. */
    async function besideAtLast(reply: LaneReply): Promise<LaneReply> {
      await Promise.race([first.promise, pause(REPLY_BESIDE_MS, undefined, { ref: false })])
      return streamed === undefined ? { kind: 'verdict', outcome: { kind: 'lost', reason: 'its reply did not come', started: 'replied' } } : reply
    }

    submit()
    return {
      answered: first.promise,
      cancel() {
        streamed?.body.cut()
        // What goes on beyond its reply goes on without its caller.
        if (over || streamed?.open === true) return
        over = true
        lane.cancel(id, attempt)
      },
    }
  }
}

export type Invoke = ReturnType<typeof createInvoke>

/** A worker settles without a reply of its own what has sent one over the data connection. */
function cameBeside(reply: LaneReply): boolean {
  return reply.kind === 'answered' && reply.replayOf === undefined && reply.head.outcome.kind === 'returned' && reply.text.length === 0
}

/**
 * What was lost is tried once more, where that is safe: it had not started, or it may be done twice by HTTP's own words or its
 * author's (RFC 9110 §9.2.1; `idempotent`). A body that was not held here is gone.
 */
function mayRepeat(reply: LaneReply, { idempotent }: Resolved, event: NewEvent, body: EventBody): boolean {
  if (reply.kind === 'refused' || !Buffer.isBuffer(body)) return false
  const outcome = reply.kind === 'verdict' ? reply.outcome : reply.head.outcome
  if (outcome.kind !== 'lost' || outcome.started === 'replied' || outcome.repeat === false) return false
  return outcome.started === 'no' || idempotent || (event.door === 'url' && SAFE_METHODS.has(event.method))
}

function outcomeName(reply: LaneReply): string {
  if (reply.kind === 'refused') return reply.reason
  if (reply.replayOf !== undefined) return 'replayed'
  return (reply.kind === 'verdict' ? reply.outcome : reply.head.outcome).kind
}
