import { basicURLParse } from 'whatwg-url/lib/url-state-machine.js'
import { fastParse, fastResolve } from './url-fast-parse.ts'

/** A URL as the standard keeps it. A host that is no text is an IP address; a path that is text is opaque. */
export interface UrlRecord {
  scheme: string
  username: string
  password: string
  host: unknown
  port: number | null
  path: string[] | string
  query: string | null
  fragment: string | null
}

/** The URL Standard's parser: plain addresses the short way, all others through whatwg-url. `null`: it is no URL. */
export function parseUrl(input: string, base?: UrlRecord): UrlRecord | null {
  return (base === undefined ? fastParse(input) : (fastResolve(input, base) ?? fastParse(input))) ?? basicURLParse(input, { baseURL: base ?? null })
}
