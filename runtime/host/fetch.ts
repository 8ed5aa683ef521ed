import { setImmediate } from 'node:timers/promises'
import { DEPTH_HEADER } from '../contract/depth-header.ts'
import type { EgressEntry } from '../contract/egress-allow.ts'
import { MAX_CHUNK_BYTES } from '../contract/messages.ts'
import type { Dialer } from '../egress/dial.ts'
import { EgressGuard } from '../egress/egress-guard.ts'
import { machineAddresses } from '../egress/machine-addresses.ts'
import { createResolveName, type ResolveName } from '../egress/resolve-name.ts'
import { type Connection, ConnectionPool } from './connection-pool.ts'
import { exchange, NoAnswer, type ResponseHead } from './exchange.ts'
import { fetchError } from './fetch-error.ts'
import { redirected } from './fetch-redirect.ts'
import { type FetchRequest, type HeaderPair, isStreamed, parseFetch } from './fetch-request.ts'
import type { HostAnswer, HostContext, HostOperation } from './operation.ts'
import type { ByteSource } from './pipes.ts'
import type { ResponseBody } from './response-body.ts'
import { countSubrequest } from './subrequests.ts'
import { UploadBody } from './upload-body.ts'

/** Open connections of one tenant in one worker, idle ones included; more requests wait. */
const MAX_CONNECTIONS_PER_TENANT = 16
const MAX_HEAD_BYTES = 32 * 1024

export interface FetchOptions {
  readonly allow: readonly EgressEntry[]
  readonly deny?: readonly EgressEntry[]
  /** Addresses of this machine: closed like private ones. Default: what its interfaces have now. */
  readonly own?: readonly string[]
  readonly resolve?: ResolveName
  /** Name, connection and TLS together. Default 10 000. */
  readonly connectTimeoutMs?: number
  /** From the request's last byte to the end of the answer's head. Default 300 000. */
  readonly headTimeoutMs?: number
  /** Between two pieces of the answer's body, while the function reads. Default 120 000. */
  readonly idleTimeoutMs?: number
}

/**
 * The operation `fetch` of one worker.
 *
 * args `{method, url, headers, redirect, body}`, with `body` `none`, `whole` (it is in the call's body) or `stream` (it is
 * written to the call's pipe; `length` where the function has all of it). Answers `{status, statusText, headers, url,
 * redirected}`; the response's body is read from the call's pipe, or, with `done: true`, is in the answer already. Where a
 * redirect wants such a body again: `{resend: {url, method, headers, followed}}`, to be asked for in a new call.
 */
export function createFetch(options: FetchOptions): HostOperation & Disposable {
  const { connectTimeoutMs = 10_000, headTimeoutMs = 300_000, idleTimeoutMs = 120_000, resolve = createResolveName() } = options
  const dialer: Dialer = { guard: new EgressGuard({ own: machineAddresses(), ...options }), resolve, timeoutMs: connectTimeoutMs }
  const pools = new Map<string, ConnectionPool>()

  const poolOf = (tenant: string): ConnectionPool => {
    const known = pools.get(tenant)
    if (known !== undefined) return known
    const pool = new ConnectionPool({
      dialer,
      maxConnections: MAX_CONNECTIONS_PER_TENANT,
      maxHeadBytes: MAX_HEAD_BYTES,
      onEmpty: () => pools.delete(tenant),
    })
    pools.set(tenant, pool)
    return pool
  }

  /** One request and its answer, over whichever connection; a kept one that turns out to be dead is tried once only. */
  const send = async (request: FetchRequest, upload: UploadBody | undefined, context: HostContext): Promise<ResponseHead> => {
    const { signal, spent, leftMs, pipes, number } = context
    for (;;) {
      signal.throwIfAborted()
      const connection = await poolOf(context.invocation.tenant).acquire(request.url.origin, signal)
      const hangUp = () => connection.destroy()
      signal.addEventListener('abort', hangUp, { once: true })
      try {
        signal.throwIfAborted()
        return await exchange(request, connection, {
          upload,
          headTimeoutMs: Math.max(1, Math.min(headTimeoutMs, leftMs)),
          idleTimeoutMs: Math.max(1, Math.min(idleTimeoutMs, leftMs)),
          spent,
          onOver: () => {
            signal.removeEventListener('abort', hangUp)
            if (upload !== undefined) pipes.dropSink(number)
          },
        })
      } catch (error) {
        connection.destroy()
        signal.removeEventListener('abort', hangUp)
        const cause = error instanceof NoAnswer ? error.cause : error
        if (signal.aborted || !mayRepeat(request, connection, cause)) throw fetchError(cause, request.url.hostname)
      }
    }
  }

  const follow = async (first: FetchRequest, upload: UploadBody | undefined, context: HostContext): Promise<HostAnswer> => {
    let request = first
    for (;;) {
      countSubrequest(context, 'fetch failed')
      const answer = await send(request, isStreamed(request.body) ? upload : undefined, context)
      // What came in one piece with the head is taken in first: a small answer needs no pipe, a redirect keeps its connection.
      await setImmediate()
      const next = nextRequest(request, answer)
      if (next === undefined) return handOver(answer, request, context)
      if (isStreamed(next.body)) return { value: { resend: resendOf(next) } }
      request = next
    }
  }

  const operation: HostOperation = async (args, body, context) => {
    const request = parseFetch(args, body)
    const upload = isStreamed(request.body) ? new UploadBody('fetch failed') : undefined
    if (upload !== undefined) context.pipes.addSink(context.number, upload)
    try {
      return await follow({ ...request, headers: withOwnHeaders(request.headers, context) }, upload, context)
    } catch (error) {
      upload?.close()
      context.pipes.dropSink(context.number)
      throw error
    }
  }
  return Object.assign(operation, {
    [Symbol.dispose]() {
      for (const pool of pools.values()) pool[Symbol.dispose]()
      pools.clear()
    },
  })
}

/** Its connection is closed where a redirect's own body is more than what came with its head. */
function nextRequest(request: FetchRequest, { status, headers, body }: ResponseHead): FetchRequest | undefined {
  let next: FetchRequest | undefined
  try {
    next = redirected(request, status, headers.find(([name]) => name === 'location')?.[1])
  } catch (error) {
    body.cancel()
    throw error
  }
  if (next !== undefined) body.cancel()
  return next
}

/** The function has the body: it asks anew, with these for its own. */
function resendOf({ url, method, headers, followed }: FetchRequest): object {
  return { url: url.href, method, headers, followed }
}

function counted(body: ResponseBody, { tenantBytes, invocation: { tenant } }: HostContext): ByteSource {
  const { bytes } = body
  try {
    tenantBytes.take(tenant, bytes)
  } catch (error) {
    body.cancel()
    throw error
  }
  let isCounted = true
  const giveBack = (): void => {
    if (isCounted) tenantBytes.give(tenant, bytes)
    isCounted = false
  }
  return {
    async read(maxBytes) {
      const piece = await body.read(maxBytes)
      if (body.bytes === 0) giveBack()
      return piece
    },
    cancel() {
      giveBack()
      body.cancel()
    },
  }
}

async function handOver({ status, statusText, headers, body }: ResponseHead, request: FetchRequest, context: HostContext): Promise<HostAnswer> {
  const value = { status, statusText, headers, url: request.url.href, redirected: request.followed > 0 }
  if (!body.ended || body.bytes > MAX_CHUNK_BYTES) {
    // One that still comes keeps its connection, and those are few; what has come to its end would wait here uncounted.
    context.pipes.addSource(context.number, body.ended ? counted(body, context) : body)
    return { value }
  }
  const whole = await body.read(MAX_CHUNK_BYTES)
  return { value: { ...value, done: true }, ...(whole === undefined ? {} : { body: whole }) }
}

function withOwnHeaders(headers: readonly HeaderPair[], { invocation }: HostContext): HeaderPair[] {
  const own: HeaderPair[] = [[DEPTH_HEADER, `${invocation.depth + 1}`]]
  if (!headers.some(([name]) => name === 'accept')) own.push(['accept', '*/*'])
  if (!headers.some(([name]) => name === 'user-agent')) own.push(['user-agent', 'isolane'])
  return [...headers, ...own]
}

const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
const CLOSED_BY_PEER = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** The other side may close an idle connection just when the next request is on its way: then nothing was done with it (RFC 9110 §9.2.2). */
function mayRepeat({ method, body }: FetchRequest, { reused }: Connection, cause: unknown): boolean {
  return reused && !isStreamed(body) && REPEATABLE.has(method) && CLOSED_BY_PEER.has((cause as { code?: string }).code ?? '')
}
