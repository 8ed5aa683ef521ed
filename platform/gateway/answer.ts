import type { ReplyFrameHead } from '../../runtime/contract/reply.ts'
import type { Answered } from './invoke.ts'
import { outcomeProblem, refusalProblem } from './outcome-problem.ts'
import { problemResponse } from './problem.ts'
import { confineCookie, parseReplyHead } from './reply-head.ts'

export interface AnswerOptions {
  /** Where the function stands on this host; its cookies are confined to it. Absent at the rpc door: nobody's browser is there. */
  readonly prefix?: string
  /** The caller may see what the function threw. */
  readonly owner: boolean
}

/** Pages of tenants share the platform's origin: what they serve runs in an origin of its own. */
const TENANT_PAGE_POLICY = 'sandbox allow-scripts allow-forms allow-popups allow-downloads'

/** What became of an invocation → the HTTP answer. */
export function answer({ id, target, reply }: Answered, { prefix, owner }: AnswerOptions): Response {
  const headers = new Map<string, string>([['isolane-invocation-id', id]])
  if (reply.kind === 'refused') return problemResponse(refusalProblem(reply.reason, target))
  headers.set('isolane-version', String(target.version))
  if (reply.kind === 'verdict') {
    headers.set('isolane-outcome', reply.outcome.kind)
    headers.set('isolane-billed-ms', '0')
    if (reply.outcome.kind === 'returned') throw new TypeError('Cannot answer: the lane says "returned" but carries no reply')
    return withHeaders(problemResponse(outcomeProblem(reply.outcome, target, owner)), headers)
  }
  const { outcome, usage } = reply.frame.head as ReplyFrameHead
  headers.set('isolane-outcome', outcome.kind)
  headers.set('isolane-billed-ms', String(usage.billedMs))
  if (usage.start !== 'none') headers.set('isolane-start', usage.start)
  const timing = `queue;dur=${usage.queueMs}, init;dur=${usage.initMs}, run;dur=${usage.runMs}, cpu;dur=${usage.cpuMs}`
  if (outcome.kind !== 'returned') {
    headers.set('server-timing', timing)
    return withHeaders(problemResponse(outcomeProblem(outcome, target, owner)), headers)
  }
  const head = parseReplyHead(reply.frame.text)
  if (head === undefined) {
    headers.set('server-timing', timing)
    const detail = `${target.tenant}/${target.name} answered with a status or header that HTTP cannot carry`
    return withHeaders(problemResponse({ status: 502, code: 'bad_reply', detail }), headers)
  }
  if (head.kind === 'json') {
    headers.set('content-type', 'application/json')
    headers.set('server-timing', timing)
    return new Response(new Uint8Array(reply.frame.body), { status: 200, headers: [...headers] })
  }
  const pairs = [...headers]
  for (const [name, value] of head.headers) {
    if (name === 'set-cookie') {
      if (prefix !== undefined) pairs.push([name, confineCookie(value, prefix)])
      else pairs.push([name, value])
    } else pairs.push([name, value])
  }
  pairs.push(['server-timing', timing])
  if (prefix !== undefined) pairs.push(['content-security-policy', TENANT_PAGE_POLICY])
  const bodiless = head.status === 204 || head.status === 205 || head.status === 304
  return new Response(bodiless ? null : new Uint8Array(reply.frame.body), { status: head.status, headers: pairs })
}

function withHeaders(response: Response, headers: ReadonlyMap<string, string>): Response {
  for (const [name, value] of headers) response.headers.set(name, value)
  return response
}
