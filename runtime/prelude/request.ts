import { AbortSignal, callSignal, createSignal } from './abort.ts'
import {
  type Body,
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
  takeBody,
} from './body.ts'
import type { Call } from './call.ts'
import { HeaderList } from './header-list.ts'
import { createHeaders, fillHeaders, type Headers, headerListOf } from './headers.ts'
import { SafeTypeError } from './primordials.ts'
import { toAbsoluteUrl, toMethod, toRedirect } from './request-init.ts'

interface RequestInit {
  readonly method?: unknown
  readonly headers?: unknown
  readonly body?: unknown
  readonly signal?: unknown
  readonly redirect?: unknown
}

type HeaderPairs = ArrayLike<readonly [string, string]>

const INCOMING = { __proto__: null }

/** The request of an invocation. Nothing of it is parsed before the function asks: not the URL, not the headers. */
export let createIncomingRequest: (call: Call, method: string, url: string, headers: HeaderPairs, body: Body | null) => Request

export class Request {
  #method = 'GET'
  #url = ''
  #pairs: HeaderPairs | undefined
  #headers: Headers | undefined
  #body: Body | null = null
  #signal: AbortSignal | undefined
  #call: Call | undefined
  #redirect = 'follow'

  constructor(input: unknown, init?: RequestInit | null) {
    if (input === INCOMING) return
    const source = isRequest(input) ? input : undefined
    const options = init ?? {}
    this.#url = source === undefined ? toAbsoluteUrl(input) : source.#url
    this.#method = options.method === undefined ? (source === undefined ? 'GET' : source.#method) : toMethod(options.method)
    if (options.redirect !== undefined) this.#redirect = toRedirect(options.redirect)
    else if (source !== undefined) this.#redirect = source.#redirect
    this.#follow(options.signal === undefined ? source?.signal : options.signal)
    const list = new HeaderList()
    const inherited = options.headers ?? source?.headers
    if (inherited !== undefined) fillHeaders(list, inherited)
    this.#headers = createHeaders(list, false)
    this.#takeBody(options.body, source, list)
  }

  #takeBody(init: unknown, source: Request | undefined, list: HeaderList): void {
    const given = init !== undefined && init !== null
    if (given && (this.#method === 'GET' || this.#method === 'HEAD')) throw new SafeTypeError(`Cannot make a Request: ${this.#method} has no body`)
    if (!given) {
      this.#body = init === undefined && source !== undefined ? takeBody(source.#body) : null
      return
    }
    const { body, type } = extractBody(init)
    this.#body = body
    if (type !== null && !list.has('content-type')) list.append('content-type', type)
  }

  #follow(signal: unknown): void {
    if (signal === undefined || signal === null) return
    if (!(signal instanceof AbortSignal)) throw new SafeTypeError('Cannot make a Request: signal must be an AbortSignal')
    this.#signal = AbortSignal.any([signal])
  }

  get method() {
    return this.#method
  }
  get url() {
    return this.#url
  }
  get headers(): Headers {
    if (this.#headers === undefined) {
      const list = new HeaderList()
      const pairs = this.#pairs as HeaderPairs
      for (let at = 0; at < pairs.length; at++) {
        const pair = pairs[at] as readonly [string, string]
        list.append(pair[0], pair[1])
      }
      this.#headers = createHeaders(list, true)
    }
    return this.#headers
  }
  get signal(): AbortSignal {
    this.#signal ??= this.#call === undefined ? createSignal() : callSignal(this.#call)
    return this.#signal
  }
  get redirect() {
    return this.#redirect
  }
  get cache() {
    return 'default'
  }
  get credentials() {
    return 'same-origin'
  }
  get destination() {
    return ''
  }
  get integrity() {
    return ''
  }
  get keepalive() {
    return false
  }
  get mode() {
    return 'cors'
  }
  get referrer() {
    return 'about:client'
  }
  get referrerPolicy() {
    return ''
  }
  get duplex() {
    return 'half'
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
    return readBlob(this.#body, this.#contentType)
  }
  async bytes() {
    return readBytes(this.#body)
  }
  async formData() {
    return readFormData(this.#body, this.#contentType)
  }
  async json() {
    return readJson(this.#body)
  }
  async text() {
    return readText(this.#body)
  }

  clone(): Request {
    const body = cloneBody(this.#body)
    const copy = new Request(INCOMING)
    copy.#method = this.#method
    copy.#url = this.#url
    copy.#redirect = this.#redirect
    copy.#body = body
    copy.#headers = createHeaders((headerListOf(this.headers) as HeaderList).copy(), this.#call !== undefined)
    copy.#call = this.#call
    if (this.#call === undefined) copy.#follow(this.signal)
    return copy
  }

  get #contentType(): string | null {
    return (headerListOf(this.headers) as HeaderList).get('content-type')
  }

  static {
    createIncomingRequest = (call, method, url, headers, body) => {
      const request = new Request(INCOMING)
      request.#call = call
      request.#method = method
      request.#url = url
      request.#pairs = headers
      request.#body = body
      return request
    }
  }
}

function isRequest(value: unknown): value is Request {
  return typeof value === 'object' && value !== null && value instanceof Request
}
