import type { HandlerStyle } from '../../runtime/contract/function-version.ts'
import type { ReplyHead } from '../../runtime/contract/messages.ts'
import type { LaneReply } from '../../runtime/lane/lane-reply.ts'
import { outcomeProblem, refusalProblem, type Subject } from '../invocations/outcome-problem.ts'
import { parseReplyHead } from '../invocations/reply-head.ts'
import type { Verdict } from './decide-next.ts'
import { type EventResult, eventResult } from './event-result.ts'
import { parseRetryAfter } from './retry-after.ts'
import type { EventError } from './story.ts'

type Target = Subject & { readonly style: HandlerStyle }

/** A reply that has come whole, by whichever way. */
export interface WholeReply {
  readonly last: LaneReply
  /** What came beside the lane. `over`: more than is kept; `cut`: not all of it. */
  readonly beside?: { readonly head: ReplyHead | undefined; readonly body: Buffer | 'over' | 'cut' }
}

export interface Assessment {
  readonly verdict: Verdict
  /** Absent: there is none. */
  readonly result?: EventResult
}

export interface AssessOptions {
  /** Somebody wanted it ended. */
  readonly cancelled: boolean
  /** Milliseconds since 1970. */
  readonly now: number
}

const UNSEEN = 'The result is not kept: whoever waited for it died before it had come'

/**
 * The attempt has returned, but what it returned was too large for the lane and went to a dispatcher that has died. It is not
 * run again for that.
 */
export function isOverUnseen(last: LaneReply): boolean {
  return last.kind === 'refused' && last.reason === 'answer_not_kept'
}

/** What a reply means for its event. */
export function assessReply({ last, beside }: WholeReply, target: Target, { cancelled, now }: AssessOptions): Assessment {
  if (isOverUnseen(last)) return { verdict: { kind: 'succeeded' }, result: { resultNote: UNSEEN } }
  if (last.kind === 'refused') {
    const { code, detail, retryAfterSeconds } = refusalProblem(last, target)
    const off = last.reason === 'off'
    return { verdict: { kind: 'again', error: { code, message: detail }, ...(off ? { off } : { retryAfterMs: (retryAfterSeconds ?? 0) * 1_000 }) } }
  }
  const outcome = last.kind === 'verdict' ? last.outcome : last.head.outcome
  if (outcome.kind === 'cancelled') {
    // Whoever switches a function off has its queue emptied; an event waits until it is on again.
    return { verdict: cancelled ? { kind: 'cancelled' } : { kind: 'again', error: endedFromOutside(target), off: true } }
  }
  if (outcome.kind !== 'returned') {
    const { code, detail } = outcomeProblem(outcome, target, true)
    const error: EventError = { code, message: detail, ...(outcome.kind === 'threw' && { error: outcome.error }) }
    const again = outcome.kind === 'expired' || (outcome.kind === 'lost' && outcome.repeat !== false)
    return { verdict: { kind: again ? 'again' : 'failed', error } }
  }
  if (last.kind === 'verdict') throw new TypeError('Cannot assess: the lane says "returned" but carries no reply')
  const { head, body } = beside ?? { head: parseReplyHead(last.text), body: last.body }
  if (head === undefined) {
    return {
      verdict: { kind: 'failed', error: { code: 'bad_reply', message: `${target.tenant}/${target.name} gave an answer that cannot be read` } },
    }
  }
  const result = eventResult(head, body)
  return { verdict: verdictOf(head, result, target, now), result }
}

/** A function that speaks HTTP says by 429 and 5xx that it did not do it. */
function verdictOf(head: ReplyHead, result: EventResult, target: Target, now: number): Verdict {
  const said =
    head.kind === 'http' ? { status: head.status, retryAfter: headerOf(head.headers) } : target.style === 'lambda' ? lambdaAnswer(result) : undefined
  if (said === undefined || !(said.status === 429 || said.status >= 500)) return { kind: 'succeeded' }
  const error = { code: 'function_answered', message: `${target.tenant}/${target.name} answered with status ${said.status}` }
  const retryAfterMs = said.retryAfter === undefined ? undefined : parseRetryAfter(said.retryAfter, now)
  return { kind: 'failed', error, ...(retryAfterMs !== undefined && { retryAfterMs }) }
}

function endedFromOutside({ tenant, name }: Target): EventError {
  return { code: 'cancelled', message: `${tenant}/${name} was ended from outside: it was switched off, or whoever waited for its answer died` }
}

function headerOf(headers: readonly (readonly [string, string])[]): string | undefined {
  return headers.find(([name]) => name === 'retry-after')?.[1]
}

/** `{statusCode, headers}` as Lambda handlers give it; undefined: another value. */
function lambdaAnswer(result: EventResult): { status: number; retryAfter: string | undefined } | undefined {
  if (!('result' in result)) return undefined
  const value = JSON.parse(result.result) as { statusCode?: unknown; headers?: unknown } | null
  const status = value?.statusCode
  if (typeof status !== 'number') return undefined
  const headers = Object.entries(typeof value?.headers === 'object' && value.headers !== null ? value.headers : {})
  const named = headers.find(([name]) => name.toLowerCase() === 'retry-after')?.[1]
  return { status, retryAfter: named === undefined ? undefined : String(named) }
}
