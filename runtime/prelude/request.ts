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
import { toAbsoluteUrl, toMethod } from './request-init.ts'
import { DEFAULT_OPTIONS, type RequestOptionsInit, readRequestOptions } from './request-options.ts'

interface RequestInit extends RequestOptionsInit {
  readonly method?: unknown
  readonly headers?: unknown
  readonly body?: unknown
  readonly signal?: unknown
}

type HeaderPairs = ArrayLike<readonly [string, string]>

const INCOMING = { __proto__: null }

/** The request of an invocation. Nothing of it is parsed before the function asks: not the URL, not the headers. */
export let createIncomingRequest: (call: Call, method: string, url: string, headers: HeaderPairs, body: Body | null) => Request

/** What `fetch` needs of a Request. */
export interface RequestParts {
  readonly method: string
  readonly url: string
  readonly list: HeaderList
  readonly body: Body | null
  readonly redirect: string
  /** undefined: nobody can abort it but the invocation's end. */
  readonly signal: AbortSignal | undefined
}
export let requestParts: (request: Request) => RequestParts

export class Request {
  #method = 'GET'
  #url = ''
  #pairs: HeaderPairs | undefined
  #headers: Headers | undefined
  #body: Body | null = null
  #signal: AbortSignal | undefined
  #call: Call | undefined
  #options = DEFAULT_OPTIONS

  constructor(input: unknown, init?: RequestInit | null) {
    if (input === INCOMING) return
    const source = isRequest(input) ? input : undefined
    const options = init ?? {}
    this.#url = source === undefined ? toAbsoluteUrl(input) : source.#url
    this.#method = options.method === undefined ? (source === undefined ? 'GET' : source.#method) : toMethod(options.method)
    this.#options = source === undefined ? DEFAULT_OPTIONS : source.#options
    if (init !== undefined && init !== null) this.#options = readRequestOptions(init, this.#options, this.#method)
    this.#follow(options.signal === undefined ? source?.signal : options.signal)
    const list = new HeaderList()
    const inherited = options.headers ?? source?.headers
    if (inherited !== undefined) fillHeaders(list, inherited)
    this.#headers = createHeaders(list, false)
    this.#takeBody(options.body, source, list)
  }

  #takeBody(init: unknown, source: Request | undefined, list: HeaderList): void {
    const given = init !== undefined && init !== null
    const inherited = source === undefined ? null : source.#body
    if ((given || inherited !== null) && (this.#method === 'GET' || this.#method === 'HEAD'))
      throw new SafeTypeError(`Cannot make a Request: ${this.#method} has no body`)
    if (!given) {
      this.#body = takeBody(inherited)
      return
    }
    const { body, type } = extractBody(init)
    if (this.#options.keepalive && body.stream !== undefined) throw new SafeTypeError('Cannot make a Request: keepalive does not go with a stream')
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
    return this.#options.redirect
  }
  get cache() {
    return this.#options.cache
  }
  get credentials() {
    return this.#options.credentials
  }
  get destination() {
    return ''
  }
  get integrity() {
    return this.#options.integrity
  }
  get keepalive() {
    return this.#options.keepalive
  }
  get isReloadNavigation() {
    return false
  }
  get isHistoryNavigation() {
    return false
  }
  get mode() {
    return this.#options.mode
  }
  get referrer() {
    return this.#options.referrer
  }
  get referrerPolicy() {
    return this.#options.referrerPolicy
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
    copy.#options = this.#options
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
    requestParts = (request) => ({
      method: request.#method,
      url: request.#url,
      list: headerListOf(request.headers) as HeaderList,
      body: request.#body,
      redirect: request.#options.redirect,
      signal: request.#signal,
    })
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
