import type { ReadableStream } from 'web-streams-polyfill'
import { type EventHead, OWN_PIPE } from '../contract/messages.ts'
import { toBase64 } from './base64.ts'
import { type Body, bodyOf } from './body.ts'
import type { Call } from './call.ts'
import { createContext, type FunctionInfo } from './context.ts'
import { bytesOf, decodeUtf8, tryDecodeUtf8 } from './encoding.ts'
import { eventHeaders } from './event-headers.ts'
import { toGatewayEvent } from './gateway-event.ts'
import { append, type List, newList } from './list.ts'
import { essence, isJsonType, isTextType } from './media-type.ts'
import { readablePipe } from './pipes.ts'
import { arrayBufferByteLength, define, jsonParse, objectHasOwn, SafeTypeError } from './primordials.ts'
import { parseQuery, splitUrl } from './query.ts'
import { createIncomingRequest } from './request.ts'
import { toScheduledEvent } from './scheduled-event.ts'
import type { Handler } from './styles.ts'

export type UrlHead = EventHead & { door: 'url' }
type RpcHead = EventHead & { door: 'rpc' }
export type EventBytes = string | ArrayBuffer | undefined

/** What calleeOf(handler, head.door) is called with: door × style. Throws a TypeError when an event that should be JSON is not. */
export function eventArgs(handler: Handler, head: EventHead, body: EventBytes, call: Call, info: FunctionInfo): unknown[] {
  const context = createContext(call, info)
  if (head.door === 'scheduled') {
    const event = toScheduledEvent(head, parseEvent(body))
    return handler.scheduled === undefined ? [event, context] : [event, info.env, context]
  }
  if (handler.style === 'fetch') return [toRequest(head, body, call, info), info.env, context]
  if (head.door === 'rpc') return [parseEvent(body), context]
  return [handler.style === 'lambda' ? toGatewayEvent(head, eventBody(head, body), info) : toHttpEvent(head, body), context]
}

/** The request's body where it did not come with its head; undefined when it did. To be read once. */
export function streamedBody(head: EventHead): ReadableStream | undefined {
  // JSON.parse made `head`, so what it does not have could come from Object.prototype.
  if (!objectHasOwn(head, 'stream')) return undefined
  const stream = head.stream as NonNullable<EventHead['stream']>
  return readablePipe(OWN_PIPE, objectHasOwn(stream, 'length') ? stream.length : undefined)
}

function heldBody(head: EventHead, body: EventBytes): Body | null {
  const stream = streamedBody(head)
  if (stream !== undefined) return { source: undefined, stream, used: false }
  return isEmpty(body) ? null : bodyOf(typeof body === 'string' ? body : bytesOf(body as ArrayBuffer))
}

function toRequest(head: UrlHead | RpcHead, body: EventBytes, call: Call, info: FunctionInfo): unknown {
  const held = heldBody(head, body)
  if (head.door === 'url')
    return createIncomingRequest(call, head.method, head.url, head.headers, head.method === 'GET' || head.method === 'HEAD' ? null : held)
  return createIncomingRequest(call, 'POST', `https://${info.name}.isolane.internal/`, jsonHeaders(head), held ?? bodyOf('null'))
}

function parseEvent(body: EventBytes): unknown {
  if (isEmpty(body)) return null
  try {
    return jsonParse(typeof body === 'string' ? body : decodeUtf8(bytesOf(body as ArrayBuffer)))
  } catch (error) {
    throw new SafeTypeError(`Cannot read the event: it is not JSON (${(error as Error).message})`)
  }
}

function toHttpEvent(head: UrlHead, bytes: EventBytes): unknown {
  const { path, search } = splitUrl(head.url)
  const { text, isBase64 } = eventBody(head, bytes)
  let body: unknown = text
  if (text !== null && !isBase64 && isJsonType(contentType(head))) body = parsedOr(text)
  const event = { method: head.method, url: head.url, path, query: parseQuery(search), headers: eventHeaders(head.headers), body }
  if (isBase64) define(event, 'isBase64Encoded', true)
  return event
}

function parsedOr(text: string): unknown {
  try {
    return jsonParse(text)
  } catch {
    return text
  }
}

export interface EventBody {
  readonly text: string | null
  readonly isBase64: boolean
}

/** The body as an event carries it: text of text types, and of no type if it is UTF-8; else base64. */
function eventBody(head: UrlHead, body: EventBytes): EventBody {
  if (isEmpty(body)) return { text: null, isBase64: false }
  if (typeof body === 'string') return { text: body, isBase64: false }
  const bytes = bytesOf(body as ArrayBuffer)
  const type = contentType(head)
  const text = type === '' || isTextType(type) ? tryDecodeUtf8(bytes) : undefined
  return text === undefined ? { text: toBase64(bytes), isBase64: true } : { text, isBase64: false }
}

function contentType(head: UrlHead): string {
  for (let at = 0; at < head.headers.length; at++) {
    const pair = head.headers[at] as readonly [string, string]
    if (pair[0] === 'content-type') return essence(pair[1])
  }
  return ''
}

/** The head's headers, and that the event is JSON unless they say otherwise. */
function jsonHeaders(head: RpcHead): List<readonly [string, string]> {
  const headers: List<readonly [string, string]> = newList()
  let isTyped = false
  for (let at = 0; at < head.headers.length; at++) {
    const pair = head.headers[at] as readonly [string, string]
    if (pair[0] === 'content-type') isTyped = true
    append(headers, pair)
  }
  if (!isTyped) append(headers, ['content-type', 'application/json'])
  return headers
}

function isEmpty(body: EventBytes): body is undefined {
  return body === undefined || body === '' || (typeof body !== 'string' && arrayBufferByteLength(body) === 0)
}
