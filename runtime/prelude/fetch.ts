import { MAX_STREAMED_BODY_BYTES } from '../contract/limits.ts'
import { MAX_CHUNK_BYTES } from '../contract/messages.ts'
import { type Body, bodyOf, breakBody, isUnusable } from './body.ts'
import { ACCEPT_ENCODING, decodedBody } from './content-encoding.ts'
import { dataUrlResponse } from './data-url.ts'
import { copyBytes, encodeUtf8 } from './encoding.ts'
import { addListener } from './event-target.ts'
import { HeaderList } from './header-list.ts'
import { cancelHostCall, type HostValue, startHostCall } from './host-call.ts'
import { type BreakPipe, cancelPipe, readablePipe, writePipe } from './pipes.ts'
import {
  jsonStringify,
  mathMin,
  numberToString,
  SafePromise,
  SafeTypeError,
  SafeUint8Array,
  stringIndexOf,
  stringSlice,
  typedArrayByteLength,
} from './primordials.ts'
import { react } from './promise.ts'
import { Request, type RequestParts, requestParts } from './request.ts'
import { createFetchedResponse, type Response } from './response.ts'
import { hasRoom, nextSlice } from './room.ts'
import { streamOfBytes } from './streams.ts'

type Pairs = readonly (readonly [string, string])[]

/** The host's answer to `fetch` (runtime/host/fetch.ts). */
interface Answer {
  readonly status: number
  readonly statusText: string
  readonly headers: Pairs
  readonly url: string
  readonly redirected: boolean
  /** The whole body came with it. */
  readonly done?: boolean
  /** A redirect wants the body again: to be asked for anew, with these. */
  readonly resend?: { readonly url: string; readonly method: string; readonly headers: Pairs; readonly followed: number }
}

export async function fetch(input: unknown, init?: object | null): Promise<Response> {
  const parts = requestParts(new Request(input, init))
  const { url, signal, body } = parts
  if (signal?.aborted === true) {
    if (body !== null) breakBody(body, signal.reason)
    throw signal.reason
  }
  const scheme = stringSlice(url, 0, stringIndexOf(url, ':'))
  if (scheme === 'data') return dataUrlResponse(url, parts.method)
  if (scheme !== 'http' && scheme !== 'https') throw new SafeTypeError(`Cannot fetch: the scheme must be http, https or data, got ${scheme}`)
  return await new Flight(parts).go()
}

/** One fetch on its way, and what an abort has to break off. */
class Flight {
  readonly #parts: RequestParts
  /** Of the host call, and of its pipe. */
  #number = 0
  #reject: (reason: unknown) => void = () => {}
  #breakUpload: BreakPipe | undefined
  #breakDownload: BreakPipe | undefined
  #answered: Body | null = null

  constructor(parts: RequestParts) {
    this.#parts = parts
  }

  async go(): Promise<Response> {
    const { signal, body, method, url, list } = this.#parts
    if (signal !== undefined) addListener(signal, 'abort', () => this.#abort(signal.reason))
    if (body !== null && isUnusable(body)) throw new SafeTypeError('Cannot fetch: the request’s body has been used already, or is locked')
    const whole = body === null ? undefined : takeWhole(body)
    let head = headText(method, url, list)
    for (;;) {
      while (whole !== undefined && !hasRoom(mathMin(typedArrayByteLength(whole), MAX_CHUNK_BYTES))) await nextSlice()
      if (signal?.aborted === true) throw signal.reason
      const { value, body: bytes } = await this.#ask(head, whole)
      const answer = value as Answer
      if (answer.resend === undefined) return this.#respond(answer, bytes)
      const { resend } = answer
      head = `${headText(resend.method, resend.url, listOf(resend.headers))},"followed":${numberToString(resend.followed)}`
    }
  }

  #ask(head: string, whole: Uint8Array | undefined): Promise<HostValue> {
    const { body, redirect } = this.#parts
    const args = `{${head},"redirect":"${redirect}","body":`
    return new SafePromise<HostValue>((resolve, reject) => {
      this.#reject = reject
      const start = (kind: string, bytes?: ArrayBuffer) => {
        const { number, settled } = startHostCall('fetch', `${args}${kind}}`, bytes)
        this.#number = number
        void react(settled, resolve as (value: unknown) => void, reject)
      }
      if (body === null) start('"none"')
      else if (whole === undefined) {
        start('"stream"')
        this.#upload(body.stream as NonNullable<Body['stream']>)
      } else if (typedArrayByteLength(whole) <= MAX_CHUNK_BYTES) start('"whole"', copyBytes(whole).buffer)
      else {
        start(`"stream","length":${numberToString(typedArrayByteLength(whole))}`)
        this.#upload(streamOfBytes(() => copyBytes(whole)))
      }
    })
  }

  #upload(stream: NonNullable<Body['stream']>): void {
    const pumped = writePipe(this.#number, stream, MAX_STREAMED_BODY_BYTES, (breakOff) => {
      this.#breakUpload = breakOff
    })
    void react(
      pumped,
      (end) => {
        if (end === 'too-large') this.#reject(new SafeTypeError(`Cannot fetch: the request's body has more than ${MAX_STREAMED_BODY_BYTES} bytes`))
      },
      // The host is told that the rest does not come, and answers the call with it.
      () => {},
    )
  }

  #respond({ status, statusText, headers, url, redirected, done }: Answer, bytes: ArrayBuffer | undefined): Response {
    const list = listOf(headers)
    if (this.#parts.method !== 'HEAD' && !isNullBodyStatus(status)) {
      const body = done === true ? bodyOf(bytes === undefined ? '' : new SafeUint8Array(bytes)) : this.#download()
      this.#answered = decodedBody(body, list)
    } else if (done !== true) cancelPipe(this.#number)
    return createFetchedResponse({ status, statusText, url, redirected, list, body: this.#answered })
  }

  #download(): Body {
    const stream = readablePipe(this.#number, undefined, (breakOff) => {
      this.#breakDownload = breakOff
    })
    return { source: undefined, stream, used: false }
  }

  #abort(reason: unknown): void {
    cancelHostCall(this.#number)
    this.#breakUpload?.(reason)
    if (this.#breakDownload !== undefined) this.#breakDownload(reason)
    else if (this.#answered !== null) breakBody(this.#answered, reason)
    this.#reject(reason)
  }
}

/** The bytes of a body that is held whole, used up; undefined for a stream, whose reader uses it up. */
function takeWhole(body: Body): Uint8Array | undefined {
  if (body.stream !== undefined) return undefined
  body.used = true
  return typeof body.source === 'string' ? encodeUtf8(body.source) : (body.source as Uint8Array)
}

// Written by hand: JSON.stringify would ask Object.prototype and Array.prototype for a toJSON.
function headText(method: string, url: string, { names, values }: HeaderList): string {
  let text = ''
  let encoded = false
  for (let at = 0; at < names.length; at++) {
    if (names[at] === 'accept-encoding') encoded = true
    text += `${at === 0 ? '' : ','}["${names[at]}",${jsonStringify(values[at])}]`
  }
  if (!encoded) text += `${names.length === 0 ? '' : ','}["accept-encoding","${ACCEPT_ENCODING}"]`
  return `"method":${jsonStringify(method)},"url":${jsonStringify(url)},"headers":[${text}]`
}

function listOf(pairs: Pairs): HeaderList {
  const list = new HeaderList()
  for (let at = 0; at < pairs.length; at++) {
    const pair = pairs[at] as readonly [string, string]
    list.append(pair[0], pair[1])
  }
  return list
}

function isNullBodyStatus(status: number): boolean {
  return status === 101 || status === 103 || status === 204 || status === 205 || status === 304
}
