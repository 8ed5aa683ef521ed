import type { ReadableStream } from 'web-streams-polyfill'
import type { Door } from '../contract/invocation.ts'
import { MAX_BUFFERED_BODY_BYTES, MAX_INLINE_BODY_BYTES, MAX_REPLY_HEAD_BYTES, MAX_STREAMED_BODY_BYTES } from '../contract/limits.ts'
import { OWN_PIPE, ReplyGoesOn } from '../contract/messages.ts'
import { isUnusable } from './body.ts'
import { type Call, endCall } from './call.ts'
import { bytesOf, copyBytes, encodeUtf8, isBufferSource } from './encoding.ts'
import { gatewayReply, isGatewayReply } from './gateway-reply.ts'
import { HeaderList } from './header-list.ts'
import { dropHostCalls } from './host-call.ts'
import { inspect } from './inspect.ts'
import { writePipe } from './pipes.ts'
import {
  arrayBufferByteLength,
  jsonStringify,
  numberToString,
  SafeTypeError,
  stringToWellFormed,
  typedArrayBuffer,
  typedArrayByteLength,
} from './primordials.ts'
import { react } from './promise.ts'
import { responseParts } from './response.ts'
import { streamOfBytes } from './streams.ts'
import type { Handler } from './styles.ts'
import { utf8Length } from './text.ts'
import { errorText, thrownErrorText } from './thrown-error.ts'
import { dropTimers } from './timers.ts'
import { postAnswer } from './wall.ts'

/** `failed` for the platform's own limit, not for what the function threw. */
const BY_LIMIT = 1
/** A head's end, when the body follows and nobody knows how long it is. */
const STREAMED = ',"stream":{}'

/** Answers `failed` with what was thrown; ignored when the call has been answered or ended. */
export function fail(call: Call, error: unknown): void {
  if (!call.replied) end(call, 'failed', thrownErrorText(error))
}

/** Turns a handler's result into its answer. Runs user code (toJSON, getters), so inside a slice only. */
export function answer(call: Call, handler: Handler, door: Door, result: unknown): void {
  if (call.ended || call.replied) return
  try {
    const parts = responseParts(result)
    if (door === 'scheduled') sendJson(call, parts === undefined ? jsonOrNull(result) : 'null')
    else if (parts !== undefined) sendResponse(call, parts)
    else if (handler.style === 'fetch') throw new SafeTypeError(`The fetch handler must return a Response, got ${inspect(result, 200)}`)
    else if (handler.style === 'lambda' && door === 'url') sendGatewayReply(call, result)
    else if (isBufferSource(result)) sendHttp(call, 200, typed('application/octet-stream'), copyBytes(bytesOf(result)))
    else if (door === 'rpc') sendJson(call, toJson(result))
    else if (result === undefined) sendHttp(call, 204, new HeaderList(), '')
    else if (typeof result === 'string') sendHttp(call, 200, typed('text/plain;charset=UTF-8'), stringToWellFormed(result))
    else sendHttp(call, 200, typed('application/json'), toJson(result))
  } catch (error) {
    fail(call, error)
  }
}

type Parts = NonNullable<ReturnType<typeof responseParts>>

function sendResponse(call: Call, { status, list, body }: Parts): void {
  if (status === 0) throw new SafeTypeError('The handler returned Response.error(), which cannot be sent')
  if (body === null) {
    sendHttp(call, status, list, '')
    return
  }
  if (isUnusable(body)) throw new SafeTypeError('The handler returned a Response whose body has been used already, or is locked')
  body.used = true
  if (body.stream === undefined) sendHttp(call, status, list, body.source as string | Uint8Array)
  else sendStream(call, headText(status, list, STREAMED), body.stream, MAX_STREAMED_BODY_BYTES)
}

function sendGatewayReply(call: Call, result: unknown): void {
  if (isGatewayReply(result)) {
    const { status, list, body } = gatewayReply(result)
    sendHttp(call, status, list, body)
  } else sendHttp(call, 200, typed('application/json'), typeof result === 'string' ? stringToWellFormed(result) : toJson(result))
}

function sendJson(call: Call, text: string): void {
  sendWhole(call, text, (tail) => `{"kind":"json"${tail}}`)
}

function sendHttp(call: Call, status: number, list: HeaderList, body: string | Uint8Array): void {
  sendWhole(call, body, (tail) => headText(status, list, tail))
}

/** Small enough, it goes with its head; else after it. `head` takes what is to be added to it. */
function sendWhole(call: Call, body: string | Uint8Array, head: (tail: string) => string): void {
  if (fitsInline(body)) {
    const text = head('')
    if (fitsHead(call, text)) end(call, 'result', text, typeof body === 'string' ? body : wholeBuffer(body))
    return
  }
  const bytes = typeof body === 'string' ? encodeUtf8(body) : body
  const length = typedArrayByteLength(bytes)
  if (length > MAX_BUFFERED_BODY_BYTES) {
    const message = `The reply's body has ${length} bytes, allowed are ${MAX_BUFFERED_BODY_BYTES} unless it is streamed`
    end(call, 'failed', errorText('RangeError', message, ''), undefined, BY_LIMIT)
    return
  }
  sendStream(
    call,
    head(`,"stream":{"length":${numberToString(length)}}`),
    streamOfBytes(() => bytes),
    MAX_BUFFERED_BODY_BYTES,
  )
}

/** The head goes out now, the bytes as the caller takes them. */
function sendStream(call: Call, head: string, stream: ReadableStream, maxBytes: number): void {
  if (!fitsHead(call, head)) return
  call.replied = true
  const goesOn = call.holds > 0 ? ReplyGoesOn.stream | ReplyGoesOn.open : ReplyGoesOn.stream
  hold(call)
  postAnswer('result', call.number, head, undefined, goesOn)
  void react(
    writePipe(OWN_PIPE, stream, maxBytes, undefined, call),
    () => release(call),
    (error) => endNow(call, 'failed', thrownErrorText(error)),
  )
}

function fitsHead(call: Call, head: string): boolean {
  if (head.length <= MAX_REPLY_HEAD_BYTES) return true
  const message = `The reply's status and headers have ${head.length} characters, allowed are ${MAX_REPLY_HEAD_BYTES}`
  end(call, 'failed', errorText('RangeError', message, ''))
  return false
}

// Written by hand: JSON.stringify would ask Object.prototype and Array.prototype for a toJSON.
function headText(status: number, { names, values }: HeaderList, tail: string): string {
  let text = `{"kind":"http","status":${numberToString(status)},"headers":[`
  for (let at = 0; at < names.length; at++) text += `${at === 0 ? '' : ','}["${names[at]}",${jsonStringify(values[at])}]`
  return `${text}]${tail}}`
}

/** Nobody waits for what a scheduled run returns: it is kept where it is JSON, and is no reason to fail where it is not. */
function jsonOrNull(result: unknown): string {
  try {
    return toJson(result)
  } catch {
    return 'null'
  }
}

function toJson(result: unknown): string {
  let text: string | undefined
  try {
    text = jsonStringify(result) as string | undefined
  } catch (error) {
    throw new SafeTypeError(`Cannot turn the handler's result into JSON: ${messageOf(error)}`, { cause: error })
  }
  if (text !== undefined) return stringToWellFormed(text)
  if (result === undefined) return 'null'
  throw new SafeTypeError(`Cannot turn the handler's result into JSON: it is ${inspect(result, 200)}`)
}

function messageOf(error: unknown): string {
  try {
    return `${(error as Error).message}`
  } catch {
    return 'it threw while being read'
  }
}

function fitsInline(body: string | Uint8Array): boolean {
  if (typeof body !== 'string') return typedArrayByteLength(body) <= MAX_INLINE_BODY_BYTES
  // At most three bytes of UTF-8 for each UTF-16 unit.
  return body.length * 3 <= MAX_INLINE_BODY_BYTES || (body.length <= MAX_INLINE_BODY_BYTES && utf8Length(body) <= MAX_INLINE_BODY_BYTES)
}

/** Keeps the call open beyond its reply, until it is released as often. */
export function hold(call: Call): void {
  call.holds++
}

export function release(call: Call): void {
  call.holds--
  if (call.replied && call.holds === 0) endNow(call, 'done', '')
}

/** The whole answer. The call ends with it, unless something holds it. */
function end(call: Call, kind: 'failed' | 'result', text: string, body?: string | ArrayBuffer, extra?: number): void {
  if (kind === 'result' && call.holds > 0) {
    call.replied = true
    postAnswer(kind, call.number, text, body, ReplyGoesOn.open)
  } else endNow(call, kind, text, body, extra)
}

function endNow(call: Call, kind: 'failed' | 'result' | 'done', text: string, body?: string | ArrayBuffer, extra?: number): void {
  if (!endCall(call)) return
  dropTimers(call)
  dropHostCalls(call)
  postAnswer(kind, call.number, text, body, extra)
}

function wholeBuffer(bytes: Uint8Array): ArrayBuffer {
  const buffer = typedArrayBuffer(bytes)
  return arrayBufferByteLength(buffer) === typedArrayByteLength(bytes) ? buffer : copyBytes(bytes).buffer
}

function typed(contentType: string): HeaderList {
  const list = new HeaderList()
  list.append('content-type', contentType)
  return list
}
