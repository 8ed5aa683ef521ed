declare module 'whatwg-url/lib/url-state-machine.js' {
  import type { UrlRecord } from './url-record.ts'
  export function basicURLParse(
    input: string,
    options?: { readonly baseURL?: UrlRecord | null; readonly url?: UrlRecord; readonly stateOverride?: string },
  ): UrlRecord | null
  export function serializeURL(record: UrlRecord): string
  export function serializeURLOrigin(record: UrlRecord): string
  export function serializePath(record: UrlRecord): string
  export function serializeHost(host: unknown): string
  export function cannotHaveAUsernamePasswordPort(record: UrlRecord): boolean
  export function hasAnOpaquePath(record: UrlRecord): boolean
  export function setTheUsername(record: UrlRecord, username: string): void
  export function setThePassword(record: UrlRecord, password: string): void
}

declare module 'whatwg-url/lib/urlencoded.js' {
  export function parseUrlencodedString(text: string): [string, string][]
}

declare module 'whatwg-url/lib/URLSearchParams.js' {
  import type { URLSearchParams as Instance } from './url-search-params.ts'

  interface Impl {
    _url: { readonly _url: object } | null
    _list: [string, string][]
  }
  const wrapper: {
    install(globals: object, names: readonly string[]): void
    create(globals: object, args: readonly unknown[], options: { readonly doNotStripQMark: boolean }): Instance
    convert(globals: object, value: unknown): Impl
    is(value: unknown): boolean
  }
  export default wrapper
}

declare module 'isolane:idna-data' {
  export function exceptions(): string
  export function newMarks(): string
  export function bidi(): string
  export function joining(): string
}
