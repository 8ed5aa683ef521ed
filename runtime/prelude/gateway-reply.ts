import { fromBase64 } from './base64.ts'
import { HeaderList, toHeaderName, toHeaderValue } from './header-list.ts'
import { arrayIsArray, isObject, jsonStringify, objectKeys, SafeTypeError, stringToWellFormed } from './primordials.ts'
import { toText } from './text.ts'

/** What a Lambda handler answers through API Gateway, payload format 2.0. */
interface GatewayReply {
  readonly statusCode?: unknown
  readonly headers?: unknown
  readonly cookies?: unknown
  readonly body?: unknown
  readonly isBase64Encoded?: unknown
}

/** As API Gateway tells them apart: an object with a `statusCode`; anything else is a body of its own. */
export function isGatewayReply(result: unknown): result is GatewayReply {
  return isObject(result) && (result as GatewayReply).statusCode !== undefined
}

/** Throws a TypeError that names the field which is not as it should be. */
export function gatewayReply({ statusCode, headers, cookies, body, isBase64Encoded }: GatewayReply): {
  status: number
  list: HeaderList
  body: string | Uint8Array
} {
  const status = +toText(statusCode)
  if (!(status >= 200 && status <= 599) || status % 1 !== 0) {
    throw new SafeTypeError(`Cannot send the reply: statusCode is ${toText(statusCode)}, allowed are whole numbers from 200 to 599`)
  }
  const list = new HeaderList()
  if (headers !== undefined && headers !== null) appendHeaders(list, headers)
  if (cookies !== undefined && cookies !== null) appendEach(list, 'set-cookie', cookies)
  if (body !== undefined && body !== null && !list.has('content-type')) list.append('content-type', 'application/json')
  return { status, list, body: replyBody(body, isBase64Encoded === true) }
}

function appendHeaders(list: HeaderList, headers: unknown): void {
  if (!isObject(headers)) throw new SafeTypeError('Cannot send the reply: headers must be an object')
  const keys = objectKeys(headers)
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at] as string
    const value = (headers as Record<string, unknown>)[key]
    if (value !== undefined && value !== null) appendEach(list, toHeaderName(key), value)
  }
}

function appendEach(list: HeaderList, name: string, value: unknown): void {
  if (!arrayIsArray(value)) {
    list.append(name, toHeaderValue(name, value))
    return
  }
  for (let at = 0; at < value.length; at++) list.append(name, toHeaderValue(name, value[at]))
}

function replyBody(body: unknown, isBase64: boolean): string | Uint8Array {
  if (body === undefined || body === null) return ''
  if (typeof body !== 'string') return stringToWellFormed(jsonStringify(body) ?? '')
  if (!isBase64) return stringToWellFormed(body)
  const bytes = fromBase64(body)
  if (bytes === undefined) throw new SafeTypeError('Cannot send the reply: isBase64Encoded is true, but body is not base64')
  return bytes
}
