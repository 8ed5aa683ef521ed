import type { ReadableStream } from 'web-streams-polyfill'
import { bytesOf, copyBytes, decodeUtf8, encodeUtf8, isBufferSource, view } from './encoding.ts'
import { append, type List, newList } from './list.ts'
import {
  dateNow,
  isObject,
  mathFloor,
  mathMax,
  mathMin,
  mathTrunc,
  reflectApply,
  regExpExec,
  SafeTypeError,
  SafeUint8Array,
  stringToLowerCase,
  typedArrayByteLength,
  typedArraySet,
} from './primordials.ts'
import { streamOfBytes } from './streams.ts'
import { toText, toUsvText } from './text.ts'

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/

/** Internal doors: the bytes of a blob (never changed, so not copied), and making one around bytes of ours. */
export let blobBytes: (value: unknown) => Uint8Array | undefined
export let createBlob: (bytes: Uint8Array, type: string) => Blob

interface BlobOptions {
  readonly type?: unknown
  /** `native` writes every line break as `\n`, the native one here. */
  readonly endings?: unknown
}

export class Blob {
  #bytes: Uint8Array
  #type: string

  // Without defaults in its signature, Blob.length is 0, as it should be.
  constructor(...[parts, options]: [parts?: unknown, options?: BlobOptions | null]) {
    const pieces = parts === undefined ? undefined : readParts(parts)
    if (options !== undefined && options !== null && !isObject(options)) throw new SafeTypeError('Cannot make a Blob: its options must be an object')
    const endings = toEndings(options?.endings)
    this.#type = normalizeType(options?.type)
    this.#bytes = pieces === undefined ? new SafeUint8Array(0) : join(pieces, endings)
  }

  get size() {
    return typedArrayByteLength(this.#bytes)
  }
  get type() {
    return this.#type
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return copyBytes(this.#bytes).buffer
  }
  async bytes(): Promise<Uint8Array> {
    return copyBytes(this.#bytes)
  }
  async text(): Promise<string> {
    return decodeUtf8(this.#bytes)
  }
  stream(): ReadableStream {
    return streamOfBytes(() => copyBytes(this.#bytes))
  }

  slice(from: unknown = 0, to: unknown = this.size, type: unknown = ''): Blob {
    const start = place(from, this.size)
    const length = mathMax(place(to, this.size) - start, 0)
    return createBlob(view(this.#bytes, start, length), normalizeType(type))
  }

  static {
    blobBytes = (value) => (typeof value === 'object' && value !== null && #bytes in value ? value.#bytes : undefined)
    createBlob = (bytes, type) => {
      const blob = new Blob()
      blob.#bytes = bytes
      blob.#type = type
      return blob
    }
  }
}

export let isFile: (value: unknown) => value is File

export class File extends Blob {
  readonly #name: string
  readonly #lastModified: number

  constructor(parts: unknown, name: unknown, options?: (BlobOptions & { readonly lastModified?: unknown }) | null) {
    if (name === undefined) throw new SafeTypeError('Cannot make a File: it takes parts and a name')
    super(parts, options)
    this.#name = toUsvText(name)
    const { lastModified } = options ?? {}
    this.#lastModified = lastModified === undefined ? dateNow() : toInteger(lastModified)
  }

  get name() {
    return this.#name
  }
  get lastModified() {
    return this.#lastModified
  }

  static {
    isFile = (value): value is File => typeof value === 'object' && value !== null && #name in value
  }
}

/** Buffers are copied and everything else is text, in the order of the parts. */
function readParts(parts: unknown): List<Uint8Array | string> {
  const iterator = isObject(parts) ? (parts as Partial<Iterable<unknown>>)[Symbol.iterator] : undefined
  if (typeof iterator !== 'function') throw new SafeTypeError('Cannot make a Blob: its parts must be an array or another iterable')
  const pieces: List<Uint8Array | string> = newList()
  // The method that was found is the one that is called: it may be a getter's.
  const iterable = { [Symbol.iterator]: () => reflectApply(iterator, parts, []) as Iterator<unknown> }
  for (const part of iterable) append(pieces, blobBytes(part) ?? (isBufferSource(part) ? copyBytes(bytesOf(part)) : toUsvText(part)))
  return pieces
}

function toEndings(value: unknown): 'transparent' | 'native' {
  const endings = value === undefined ? 'transparent' : toText(value)
  if (endings === 'transparent' || endings === 'native') return endings
  throw new SafeTypeError(`Cannot make a Blob: endings is ${endings}, allowed are transparent and native`)
}

function join(parts: List<Uint8Array | string>, endings: 'transparent' | 'native'): Uint8Array {
  const pieces: List<Uint8Array> = newList()
  let total = 0
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at] as Uint8Array | string
    const piece = typeof part !== 'string' ? part : encodeUtf8(endings === 'native' ? part.replace(/\r\n?/g, '\n') : part)
    append(pieces, piece)
    total += typedArrayByteLength(piece)
  }
  const all = new SafeUint8Array(total)
  for (let piece = 0, at = 0; piece < pieces.length; piece++) {
    const bytes = pieces[piece] as Uint8Array
    typedArraySet(all, bytes, at)
    at += typedArrayByteLength(bytes)
  }
  return all
}

function normalizeType(type: unknown): string {
  const text = type === undefined ? '' : toText(type)
  return regExpExec(PRINTABLE_ASCII, text) === null ? '' : stringToLowerCase(text)
}

function toInteger(value: unknown): number {
  return mathTrunc(+(value as number)) || 0
}

/** Web IDL's [Clamp]: to the nearest whole number, the even one of two; then counted from the end when negative. */
function place(value: unknown, size: number): number {
  const number = +(value as number)
  const floor = mathFloor(number)
  const at = (number - floor > 0.5 || (number - floor === 0.5 && floor % 2 !== 0) ? floor + 1 : floor) || 0
  return at < 0 ? mathMax(size + at, 0) : mathMin(at, size)
}
