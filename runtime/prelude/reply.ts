import { MAX_INLINE_BODY_BYTES } from '../contract/limits.ts'
import { readBody } from './body.ts'
import { type Call, endCall } from './call.ts'
import { bytesOf, copyBytes, isBufferSource } from './encoding.ts'
import { gatewayReply, isGatewayReply } from './gateway-reply.ts'
import { HeaderList } from './header-list.ts'
import { inspect } from './inspect.ts'
import {
  arrayBufferByteLength,
  jsonStringify,
  numberToString,
  SafeTypeError,
  stringToWellFormed,
  typedArrayBuffer,
  typedArrayByteLength,
} from './primordials.ts'
import { responseParts } from './response.ts'
import type { Handler } from './styles.ts'
import { utf8Length } from './text.ts'
import { errorText, thrownErrorText } from './thrown-error.ts'
import { dropTimers } from './timers.ts'
import { postAnswer } from './wall.ts'

/** Room for a reply's status and headers. */
const MAX_HEAD_CHARS = 64 * 1024

/** Answers `failed` with what was thrown; ignored when the call has been answered or ended. */
export function fail(call: Call, error: unknown): void {
  if (call.ended) return
  finish(call, 'failed', thrownErrorText(error))
}

/** Turns a handler's result into its answer. Runs user code (toJSON, getters), so inside a slice only. */
export function answer(call: Call, handler: Handler, door: 'url' | 'rpc', result: unknown): void {
  if (call.ended) return
  try {
    const parts = responseParts(result)
    if (parts !== undefined) sendResponse(call, parts)
    else if (handler.style === 'fetch') throw new SafeTypeError(`The fetch handler must return a Response, got ${inspect(result, 200)}`)
    else if (handler.style === 'lambda' && door === 'url') sendGatewayReply(call, result)
    else if (isBufferSource(result)) sendHttp(call, 200, typed('application/octet-stream'), copyBytes(bytesOf(result)))
    else if (door === 'rpc') sendJson(call, result)
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
  if (body === null) sendHttp(call, status, list, '')
  else if (body.stream === undefined && !body.used) {
    body.used = true
    sendHttp(call, status, list, body.source as string | Uint8Array)
  } else void sendStream(call, status, list, body)
}

async function sendStream(call: Call, status: number, list: HeaderList, body: NonNullable<Parts['body']>): Promise<void> {
  try {
    const all = await readBody(body, MAX_INLINE_BODY_BYTES)
    if (call.ended) return
    if (all === undefined) tooLarge(call)
    else sendHttp(call, status, list, all)
  } catch (error) {
    fail(call, error)
  }
}

function sendGatewayReply(call: Call, result: unknown): void {
  if (isGatewayReply(result)) {
    const { status, list, body } = gatewayReply(result)
    sendHttp(call, status, list, body)
  } else sendHttp(call, 200, typed('application/json'), typeof result === 'string' ? stringToWellFormed(result) : toJson(result))
}

function sendJson(call: Call, result: unknown): void {
  const text = toJson(result)
  if (fits(text)) finish(call, 'result', '{"kind":"json"}', text)
  else tooLarge(call)
}

function sendHttp(call: Call, status: number, list: HeaderList, body: string | Uint8Array): void {
  const head = headText(status, list)
  if (head.length > MAX_HEAD_CHARS) {
    finish(call, 'failed', errorText('OutputLimit', `The reply's headers have ${head.length} characters, allowed are ${MAX_HEAD_CHARS}`, ''))
  } else if (!fits(body)) tooLarge(call)
  else finish(call, 'result', head, typeof body === 'string' ? body : wholeBuffer(body))
}

// Written by hand: JSON.stringify would ask Object.prototype and Array.prototype for a toJSON.
function headText(status: number, { names, values }: HeaderList): string {
  let text = `{"kind":"http","status":${numberToString(status)},"headers":[`
  for (let at = 0; at < names.length; at++) text += `${at === 0 ? '' : ','}["${names[at]}",${jsonStringify(values[at])}]`
  return `${text}]}`
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

function fits(body: string | Uint8Array): boolean {
  if (typeof body !== 'string') return typedArrayByteLength(body) <= MAX_INLINE_BODY_BYTES
  // At most three bytes of UTF-8 for each UTF-16 unit.
  return body.length * 3 <= MAX_INLINE_BODY_BYTES || (body.length <= MAX_INLINE_BODY_BYTES && utf8Length(body) <= MAX_INLINE_BODY_BYTES)
}

function tooLarge(call: Call): void {
  finish(call, 'failed', errorText('OutputLimit', `The reply's body is larger than ${MAX_INLINE_BODY_BYTES} bytes`, ''))
}

function finish(call: Call, kind: 'failed' | 'result', text: string, body?: string | ArrayBuffer): void {
  if (!endCall(call)) return
  dropTimers(call)
  postAnswer(kind, call.number, text, body)
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
