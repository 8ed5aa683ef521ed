import { type IncomingMessage, request } from 'node:http'
import type { SecretsKey } from '../../runtime/contract/secrets-key.ts'
import { type Dialer, type DialTarget, dial } from '../../runtime/egress/dial.ts'
import { EgressBlocked } from '../../runtime/egress/egress-blocked.ts'
import { backoffMs, CALLBACK_BACKOFF } from './backoff.ts'
import { callbackSecret, signature } from './callback-secret.ts'
import { CALLBACK_ATTEMPTS } from './event-queues.ts'
import { eventView } from './event-view.ts'
import { parseRetryAfter } from './retry-after.ts'
import type { CallbackState, Story } from './story.ts'

export interface Delivery {
  readonly state: CallbackState
  /** Absent: it has been delivered, or is given up. */
  readonly retryInMs?: number
}

export type DeliverCallback = (story: Story, attempt: number) => Promise<Delivery>

interface Options {
  readonly secretsKey: SecretsKey
  readonly dialer: Dialer
  /** From the first byte to the answer's head. Default 15 000. */
  readonly timeoutMs?: number
  readonly now?: () => number
  /** From 0 to under 1. */
  readonly random?: () => number
}

/**
 * Sends what became of an event to the address its caller gave, once. Any answer of 200 to 299 is a receipt; anything else, and
 * no answer, is tried again. Redirects are not followed: the address is the caller's own.
 */
export function createDeliverCallback({ secretsKey, dialer, timeoutMs = 15_000, now = Date.now, random = Math.random }: Options): DeliverCallback {
  return async function deliver(story, attempt) {
    const { event } = story
    const url = new URL(event.callback as string)
    const body = JSON.stringify(eventView(story, { owner: true }))
    const headers = {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'user-agent': 'isolane',
      'isolane-invocation-id': event.id,
      'isolane-signature': signature(callbackSecret(secretsKey, event.tenant), body, Math.floor(now() / 1_000)),
    }
    try {
      const { status, retryAfterMs = 0 } = await post(url, headers, body)
      if (status >= 200 && status <= 299) return { state: { status: 'delivered', attempts: attempt } }
      return failed(attempt, `it answered with status ${status}`, retryAfterMs)
    } catch (error) {
      // It will be no other address tomorrow.
      if (error instanceof EgressBlocked) return { state: { status: 'failed', attempts: attempt, error: error.message } }
      const { name, message } = error as Error
      // Nothing but its clock aborts it.
      const late = name === 'TimeoutError' || name === 'AbortError'
      return failed(attempt, late ? `there was no answer within ${timeoutMs} ms` : message, 0)
    }
  }

  function failed(attempts: number, error: string, retryAfterMs: number): Delivery {
    if (attempts >= CALLBACK_ATTEMPTS) return { state: { status: 'failed', attempts, error } }
    const pauseMs = Math.max(Math.min(retryAfterMs, CALLBACK_BACKOFF.mostMs), backoffMs(CALLBACK_BACKOFF, attempts - 1, random()))
    return { state: { status: 'waiting', attempts, error }, retryInMs: pauseMs }
  }

  async function post(url: URL, headers: Record<string, string>, body: string): Promise<{ status: number; retryAfterMs?: number }> {
    const signal = AbortSignal.timeout(timeoutMs)
    const socket = await dial(dialTarget(url), dialer, signal)
    try {
      // What is spoken on the connection is HTTP, whether there is TLS below it or not.
      const outgoing = request({
        ...{ method: 'POST', path: `${url.pathname}${url.search}`, signal },
        headers: { host: url.host, ...headers, connection: 'close' },
        createConnection: () => socket,
      })
      const { promise: answered, resolve, reject } = Promise.withResolvers<IncomingMessage>()
      // One that would rather speak something else has said 101, and is told nothing.
      outgoing.once('response', resolve).once('upgrade', resolve).once('error', reject).end(body)
      const { statusCode = 0, headers: answer } = await answered
      const retryAfterMs = parseRetryAfter(answer['retry-after'] ?? '', now())
      return { status: statusCode, ...(retryAfterMs !== undefined && { retryAfterMs }) }
    } finally {
      // What it says beyond its status is of no interest.
      socket.destroy()
    }
  }
}

function dialTarget({ protocol, hostname, port }: URL): DialTarget {
  const secure = protocol === 'https:'
  return { secure, host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (secure ? 443 : 80) : Number(port) }
}
