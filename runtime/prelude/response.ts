import {
  type Body,
  bodyOf,
  cloneBody,
  extractBody,
  isUsed,
  readArrayBuffer,
  readBlob,
  readBytes,
  readFormData,
  readJson,
  readText,
  streamOf,
} from './body.ts'
import { HeaderList } from './header-list.ts'
import { createHeaders, fillHeaders, type Headers } from './headers.ts'
import { jsonStringify, mathTrunc, SafeRangeError, SafeTypeError, stringCharCodeAt, stringToWellFormed } from './primordials.ts'
import { toText, toUsvText } from './text.ts'
import { URL } from './url.ts'

interface ResponseInit {
  readonly status?: unknown
  readonly statusText?: unknown
  readonly headers?: unknown
}

/** What the reply step needs of a Response; `undefined` for anything else. */
export let responseParts: (value: unknown) => { status: number; list: HeaderList; body: Body | null } | undefined

/** What came of a `fetch`. `url` is without its fragment. */
export interface Fetched {
  readonly status: number
  readonly statusText: string
  readonly url: string
  readonly redirected: boolean
  readonly list: HeaderList
  readonly body: Body | null
}
export let createFetchedResponse: (fetched: Fetched) => Response

export class Response {
  #status = 200
  #statusText = ''
  #type = 'default'
  #url = ''
  #redirected = false
  #list = new HeaderList()
  #headers: Headers | undefined
  #immutable = false
  #body: Body | null = null

  constructor(body?: unknown, init?: ResponseInit | null) {
    if (init !== undefined && init !== null) this.#initialize(init)
    if (body === undefined || body === null) return
    this.#mustAllowBody()
    if (typeof body === 'string') {
      this.#body = bodyOf(stringToWellFormed(body))
      if (!this.#list.has('content-type')) this.#list.append('content-type', 'text/plain;charset=UTF-8')
      return
    }
    const extracted = extractBody(body)
    this.#body = extracted.body
    if (extracted.type !== null && !this.#list.has('content-type')) this.#list.append('content-type', extracted.type)
  }

  #mustAllowBody(): void {
    if (this.#status === 204 || this.#status === 205 || this.#status === 304) {
      throw new SafeTypeError(`Cannot make a Response: status ${this.#status} has no body`)
    }
  }

  #initialize(init: ResponseInit): void {
    const { status, statusText, headers } = init
    if (status !== undefined) this.#status = toStatus(status, 200, 599)
    if (statusText !== undefined) this.#statusText = toStatusText(statusText)
    if (headers !== undefined) fillHeaders(this.#list, headers)
  }

  get status() {
    return this.#status
  }
  get statusText() {
    return this.#statusText
  }
  get ok() {
    return this.#status >= 200 && this.#status < 300
  }
  get type() {
    return this.#type
  }
  get url() {
    return this.#url
  }
  get redirected() {
    return this.#redirected
  }
  get headers(): Headers {
    this.#headers ??= createHeaders(this.#list, this.#immutable)
    return this.#headers
  }
  get body() {
    return streamOf(this.#body)
  }
  get bodyUsed() {
    return isUsed(this.#body)
  }

  async arrayBuffer() {
    return readArrayBuffer(this.#body)
  }
  async blob() {
    return readBlob(this.#body, this.#list.get('content-type'))
  }
  async bytes() {
    return readBytes(this.#body)
  }
  async formData() {
    return readFormData(this.#body, this.#list.get('content-type'))
  }
  async json() {
    return readJson(this.#body)
  }
  async text() {
    return readText(this.#body)
  }

  clone(): Response {
    const body = cloneBody(this.#body)
    const copy = new Response()
    copy.#status = this.#status
    copy.#statusText = this.#statusText
    copy.#type = this.#type
    copy.#url = this.#url
    copy.#redirected = this.#redirected
    copy.#immutable = this.#immutable
    copy.#list = this.#list.copy()
    copy.#body = body
    return copy
  }

  static error(): Response {
    const response = new Response()
    response.#status = 0
    response.#type = 'error'
    response.#immutable = true
    return response
  }

  static json(data?: unknown, init?: ResponseInit | null): Response {
    const text = jsonStringify(data)
    if (text === undefined) throw new SafeTypeError(`Cannot make a JSON Response: ${typeof data} is nothing JSON can say`)
    const response = new Response()
    if (init !== undefined && init !== null) response.#initialize(init)
    response.#mustAllowBody()
    if (!response.#list.has('content-type')) response.#list.append('content-type', 'application/json')
    response.#body = bodyOf(stringToWellFormed(text))
    return response
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    const location = new URL(toUsvText(url)).href
    const code = toStatus(status, 300, 399)
    if (code !== 301 && code !== 302 && code !== 303 && code !== 307 && code !== 308) {
      throw new SafeRangeError(`Cannot redirect: status is ${code}, allowed are 301, 302, 303, 307 and 308`)
    }
    const response = new Response()
    response.#status = code
    response.#immutable = true
    response.#list.append('location', location)
    return response
  }

  static {
    createFetchedResponse = ({ status, statusText, url, redirected, list, body }) => {
      const response = new Response()
      response.#status = status
      response.#statusText = statusText
      response.#type = 'basic'
      response.#url = url
      response.#redirected = redirected
      response.#list = list
      response.#immutable = true
      response.#body = body
      return response
    }
    responseParts = (value) => {
      if (typeof value !== 'object' || value === null || !(#list in value)) return undefined
      return { status: value.#status, list: value.#list, body: value.#body }
    }
  }
}

function toStatus(value: unknown, min: number, max: number): number {
  const status = +(value as number)
  if (!(status >= min && status <= max)) throw new SafeRangeError(`Cannot make a Response: status is ${status}, allowed are ${min} to ${max}`)
  return mathTrunc(status)
}

function toStatusText(value: unknown): string {
  const text = toText(value)
  for (let at = 0; at < text.length; at++) {
    const code = stringCharCodeAt(text, at)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 255)
      throw new SafeTypeError('Cannot make a Response: statusText has a character that is not allowed')
  }
  return text
}
