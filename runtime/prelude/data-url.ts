import { fromBase64, latin1 } from './base64.ts'
import { bodyOf } from './body.ts'
import { encodeUtf8, view } from './encoding.ts'
import { HeaderList } from './header-list.ts'
import { regExpExec, SafeTypeError, stringIndexOf, stringSlice, stringStartsWith, stringTrim, typedArrayByteLength } from './primordials.ts'
import { createFetchedResponse, type Response } from './response.ts'

const PERCENT = 0x25
const BASE64 = /; *base64$/i
const MEDIA_TYPE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+ *(;.*)?$/

/** Answers `fetch('data:…')`: the "data: URL processor" of the Fetch standard. `url` is serialized, its fragment may be there. */
export function dataUrlResponse(url: string, method: string): Response {
  const hash = stringIndexOf(url, '#')
  const plain = hash === -1 ? url : stringSlice(url, 0, hash)
  const comma = stringIndexOf(plain, ',')
  if (comma === -1) throw new SafeTypeError('Cannot fetch: the data: URL has no comma')
  let type = stringTrim(stringSlice(plain, 'data:'.length, comma))
  let bytes = percentDecoded(stringSlice(plain, comma + 1))
  const base64 = regExpExec(BASE64, type)
  if (base64 !== null) {
    type = stringTrim(stringSlice(type, 0, base64.index))
    const decoded = fromBase64(latin1(bytes))
    if (decoded === undefined) throw new SafeTypeError('Cannot fetch: the data: URL is not base64')
    bytes = decoded
  }
  if (stringStartsWith(type, ';')) type = `text/plain${type}`
  const list = new HeaderList()
  list.append('content-type', regExpExec(MEDIA_TYPE, type) === null ? 'text/plain;charset=US-ASCII' : type)
  return createFetchedResponse({ status: 200, statusText: 'OK', url: plain, redirected: false, list, body: method === 'HEAD' ? null : bodyOf(bytes) })
}

function percentDecoded(text: string): Uint8Array {
  const bytes = encodeUtf8(text)
  const length = typedArrayByteLength(bytes)
  let used = 0
  for (let at = 0; at < length; at++) {
    const high = bytes[at] === PERCENT && at + 2 < length ? hexDigit(bytes[at + 1] as number) : -1
    const low = high === -1 ? -1 : hexDigit(bytes[at + 2] as number)
    if (low === -1) bytes[used++] = bytes[at] as number
    else {
      bytes[used++] = high * 16 + low
      at += 2
    }
  }
  return view(bytes, 0, used)
}

/** -1 for anything else. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1
}
