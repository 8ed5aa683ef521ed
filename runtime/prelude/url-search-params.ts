import Wrapper from 'whatwg-url/lib/URLSearchParams.js'
import { parseUrlencodedString } from 'whatwg-url/lib/urlencoded.js'
import type { UrlRecord } from './url-record.ts'

const shared = { Array, Object, Promise, String, TypeError } as { URLSearchParams?: new (init?: unknown) => URLSearchParams }
Wrapper.install(shared, ['Worker'])

export interface URLSearchParams extends Iterable<[string, string]> {
  append(name: string, value: string): void
  toString(): string
}
export const URLSearchParams = shared.URLSearchParams as new (init?: unknown) => URLSearchParams
export const isSearchParams = Wrapper.is

/** The `searchParams` of a URL: what is changed through it is changed in the URL's record. */
export interface LinkedSearchParams {
  readonly object: URLSearchParams
  /** The URL's query is now another one. */
  follow(record: UrlRecord): void
}

export function linkedSearchParams(record: UrlRecord): LinkedSearchParams {
  const object = Wrapper.create(shared, [record.query ?? ''], { doNotStripQMark: true })
  const impl = Wrapper.convert(shared, object)
  impl._url = { _url: record }
  return {
    object,
    follow: (next) => {
      impl._url = { _url: next }
      impl._list = next.query === null ? [] : parseUrlencodedString(next.query)
    },
  }
}
