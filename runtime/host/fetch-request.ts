import { DEPTH_HEADER } from '../contract/depth-header.ts'
import { MAX_STREAMED_BODY_BYTES } from '../contract/limits.ts'
import { HostError } from './operation.ts'

/** One request as it goes out, checked. */
export interface FetchRequest {
  readonly method: string
  /** http or https, without user name, password and fragment. */
  readonly url: URL
  /** Names in lower case; what the platform itself says (Host, Content-Length, Connection …) is not among them. */
  readonly headers: readonly HeaderPair[]
  readonly redirect: 'follow' | 'error' | 'manual'
  /** Redirects that led here. */
  readonly followed: number
  readonly body: Buffer | StreamedBody | undefined
}

/**
 * It comes through the call's pipe, once. With `length` (bytes) the function has all of it, and can be asked to send it
 * again.
 */
export interface StreamedBody {
  readonly length: number | undefined
}

export type HeaderPair = readonly [name: string, value: string]

export const MAX_REDIRECTS = 20
const MAX_URL_CHARS = 16 * 1024
const MAX_HEADERS = 200
const MAX_HEADER_CHARS = 32 * 1024
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/
const FORBIDDEN_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK'])
/** What belongs to the connection, or is worked out here. */
const FORBIDDEN_HEADERS = new Set([
  ...['connection', 'content-length', 'expect', 'host', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'via'],
])

/**
 * The guest's `fetch` as a request.
 *
 * @throws HostError TypeError
 */
export function parseFetch(args: unknown, body: Buffer): FetchRequest {
  const {
    method,
    url,
    headers,
    redirect,
    body: kind,
    length,
    followed = 0,
  } = (typeof args === 'object' && args !== null ? args : {}) as Record<string, unknown>
  if (typeof method !== 'string' || !METHOD.test(method)) throw wrong(`the method must be a token of at most 32 characters, got ${shown(method)}`)
  if (FORBIDDEN_METHODS.has(method.toUpperCase())) throw wrong(`the method ${method} is not allowed`)
  if (redirect !== 'follow' && redirect !== 'error' && redirect !== 'manual')
    throw wrong(`redirect must be follow, error or manual, got ${shown(redirect)}`)
  if (kind !== 'none' && kind !== 'whole' && kind !== 'stream') throw wrong(`body must be none, whole or stream, got ${shown(kind)}`)
  if (kind !== 'none' && (method === 'GET' || method === 'HEAD')) throw wrong(`${method} has no body`)
  return {
    method,
    url: parseTarget(url),
    headers: parseHeaders(headers),
    redirect,
    followed: asCount(followed, 'followed', MAX_REDIRECTS),
    body:
      kind === 'none'
        ? undefined
        : kind === 'whole'
          ? body
          : { length: length === undefined ? undefined : asCount(length, 'length', MAX_STREAMED_BODY_BYTES) },
  }
}

export function isStreamed(body: FetchRequest['body']): body is StreamedBody {
  return body !== undefined && !Buffer.isBuffer(body)
}

/**
 * @param base for a Location that is relative
 * @throws HostError TypeError
 */
export function parseTarget(text: unknown, base?: URL): URL {
  if (typeof text !== 'string' || text.length > MAX_URL_CHARS) throw wrong(`the URL must be text of at most ${MAX_URL_CHARS} characters`)
  const url = URL.parse(text, base?.href)
  if (url === null) throw wrong(`${shown(text)} is not a URL`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw wrong(`the scheme must be http or https, got ${url.protocol.slice(0, -1)}`)
  if (url.username !== '' || url.password !== '') throw wrong('the URL must not have a user name or password in it')
  url.hash = ''
  return url
}

function parseHeaders(value: unknown): HeaderPair[] {
  if (!Array.isArray(value) || value.length > MAX_HEADERS) throw wrong(`there may be at most ${MAX_HEADERS} headers`)
  const kept: HeaderPair[] = []
  let chars = 0
  for (const pair of value) {
    const [name, text] = Array.isArray(pair) ? pair : []
    if (typeof name !== 'string' || !TOKEN.test(name)) throw wrong(`${shown(name)} is not a header name`)
    if (typeof text !== 'string' || !isFieldValue(text)) throw wrong(`the header ${name} has a value that is not allowed`)
    chars += name.length + text.length
    const key = name.toLowerCase()
    if (!FORBIDDEN_HEADERS.has(key) && !key.startsWith('proxy-') && key !== DEPTH_HEADER) kept.push([key, text])
  }
  if (chars > MAX_HEADER_CHARS) throw wrong(`the headers have ${chars} characters, allowed are ${MAX_HEADER_CHARS}`)
  return kept
}

/** Latin-1 without control characters, tabs excepted (RFC 9110 §5.5). */
function isFieldValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text)
}

function asCount(value: unknown, name: string, most: number): number {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > most) throw wrong(`${name} must be an integer from 0 to ${most}`)
  return value as number
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : value === null ? 'null' : typeof value
}

function wrong(what: string): HostError {
  return new HostError('TypeError', `fetch failed: ${what}`)
}
