import { regExpExec, SafeTypeError, stringToLowerCase } from './primordials.ts'

// Stands in for the `tr46` package inside whatwg-url: its tables are larger than everything else together.
const ASCII = /^[\0-\x7f]*$/

export function toASCII(domain: string): string {
  if (regExpExec(ASCII, domain) !== null) return stringToLowerCase(domain)
  throw new SafeTypeError(`Cannot read the host ${domain}: names outside ASCII are not supported yet; write it in its xn-- form`)
}

export function toUnicode(domain: string): { domain: string; error: boolean } {
  return { domain, error: false }
}
