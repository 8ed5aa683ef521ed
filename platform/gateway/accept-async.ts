import { randomUUIDv7 } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Idempotency } from '../../runtime/lane/submission.ts'
import { MAX_EVENT_BYTES, type NewAsyncEvent } from '../async/async-event.ts'
import type { Acceptance, AsyncEvents } from '../async/async-events.ts'
import { Problem } from '../problem.ts'
import { headerProblem } from './header-problem.ts'
import { bodyTooLarge } from './request-body.ts'

export const CALLBACK_HEADER = 'Isolane-Callback-Url'
const MAX_CALLBACK_CHARS = 2_048
const CALLBACK_RULE = `an http: or https: URL of at most ${MAX_CALLBACK_CHARS} characters, without a user name or password`

/** RFC 7240: one preference of a list, whatever parameters it has. */
const RESPOND_ASYNC = /(?:^|,)\s*respond-async\s*(?:[;,]|$)/i

export type AcceptEvent = Pick<AsyncEvents, 'accept'>

/**
 * Whether the caller would rather not wait.
 *
 * @throws Problem 400 when he names an address for the result and waits for it
 */
export function wantsAsync({ headers }: IncomingMessage): boolean {
  const prefer = headers.prefer
  const wants = RESPOND_ASYNC.test(Array.isArray(prefer) ? prefer.join(',') : (prefer ?? ''))
  const callback = headers[CALLBACK_HEADER.toLowerCase()]
  if (!wants && callback !== undefined) throw headerProblem(CALLBACK_HEADER, String(callback), 'Prefer: respond-async beside it')
  return wants
}

interface Accepting {
  readonly events: AcceptEvent
  readonly incoming: IncomingMessage
  readonly event: Omit<NewAsyncEvent, 'id' | 'trigger' | 'callback'>
  readonly idempotency: Idempotency | undefined
}

/** Takes a call in that nobody waits for: 202 and where to look, once it is on disk. */
export async function acceptAsync({ events, incoming, event, idempotency }: Accepting): Promise<Response> {
  const callback = callbackOf(incoming)
  if (event.body.length > MAX_EVENT_BYTES) throw bodyTooLarge(MAX_EVENT_BYTES, 'A call that is waited for may have more')
  const id = randomUUIDv7()
  const acceptance = await onDisk(events.accept({ ...event, id, trigger: 'async', ...(callback !== undefined && { callback }) }, idempotency))
  switch (acceptance.kind) {
    case 'accepted':
      return accepted(acceptance.id, event.name)
    case 'replay':
      return accepted(acceptance.id, event.name, { 'isolane-idempotent-replay': 'true' })
    case 'key_reused':
      throw new Problem({
        status: 422,
        code: 'idempotency_key_reused',
        detail: `Cannot call ${event.tenant}/${event.name} with this Idempotency-Key: within the last day it came with another request. Repeat a request exactly, and give every new one a key of its own`,
      })
    case 'full':
      throw new Problem({
        status: 503,
        code: 'events_full',
        detail: `Cannot take more events of ${event.tenant} now: too many bytes of them wait, run or lie in the dead-letter list. Nothing was accepted. Try again after the time in Retry-After; dead letters can be purged (DELETE /v1/dead-letters)`,
        retryAfterSeconds: acceptance.retryAfterSeconds,
      })
  }
}

function callbackOf({ headers }: IncomingMessage): string | undefined {
  const text = headers[CALLBACK_HEADER.toLowerCase()]
  if (text === undefined) return undefined
  const url = typeof text === 'string' && text.length <= MAX_CALLBACK_CHARS ? URL.parse(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw headerProblem(CALLBACK_HEADER, String(text), CALLBACK_RULE)
  }
  return url.href
}

async function onDisk(accepting: Promise<Acceptance>): Promise<Acceptance> {
  try {
    return await accepting
  } catch (error) {
    throw Object.assign(
      new Problem({
        status: 503,
        code: 'store_unreachable',
        detail:
          'Cannot say whether this was accepted: the store did not answer. Sending it again is safe with the same Idempotency-Key; without one it may run twice',
        retryAfterSeconds: 1,
      }),
      { cause: error },
    )
  }
}

function accepted(id: string, name: string, more: Record<string, string> = {}): Response {
  const location = `/v1/invocations/${id}`
  const headers = { location, 'preference-applied': 'respond-async', 'isolane-invocation-id': id, 'cache-control': 'no-store', ...more }
  return Response.json({ id, function: name, status: 'queued', location }, { status: 202, headers })
}
