import type { ReadableStream } from 'web-streams-polyfill'
import { type Blob, blobBytes, createBlob } from './blob.ts'
import { bytesOf, copyBytes, decodeUtf8, decodeUtf8WithMark, encodeUtf8, isBufferSource } from './encoding.ts'
import { FormData, formEntries } from './form-data.ts'
import { essence, extractMimeType } from './media-type.ts'
import { parameter, parseMultipart, serializeForm } from './multipart.ts'
import { jsonParse, SafeTypeError, stringCharCodeAt, stringSlice, stringStartsWith } from './primordials.ts'
import { brokenStream, drain, isDisturbed, streamLock, streamOfBytes } from './streams.ts'
import { toUsvText } from './text.ts'
import { isSearchParams, URLSearchParams } from './url-search-params.ts'

/** A body as Request and Response keep it. Text stays text until someone wants bytes. */
export interface Body {
  source: string | Uint8Array | undefined
  stream: ReadableStream | undefined
  used: boolean
}

export function bodyOf(source: string | Uint8Array): Body {
  return { source, stream: undefined, used: false }
}

/** A BodyInit as a body and the Content-Type it implies. */
export function extractBody(init: unknown): { body: Body; type: string | null } {
  if (typeof init === 'object' && init !== null) {
    if (isBufferSource(init)) return { body: bodyOf(copyBytes(bytesOf(init))), type: null }
    const bytes = blobBytes(init)
    if (bytes !== undefined) return { body: bodyOf(bytes), type: (init as Blob).type || null }
    if (formEntries(init) !== undefined) {
      const form = serializeForm(init as FormData)
      return { body: bodyOf(form.bytes), type: `multipart/form-data; boundary=${form.boundary}` }
    }
    const locked = streamLock(init)
    if (locked !== undefined) {
      const stream = init as ReadableStream
      if (locked || isDisturbed(stream)) throw new SafeTypeError('Cannot use the stream as a body: it is locked or has been read from')
      return { body: { source: undefined, stream, used: false }, type: null }
    }
    if (isSearchParams(init)) return { body: bodyOf(toUsvText(init)), type: 'application/x-www-form-urlencoded;charset=UTF-8' }
  }
  return { body: bodyOf(toUsvText(init)), type: 'text/plain;charset=UTF-8' }
}

export function isUsed(body: Body | null): boolean {
  return body !== null && (body.used || (body.stream !== undefined && isDisturbed(body.stream)))
}

/** Used, or its stream is in somebody's hands. */
export function isUnusable(body: Body): boolean {
  return isUsed(body) || (body.stream !== undefined && streamLock(body.stream) === true)
}

/** Whoever reads a body that nobody has begun to read gets `reason` instead. */
export function breakBody(body: Body, reason: unknown): void {
  if (isUnusable(body)) return
  body.stream?.cancel(reason).catch(() => {})
  body.source = undefined
  body.stream = brokenStream(reason)
}

/** The body as a stream, for `.body`; the same one each time. */
export function streamOf(body: Body | null): ReadableStream | null {
  if (body === null) return null
  if (body.stream === undefined) {
    const { source } = body
    body.stream = streamOfBytes(() => (typeof source === 'string' ? encodeUtf8(source) : copyBytes(source as Uint8Array)))
    // Read already: locked for good, as it would be had the reading gone through it.
    if (body.used)
      body.stream
        .getReader()
        .cancel()
        .catch(() => {})
  }
  return body.stream
}

/** Two bodies from one, for `clone()`; the first goes on being `body`. */
export function cloneBody(body: Body | null): Body | null {
  if (body === null) return null
  if (isUnusable(body)) throw new SafeTypeError('Cannot clone: the body has been used already')
  if (body.stream === undefined) return { source: body.source, stream: undefined, used: false }
  const [kept, given] = body.stream.tee()
  body.stream = kept
  body.source = undefined
  return { source: undefined, stream: given, used: false }
}

/** Moves a body out of a Request that another one is made from. */
export function takeBody(body: Body | null): Body | null {
  if (body === null) return null
  if (isUnusable(body)) throw new SafeTypeError('Cannot use the body: it has been used already')
  body.used = true
  const { source, stream } = body
  // A stream that was only made to show the source stays where it was shown.
  if (source !== undefined && stream !== undefined)
    stream
      .getReader()
      .cancel()
      .catch(() => {})
  return { source, stream: source === undefined ? stream : undefined, used: false }
}

/** Uses the body up: its text if it is held as text, else its bytes; `undefined` when a stream has more than `maxBytes`. */
export async function readBody(body: Body | null, maxBytes = Infinity): Promise<string | Uint8Array | undefined> {
  if (body === null) return ''
  if (isUnusable(body)) throw new SafeTypeError('Cannot read the body: it has been read already, or its stream is locked')
  body.used = true
  if (body.stream !== undefined) return await drain(body.stream, maxBytes)
  return body.source
}

async function readAll(body: Body | null): Promise<string | Uint8Array> {
  return (await readBody(body)) as string | Uint8Array
}

export async function readText(body: Body | null): Promise<string> {
  const all = await readAll(body)
  if (typeof all !== 'string') return decodeUtf8(all)
  return all !== '' && stringCharCodeAt(all, 0) === 0xfeff ? stringSlice(all, 1) : all
}

/** A byte order mark is a character like any other there. */
async function readFormText(body: Body | null): Promise<string> {
  const all = await readAll(body)
  // A leading question mark would be taken for a query's.
  const text = typeof all === 'string' ? all : decodeUtf8WithMark(all)
  return stringStartsWith(text, '?') ? `?${text}` : text
}

export async function readJson(body: Body | null): Promise<unknown> {
  return jsonParse(await readText(body))
}

export async function readBytes(body: Body | null): Promise<Uint8Array<ArrayBuffer>> {
  const all = await readAll(body)
  return typeof all === 'string' ? encodeUtf8(all) : copyBytes(all)
}

export async function readArrayBuffer(body: Body | null): Promise<ArrayBuffer> {
  return (await readBytes(body)).buffer
}

export async function readBlob(body: Body | null, contentType: string | null): Promise<Blob> {
  return createBlob(await readBytes(body), contentType === null ? '' : extractMimeType(contentType))
}

export async function readFormData(body: Body | null, contentType: string | null): Promise<FormData> {
  const type = essence(contentType ?? '')
  if (type === 'multipart/form-data') {
    const boundary = parameter(contentType as string, 'boundary')
    const bytes = await readBytes(body)
    if (boundary === undefined) throw new SafeTypeError('Cannot read the body as a form: its Content-Type has no boundary')
    return parseMultipart(bytes, boundary)
  }
  if (type === 'application/x-www-form-urlencoded') {
    const form = new FormData()
    for (const [name, value] of new URLSearchParams(await readFormText(body))) form.append(name, value)
    return form
  }
  await readAll(body)
  throw new SafeTypeError(
    `Cannot read the body as a form: its Content-Type is ${contentType === null ? 'missing' : contentType}, wanted multipart/form-data or application/x-www-form-urlencoded`,
  )
}
