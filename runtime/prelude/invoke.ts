import type { ReadableStream } from 'web-streams-polyfill'
import { MAX_BUFFERED_BODY_BYTES } from '../contract/limits.ts'
import { MAX_CHUNK_BYTES, type ReplyHead } from '../contract/messages.ts'
import { toBase64 } from './base64.ts'
import { currentCall } from './call.ts'
import { bytesOf, copyBytes, decodeUtf8, encodeUtf8, tryDecodeUtf8 } from './encoding.ts'
import { headerListOf } from './headers.ts'
import { type HostValue, startHostCall } from './host-call.ts'
import { readablePipe, writePipe } from './pipes.ts'
import {
  define,
  isObject,
  jsonParse,
  jsonStringify,
  objectCreate,
  objectFreeze,
  objectHasOwn,
  objectPrototype,
  reflectGet,
  regExpExec,
  SafeArrayBuffer,
  SafeError,
  SafeProxy,
  SafeTypeError,
  stringToWellFormed,
  typedArrayByteLength,
} from './primordials.ts'
import { react } from './promise.ts'
import { Request } from './request.ts'
import { Response } from './response.ts'
import { drain, streamOfBytes } from './streams.ts'
import { toText } from './text.ts'

interface InvokeAnswer {
  readonly head?: ReplyHead
  readonly failed?: { readonly code: string; readonly detail: string }
  readonly done?: true
}

interface Came {
  readonly head: ReplyHead
  readonly number: number
  readonly body: ArrayBuffer | undefined
  /** The whole body is here. */
  readonly done: boolean
}

const FUNCTION_NAME = /^[a-z][a-z0-9-]{0,62}$/

/**
 * `env.invoke(name, event, { qualifier })`: calls another function of the tenant with a value and resolves with what it
 * returned; of a function that answers in HTTP, with `{status, headers, body}`. Rejects with an Error whose `code` says why,
 * in the words of the HTTP API (`function_threw`, `exceeded_cpu`, `not_found` …).
 */
export async function invoke(name: unknown, event?: unknown, options?: { readonly qualifier?: unknown }): Promise<unknown> {
  const text = jsonStringify(event) as string | undefined
  const qualifier = isObject(options) && options.qualifier !== undefined ? `,"qualifier":${jsonStringify(toText(options.qualifier))}` : ''
  const came = await ask(`"door":"rpc","name":${jsonStringify(toText(name))}${qualifier}`, encodeUtf8(stringToWellFormed(text ?? 'null')))
  const bytes = await wholeBody(came)
  const { head } = came
  if (head.kind === 'json') return jsonParse(decodeUtf8(bytes))
  const asText = tryDecodeUtf8(bytes)
  const reply = { status: head.status, headers: headerRecord(head.headers), body: asText ?? toBase64(bytes) }
  if (asText === undefined) define(reply, 'isBase64Encoded', true)
  return reply
}

/** `env.<name>.fetch(request)`: calls another function of the tenant through its URL door. */
async function fetchFrom(name: string, input: unknown, init: unknown): Promise<Response> {
  const request = new Request(input, init as ConstructorParameters<typeof Request>[1])
  const list = headerListOf(request.headers)
  let headers = ''
  for (let at = 0; list !== undefined && at < list.names.length; at++) {
    headers += `${at === 0 ? '' : ','}[${jsonStringify(list.names[at])},${jsonStringify(list.values[at])}]`
  }
  const target = `"door":"url","name":${jsonStringify(name)},"method":${jsonStringify(request.method)},"url":${jsonStringify(request.url)},"headers":[${headers}]`
  const body = request.body === null ? undefined : await request.bytes()
  const came = await ask(target, body)
  const { head, number, done } = came
  if (head.kind === 'json') return new Response(decodeUtf8(await wholeBody(came)), { headers: { 'content-type': 'application/json' } })
  const empty = head.status === 204 || head.status === 205 || head.status === 304
  const content = empty ? null : done ? (came.body ?? '') : readablePipe(number)
  return new Response(content, { status: head.status, headers: head.headers })
}

async function ask(target: string, body: Uint8Array | undefined): Promise<Came> {
  const call = currentCall()
  const length = body === undefined ? 0 : typedArrayByteLength(body)
  if (length > MAX_BUFFERED_BODY_BYTES) throw new SafeTypeError(`Cannot invoke: the body has ${length} bytes, allowed are ${MAX_BUFFERED_BODY_BYTES}`)
  const kind = length === 0 ? 'none' : length <= MAX_CHUNK_BYTES ? 'whole' : 'stream'
  const whole = kind === 'whole' ? copyBytes(body as Uint8Array).buffer : undefined
  const { number, settled } = startHostCall('invoke', `{${target},"body":"${kind}"}`, whole, call)
  if (kind === 'stream') {
    const stream = streamOfBytes(() => body as Uint8Array) as ReadableStream
    // What goes wrong with it is what the call itself fails with.
    void react(writePipe(number, stream, MAX_BUFFERED_BODY_BYTES, undefined, call), ignore, ignore)
  }
  return cameFrom(number, await settled)
}

function cameFrom(number: number, { value, body }: HostValue): Came {
  const answer = value as InvokeAnswer
  if (objectHasOwn(answer, 'failed')) {
    const { code, detail } = answer.failed as { code: string; detail: string }
    const error = new SafeError(detail)
    define(error, 'code', code)
    throw error
  }
  return { head: answer.head as ReplyHead, number, body, done: objectHasOwn(answer, 'done') }
}

async function wholeBody({ number, body, done }: Came): Promise<Uint8Array> {
  if (done) return bytesOf(body ?? new SafeArrayBuffer(0))
  const bytes = await drain(readablePipe(number), MAX_BUFFERED_BODY_BYTES)
  if (bytes === undefined) throw new SafeTypeError(`Cannot take the answer: it has more than ${MAX_BUFFERED_BODY_BYTES} bytes`)
  return bytes
}

function headerRecord(pairs: ReplyHead extends infer H ? (H extends { headers: infer P } ? P : never) : never): Record<string, string> {
  const record: Record<string, string> = {}
  for (let at = 0; at < pairs.length; at++) {
    const pair = pairs[at] as readonly [string, string]
    define(record, pair[0], objectHasOwn(record, pair[0]) ? `${record[pair[0]]}, ${pair[1]}` : pair[1])
  }
  return record
}

function ignore(): void {}

/**
 * What stands behind `env` (its prototype): any other function by its name, `env.shop.fetch(…)` and `env['image-resizer'].invoke(…)`.
 * Which ones exist the platform knows, not the sandbox, so every name that could be a function's gives a handle.
 */
export function createServices(): object {
  return new SafeProxy(objectCreate(objectPrototype), {
    get(target, key, receiver) {
      // `then` would make env look like a promise to whoever awaits it.
      const isFunctionName = typeof key === 'string' && key !== 'then' && !(key in target) && regExpExec(FUNCTION_NAME, key) !== null
      return isFunctionName ? service(key) : reflectGet(target, key, receiver)
    },
  })
}

function service(name: string): object {
  return objectFreeze({
    fetch: (input: unknown, init?: unknown) => fetchFrom(name, input, init),
    invoke: (event?: unknown, options?: { readonly qualifier?: unknown }) => invoke(name, event, options),
  })
}
