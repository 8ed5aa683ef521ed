import type { Dispatcher } from 'undici'
import type { Connection } from './connection-pool.ts'
import { fetchError } from './fetch-error.ts'
import { type FetchRequest, type HeaderPair, isStreamed } from './fetch-request.ts'
import type { HostSpending } from './operation.ts'
import { ResponseBody } from './response-body.ts'
import type { UploadBody } from './upload-body.ts'

export interface ResponseHead {
  readonly status: number
  readonly statusText: string
  /** Names in lower case, values decoded as Latin-1, repeated fields repeated. Without what belongs to the connection. */
  readonly headers: readonly HeaderPair[]
  readonly body: ResponseBody
}

interface ExchangeOptions {
  readonly upload: UploadBody | undefined
  readonly headTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly spent: HostSpending
  /** The request is over, whichever way. */
  readonly onOver: () => void
}

/** It came to nothing before a single byte of an answer. */
export class NoAnswer extends Error {
  override readonly cause: unknown

  constructor(cause: unknown) {
    super('The request came to nothing')
    this.cause = cause
  }
}

/** Of status 1xx. Nothing slows down a server that sends them for ever. */
const MAX_INTERIM_ANSWERS = 32

const CONNECTION_FIELDS = ['connection', 'keep-alive', 'proxy-authenticate', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']

/**
 * Sends one request over a connection and resolves with the head of its answer. The connection is released once the
 * answer has come, and destroyed by an error or when nobody wants the rest of the answer.
 *
 * @throws NoAnswer before the head
 */
export function exchange(request: FetchRequest, connection: Connection, options: ExchangeOptions): Promise<ResponseHead> {
  const { upload, headTimeoutMs, idleTimeoutMs, spent, onOver } = options
  const { url, method, headers, body } = request
  const { promise, resolve, reject } = Promise.withResolvers<ResponseHead>()
  let response: ResponseBody | undefined
  let interim = 0
  let over = false
  const finish = (thenWith: () => void) => {
    if (over) return
    over = true
    upload?.close()
    thenWith()
    onOver()
  }
  const fail = (error: unknown) =>
    finish(() => {
      connection.destroy()
      reject(new NoAnswer(error))
      response?.fail(fetchError(error, url.hostname))
    })

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart() {
      spent.egressBytes += requestHeadBytes(request)
    },
    onBodySent(chunk) {
      spent.egressBytes += chunk.length
    },
    onResponseStart(controller, status, _headers, statusText = '') {
      const raw = (controller.rawHeaders ?? []) as readonly (Buffer | string)[]
      spent.egressBytes += responseHeadBytes(raw, statusText)
      if (status < 200) {
        if (++interim > MAX_INTERIM_ANSWERS) fail(new Error('there were too many answers before the answer'))
        return
      }
      response = new ResponseBody({
        pause: () => controller.pause(),
        resume: () => controller.resume(),
        close: () => fail(new Error('the answer was cancelled')),
      })
      resolve({ status, statusText, headers: endToEnd(pairs(raw)), body: response })
    },
    onResponseData(_controller, chunk) {
      spent.egressBytes += chunk.length
      response?.push(chunk)
    },
    onResponseEnd() {
      finish(() => {
        response?.end()
        connection.release()
      })
    },
    onResponseError(_controller, error) {
      fail(error)
    },
  }
  try {
    connection.client.dispatch(
      {
        method,
        path: url.pathname + url.search,
        headers: isStreamed(body) && body.length !== undefined ? [...headers.flat(), 'content-length', `${body.length}`] : headers.flat(),
        // undici takes any async iterable; its types know fewer.
        body: isStreamed(body) ? (upload as unknown as null) : (body ?? null),
        headersTimeout: headTimeoutMs,
        bodyTimeout: idleTimeoutMs,
      },
      handler,
    )
  } catch (error) {
    fail(error)
  }
  return promise
}

function pairs(raw: readonly (Buffer | string)[]): HeaderPair[] {
  const found: HeaderPair[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) found.push([latin1(raw[at]).toLowerCase(), latin1(raw[at + 1])])
  return found
}

/** RFC 9110 §7.6.1: also without the fields that Connection names. */
function endToEnd(all: readonly HeaderPair[]): HeaderPair[] {
  const dropped = new Set(CONNECTION_FIELDS)
  for (const [name, value] of all) {
    if (name === 'connection') for (const option of value.split(',')) dropped.add(option.trim().toLowerCase())
  }
  return all.filter(([name]) => !dropped.has(name))
}

/** As on the wire, but for `Host`, `Content-Length` and `Connection`, which undici adds: those are counted at their usual size. */
function requestHeadBytes({ method, url, headers }: FetchRequest): number {
  const own = `${method} ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\nconnection: keep-alive\r\n\r\n`.length
  return headers.reduce((bytes, [name, value]) => bytes + name.length + value.length + 4, own)
}

function responseHeadBytes(raw: readonly (Buffer | string)[], statusText: string): number {
  return raw.reduce((bytes, part) => bytes + part.length + 2, 'HTTP/1.1 200 \r\n\r\n'.length + statusText.length)
}

function latin1(part: Buffer | string | undefined): string {
  return part === undefined ? '' : part.toString('latin1')
}
