import { mathTrunc, regExpExec, stringIncludes, stringSlice } from './primordials.ts'
import type { UrlRecord } from './url-record.ts'

// The standard's state machine takes 20 to 40 µs for an address. Most are plain: nothing in them has to be encoded, mapped,
// removed or resolved, so that their parts are what is written. Whatever is not plain for certain is left to it.

/** In every part: nothing that any percent-encode set of the standard has, no backslash. */
const PLAIN = String.raw`A-Za-z0-9\-._~!$&()*+,;=:@/%`
/** Lower case, and the last label begins with a letter: then it is no IPv4 address. */
const HOST = String.raw`(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*`
const REST = `(/[${PLAIN}]*)?(?:\\?([${PLAIN}?]*))?(?:#([${PLAIN}?]*))?`
const ABSOLUTE = new RegExp(`^(https?)://(${HOST})(?::([0-9]{1,5}))?${REST}$`)
/** From the root on; two slashes would be a host. */
const FROM_ROOT = new RegExp(`^(?=/(?!/))${REST}$`)
/** Dot segments, also written with %2e; and at the start of a segment only, but it is not worth telling. */
const DOTS = /\/(?:\.|%2e)/i

/** A plain absolute http or https address; undefined when it is not one, or not for certain. */
export function fastParse(input: string): UrlRecord | undefined {
  const found = regExpExec(ABSOLUTE, input)
  if (found === null) return undefined
  const scheme = found[1] as string
  const host = found[2] as string
  if (stringIncludes(host, 'xn--')) return undefined
  const port = toPort(found[3], scheme)
  const path = toPath(found[4])
  if (port === undefined || path === undefined) return undefined
  return { scheme, username: '', password: '', host, port, path, query: found[5] ?? null, fragment: found[6] ?? null }
}

/** A plain path, from the root on, against a base; undefined as above. */
export function fastResolve(input: string, base: UrlRecord): UrlRecord | undefined {
  if (base.scheme !== 'http' && base.scheme !== 'https') return undefined
  const found = regExpExec(FROM_ROOT, input)
  const path = found === null ? undefined : toPath(found[1])
  if (found === null || path === undefined) return undefined
  const { scheme, username, password, host, port } = base
  return { scheme, username, password, host, port, path, query: found[2] ?? null, fragment: found[3] ?? null }
}

/** `null` for none and for the scheme's own. */
function toPort(digits: string | undefined, scheme: string): number | null | undefined {
  if (digits === undefined) return null
  const port = mathTrunc(+digits)
  if (port > 65_535) return undefined
  return port === (scheme === 'https' ? 443 : 80) ? null : port
}

function toPath(text: string | undefined): string[] | undefined {
  if (text === undefined || text === '/') return ['']
  return regExpExec(DOTS, text) === null ? stringSlice(text, 1).split('/') : undefined
}
