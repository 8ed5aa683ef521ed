import type { ReplyHead } from '../../runtime/contract/messages.ts'
import { neverRan } from '../../runtime/contract/outcome.ts'
import type { LaneReply } from '../../runtime/lane/lane-reply.ts'
import type { Answered } from '../invocations/invoke.ts'
import type { StreamedReply } from '../invocations/open-invocations.ts'
import { outcomeProblem, refusalProblem } from '../invocations/outcome-problem.ts'
import { confineCookie, parseReplyHead } from '../invocations/reply-head.ts'
import { type ProblemInit, problemResponse } from '../problem.ts'

export interface AnswerOptions {
  /** The caller may see what the function threw. */
  readonly owner: boolean
}

/** The head of an answer whose body comes by and by. A name with several values gets a line for each. */
export interface AnswerHead {
  readonly status: number
  readonly headers: Record<string, string | string[]>
}

/** Pages of tenants share the platform's origin: what they serve runs in an origin of its own. */
const TENANT_PAGE_POLICY = 'sandbox allow-scripts allow-forms allow-popups allow-downloads'

/** What became of an invocation → the HTTP answer. */
export function answer(answered: Answered, reply: LaneReply, { owner }: AnswerOptions): Response {
  const { id, target } = answered
  if (reply.kind === 'refused') return problemResponse(refusalProblem(reply, target), { 'isolane-invocation-id': reply.id ?? id })
  const ours = ownHeaders(answered, reply)
  const outcome = reply.kind === 'verdict' ? reply.outcome : reply.head.outcome
  if (outcome.kind !== 'returned') {
    const problem = outcomeProblem(outcome, target, owner)
    return problemResponse('isolane-idempotent-replay' in ours && !neverRan(outcome) ? notAgain(problem) : problem, ours)
  }
  if (reply.kind === 'verdict') throw new TypeError('Cannot answer: the lane says "returned" but carries no reply')

  const head = parseReplyHead(reply.text)
  if (head === undefined) return badReply(target, ours)
  // A Buffer over its own memory is a Uint8Array to HTTP; TypeScript minds that it might be shared.
  const body = reply.body as Uint8Array<ArrayBuffer>
  const { status, headers } = headOf(head, ours, target)
  // A plain object, because a list of pairs costs the server a `Headers` object (10 µs of an answer's 100) and would be joined
  // by commas. Node takes lists where the standard's type knows none.
  return new Response(isBodiless(status) ? null : body, { status, headers: headers as Record<string, string> })
}

/** What the platform says of a call in the head of its answer. */
function ownHeaders({ id, target, waitedMs }: Answered, reply: Exclude<LaneReply, { kind: 'refused' }>): Record<string, string> {
  // Nobody measured it but this gateway, from outside.
  const waitedOnly = (): string => `queue;dur=${waitedMs.toFixed(1)}, init;dur=0, run;dur=0, cpu;dur=0`
  const outcome = reply.kind === 'verdict' ? reply.outcome.kind : reply.head.outcome.kind
  if (reply.replayOf !== undefined && reply.replayOf !== id) {
    // Which version ran, and what it cost, is on the record of that invocation.
    return {
      'isolane-invocation-id': reply.replayOf,
      'isolane-idempotent-replay': 'true',
      'isolane-outcome': outcome,
      'isolane-billed-ms': '0',
      'server-timing': waitedOnly(),
    }
  }
  const common = { 'isolane-invocation-id': id, 'isolane-version': String(target.version), 'isolane-outcome': outcome }
  if (reply.kind === 'verdict') return { ...common, 'isolane-billed-ms': '0', 'server-timing': waitedOnly() }
  const { billedMs, start, queueMs, initMs, runMs, cpuMs } = reply.head.usage
  return {
    ...common,
    'isolane-billed-ms': String(billedMs),
    ...(start !== 'none' && { 'isolane-start': start }),
    'server-timing': `queue;dur=${queueMs}, init;dur=${initMs}, run;dur=${runMs}, cpu;dur=${cpuMs}`,
  }
}

/** A failure that is kept under an idempotency key comes to the same however often it is asked for. */
function notAgain({ retryAfterSeconds: _, ...problem }: ProblemInit): ProblemInit {
  return { ...problem, detail: `${problem.detail}. It was not run again: that is what its Idempotency-Key is for. With another one it is` }
}

/** The head of a reply whose body follows; a whole answer where HTTP cannot carry it. */
export function streamedHead({ id, target }: Answered, { head, start }: StreamedReply): AnswerHead | Response {
  const ours = { 'isolane-invocation-id': id, 'isolane-version': String(target.version), 'isolane-start': start }
  if (head === undefined) return badReply(target, { ...ours, 'isolane-outcome': 'returned' })
  return headOf(head, ours, target)
}

export function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}

function headOf(head: ReplyHead, ours: Record<string, string>, { tenant, name }: Answered['target']): AnswerHead {
  if (head.kind === 'json') return { status: 200, headers: { ...ours, 'content-type': 'application/json' } }
  const policed = { ...ours, 'content-security-policy': TENANT_PAGE_POLICY }
  return { status: head.status, headers: merged(head.headers, policed, `/fn/${tenant}/${name}`) }
}

function badReply({ tenant, name }: Answered['target'], ours: Record<string, string>): Response {
  const detail = `${tenant}/${name} answered with a status or header that HTTP cannot carry`
  return problemResponse({ status: 502, code: 'bad_reply', detail }, ours)
}

/** The function's headers and ours; a name that comes twice gets a line each. */
function merged(theirs: readonly (readonly [string, string])[], ours: Record<string, string>, prefix: string): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = Object.assign(Object.create(null), ours)
  for (const [name, theirValue] of theirs) {
    const value = name === 'set-cookie' ? confineCookie(theirValue, prefix) : theirValue
    const before = Object.hasOwn(all, name) ? all[name] : undefined
    all[name] = before === undefined ? value : typeof before === 'string' ? [before, value] : [...before, value]
  }
  return all
}
