import { blobBytes, File, isFile } from './blob.ts'
import { randomHex } from './crypto-random.ts'
import { decodeUtf8, encodeUtf8, view } from './encoding.ts'
import { FormData, formEntries } from './form-data.ts'
import { SafeTypeError, SafeUint8Array, typedArrayByteLength, typedArraySet } from './primordials.ts'

const CR = 13
const LF = 10
const DASH = 45

/** The form as `multipart/form-data`, with a boundary of its own. */
export function serializeForm(form: FormData): { bytes: Uint8Array; boundary: string } {
  const boundary = `----isolane${randomHex(16)}`
  const pieces: Uint8Array[] = []
  const entries = formEntries(form)
  for (let at = 0; entries !== undefined && at < entries.length; at++) {
    const entry = entries[at]
    if (entry === undefined) break
    const { name, value } = entry
    let head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"`
    if (typeof value === 'string') pieces.push(encodeUtf8(`${head}\r\n\r\n${value.replace(/\r\n|\r|\n/g, '\r\n')}\r\n`))
    else if (isFile(value)) {
      head += `; filename="${quoted(value.name)}"\r\nContent-Type: ${value.type === '' ? 'application/octet-stream' : value.type}\r\n\r\n`
      pieces.push(encodeUtf8(head), blobBytes(value) as Uint8Array, encodeUtf8('\r\n'))
    }
  }
  pieces.push(encodeUtf8(`--${boundary}--\r\n`))
  let total = 0
  for (const piece of pieces) total += piece.byteLength
  const bytes = new SafeUint8Array(total)
  let at = 0
  for (const piece of pieces) {
    typedArraySet(bytes, piece, at)
    at += piece.byteLength
  }
  return { bytes, boundary }
}

/** Names in a header may hold no line break or quote: the encoding browsers use. */
function quoted(name: string): string {
  return name.replace(/\r\n|\r|\n/g, '%0D%0A').replaceAll('"', '%22')
}

/** Reads `multipart/form-data`. Throws a TypeError that says what is wrong with it. */
export function parseMultipart(bytes: Uint8Array, boundary: string): FormData {
  const form = new FormData()
  const mark = encodeUtf8(`--${boundary}`)
  let at = find(bytes, mark, 0)
  if (at === -1) throw bad('the boundary is nowhere in it')
  for (;;) {
    at += mark.byteLength
    if (bytes[at] === DASH && bytes[at + 1] === DASH) return form
    if (bytes[at] !== CR || bytes[at + 1] !== LF) throw bad('a boundary does not end its line')
    at += 2
    const { headers, end } = partHeaders(bytes, at)
    const next = findPartEnd(bytes, mark, end)
    appendPart(form, headers, view(bytes, end, next - end))
    at = next + 2
  }
}

function partHeaders(bytes: Uint8Array, from: number): { headers: Map<string, string>; end: number } {
  const headers = new Map<string, string>()
  let at = from
  for (;;) {
    const end = find(bytes, CRLF, at)
    if (end === -1) throw bad('the headers of a part do not end')
    if (end === at) return { headers, end: at + 2 }
    const line = decodeUtf8(view(bytes, at, end - at))
    const colon = line.indexOf(':')
    if (colon === -1) throw bad('a header of a part has no colon')
    headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
    at = end + 2
  }
}

const CRLF = new SafeUint8Array([CR, LF])

/** Where the line break before the next boundary begins. */
function findPartEnd(bytes: Uint8Array, mark: Uint8Array, from: number): number {
  for (let at = from; ; ) {
    const found = find(bytes, mark, at)
    if (found === -1) throw bad('its last boundary is missing')
    if (found - 2 >= from && bytes[found - 2] === CR && bytes[found - 1] === LF) return found - 2
    at = found + 1
  }
}

function appendPart(form: FormData, headers: Map<string, string>, content: Uint8Array): void {
  const disposition = headers.get('content-disposition') ?? ''
  const name = parameter(disposition, 'name')
  if (!/^form-data\s*(;|$)/i.test(disposition) || name === undefined) throw bad('a part has no form-data name')
  const filename = parameter(disposition, 'filename')
  if (filename === undefined) form.append(name, decodeUtf8(content))
  else form.append(name, new File([content], filename, { type: headers.get('content-type') ?? 'text/plain' }))
}

/** A parameter of a header value such as `form-data; name="a"; filename="b"`. */
export function parameter(header: string, name: string): string | undefined {
  const found = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^;\\s]+))`, 'i').exec(header)
  const value = found?.[1] ?? found?.[2]
  return value?.replaceAll('%22', '"').replaceAll('%0D%0A', '\r\n')
}

function find(bytes: Uint8Array, pattern: Uint8Array, from: number): number {
  const last = typedArrayByteLength(bytes) - typedArrayByteLength(pattern)
  const length = typedArrayByteLength(pattern)
  for (let at = from; at <= last; at++) {
    let same = 0
    while (same < length && bytes[at + same] === pattern[same]) same++
    if (same === length) return at
  }
  return -1
}

function bad(why: string): TypeError {
  return new SafeTypeError(`Cannot read the body as multipart/form-data: ${why}`)
}
