import { utf8fromStringLoose, utf8toString, utf8toStringLoose } from '@exodus/bytes/utf8.js'
import {
  arrayBufferByteLength,
  arrayBufferDetached,
  dataViewBuffer,
  dataViewByteLength,
  dataViewByteOffset,
  isView,
  SafeArrayBuffer,
  SafeUint8Array,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
  typedArrayName,
  typedArraySet,
} from './primordials.ts'

export const encodeUtf8 = utf8fromStringLoose

/** Bytes that are not UTF-8 become U+FFFD; a byte order mark at the start is dropped. */
export function decodeUtf8(bytes: Uint8Array): string {
  return utf8toStringLoose(withoutMark(bytes))
}

/** The same, but a byte order mark is text too. */
export const decodeUtf8WithMark = utf8toStringLoose

/** The text, or `undefined` when the bytes are not UTF-8. */
export function tryDecodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8toString(withoutMark(bytes))
  } catch {
    return undefined
  }
}

function withoutMark(bytes: Uint8Array): Uint8Array {
  const marked = typedArrayByteLength(bytes) >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  return marked ? view(bytes, 3, typedArrayByteLength(bytes) - 3) : bytes
}

/** Part of some bytes, not copied. */
export function view(bytes: Uint8Array, from: number, length: number): Uint8Array {
  return new SafeUint8Array(typedArrayBuffer(bytes), typedArrayByteOffset(bytes) + from, length)
}

export function isBufferSource(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return isView(value) || isArrayBuffer(value)
}

export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  if (typeof value !== 'object' || value === null) return false
  try {
    arrayBufferByteLength(value)
    return true
  } catch {
    return false
  }
}

/** The bytes behind a buffer or view, not copied. */
export function bytesOf(source: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (!isView(source)) return new SafeUint8Array(source)
  if (typedArrayName(source) === undefined) return new SafeUint8Array(dataViewBuffer(source), dataViewByteOffset(source), dataViewByteLength(source))
  return new SafeUint8Array(typedArrayBuffer(source), typedArrayByteOffset(source), typedArrayByteLength(source))
}

export function copyBytes(source: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new SafeUint8Array(new SafeArrayBuffer(typedArrayByteLength(source)))
  typedArraySet(copy, source)
  return copy
}

/** The bytes of a buffer or view as they are now; none, when it is detached. */
export function copyOfSource(source: ArrayBuffer | ArrayBufferView): Uint8Array<ArrayBuffer> {
  const buffer = isView(source) ? (typedArrayName(source) === undefined ? dataViewBuffer(source) : typedArrayBuffer(source)) : source
  return arrayBufferDetached(buffer) ? new SafeUint8Array(0) : copyBytes(bytesOf(source))
}
