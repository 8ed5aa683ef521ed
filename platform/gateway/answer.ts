import type { ReplyHead } from '../../runtime/contract/messages.ts'
import type { LaneReply } from '../../runtime/lane/submitter.ts'
import type { Answered } from '../invocations/invoke.ts'
import type { StreamedReply } from '../invocations/open-invocations.ts'
import { outcomeProblem, refusalProblem } from '../invocations/outcome-problem.ts'
import { confineCookie, parseReplyHead } from '../invocations/reply-head.ts'
import { problemResponse } from '../problem.ts'

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
export function answer({ id, target, waitedMs }: Answered, reply: LaneReply, { owner }: AnswerOptions): Response {
  if (reply.kind === 'refused') return problemResponse(refusalProblem(reply.reason, target), { 'isolane-invocation-id': id })
  const ours: Record<string, string> = { 'isolane-invocation-id': id, 'isolane-version': String(target.version) }
  if (reply.kind === 'verdict') {
    ours['isolane-outcome'] = reply.outcome.kind
    ours['isolane-billed-ms'] = '0'
    // Nobody measured it but this gateway, from outside.
    ours['server-timing'] = `queue;dur=${waitedMs.toFixed(1)}, init;dur=0, run;dur=0, cpu;dur=0`
    if (reply.outcome.kind === 'returned') throw new TypeError('Cannot answer: the lane says "returned" but carries no reply')
    return problemResponse(outcomeProblem(reply.outcome, target, owner), ours)
  }
  const { outcome, usage } = reply.head
  ours['isolane-outcome'] = outcome.kind
  ours['isolane-billed-ms'] = String(usage.billedMs)
  if (usage.start !== 'none') ours['isolane-start'] = usage.start
  ours['server-timing'] = `queue;dur=${usage.queueMs}, init;dur=${usage.initMs}, run;dur=${usage.runMs}, cpu;dur=${usage.cpuMs}`
  if (outcome.kind !== 'returned') return problemResponse(outcomeProblem(outcome, target, owner), ours)

  const head = parseReplyHead(reply.text)
  if (head === undefined) return badReply(target, ours)
  // A Buffer over its own memory is a Uint8Array to HTTP; TypeScript minds that it might be shared.
  const body = reply.body as Uint8Array<ArrayBuffer>
  const { status, headers } = headOf(head, ours, target)
  // A plain object, because a list of pairs costs the server a `Headers` object (10 µs of an answer's 100) and would be joined
  // by commas. Node takes lists where the standard's type knows none.
  return new Response(isBodiless(status) ? null : body, { status, headers: headers as Record<string, string> })
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
