import { DOMException } from './dom-exception.ts'
import { append, type List, newList } from './list.ts'
import { arrayJoin, SafeUint8Array, stringCharCodeAt, stringFromCharCode, typedArrayByteLength } from './primordials.ts'
import { toText } from './text.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const PAD = 0x3d
const CODES = new SafeUint8Array(64)
const VALUES = new SafeUint8Array(128)
for (let at = 0; at < 128; at++) VALUES[at] = 255
for (let at = 0; at < 64; at++) {
  CODES[at] = ALPHABET.charCodeAt(at)
  VALUES[ALPHABET.charCodeAt(at)] = at
}

/** Text is put together in pieces, so that a large one is not copied for each of its characters. */
const PIECE_BYTES = 3 * 1024

export function toBase64(bytes: Uint8Array): string {
  const length = typedArrayByteLength(bytes)
  const pieces: List<string> = newList()
  for (let from = 0; from < length; from += PIECE_BYTES) append(pieces, piece(bytes, from, from + PIECE_BYTES < length ? from + PIECE_BYTES : length))
  return arrayJoin(pieces, '')
}

function piece(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let at = from; at < to; at += 3) {
    const a = bytes[at] as number
    const b = at + 1 < to ? (bytes[at + 1] as number) : 0
    const c = at + 2 < to ? (bytes[at + 2] as number) : 0
    text += stringFromCharCode(
      CODES[a >> 2] as number,
      CODES[((a & 3) << 4) | (b >> 4)] as number,
      at + 1 < to ? (CODES[((b & 15) << 2) | (c >> 6)] as number) : PAD,
      at + 2 < to ? (CODES[c & 63] as number) : PAD,
    )
  }
  return text
}

/** Forgiving base64 of the HTML standard: white space is skipped, padding is optional. `undefined` when it is not base64. */
export function fromBase64(text: string): Uint8Array | undefined {
  const out = new SafeUint8Array((text.length * 3 + 3) >> 2)
  let bits = 0
  let held = 0
  let digits = 0
  let pads = 0
  let used = 0
  for (let at = 0; at < text.length; at++) {
    const code = stringCharCodeAt(text, at)
    if (code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0c || code === 0x0d) continue
    if (code === PAD) {
      pads++
      continue
    }
    const value = code < 128 ? (VALUES[code] as number) : 255
    if (value === 255 || pads > 0) return undefined
    digits++
    held = ((held << 6) | value) & 0xfff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      out[used++] = (held >> bits) & 0xff
    }
  }
  if (digits % 4 === 1 || pads > 2 || (pads > 0 && (digits + pads) % 4 !== 0)) return undefined
  return new SafeUint8Array(out.buffer, 0, used)
}

export function btoa(data: unknown): string {
  const text = toText(data)
  const bytes = new SafeUint8Array(text.length)
  for (let at = 0; at < text.length; at++) {
    const code = stringCharCodeAt(text, at)
    if (code > 255) throw new DOMException('Cannot call btoa: the text has characters outside Latin-1', 'InvalidCharacterError')
    bytes[at] = code
  }
  return toBase64(bytes)
}

export function atob(data: unknown): string {
  const bytes = fromBase64(toText(data))
  if (bytes === undefined) throw new DOMException('Cannot call atob: the text is not base64', 'InvalidCharacterError')
  return latin1(bytes)
}

/** Each byte as the character of that number. */
export function latin1(bytes: Uint8Array): string {
  const length = typedArrayByteLength(bytes)
  const pieces: List<string> = newList()
  for (let from = 0; from < length; from += PIECE_BYTES) {
    let text = ''
    for (let at = from; at < from + PIECE_BYTES && at < length; at++) text += stringFromCharCode(bytes[at] as number)
    append(pieces, text)
  }
  return arrayJoin(pieces, '')
}
