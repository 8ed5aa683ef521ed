import {
  basicURLParse,
  cannotHaveAUsernamePasswordPort,
  hasAnOpaquePath,
  serializeHost,
  serializePath,
  serializeURL,
  serializeURLOrigin,
  setThePassword,
  setTheUsername,
} from 'whatwg-url/lib/url-state-machine.js'
import { numberToString, SafeTypeError, stringSlice, stringStartsWith } from './primordials.ts'
import { toUsvText } from './text.ts'
import { parseUrl, type UrlRecord } from './url-record.ts'
import { type LinkedSearchParams, linkedSearchParams, type URLSearchParams } from './url-search-params.ts'

const PARSED = { __proto__: null }

/** The URL Standard's class, around whatwg-url's parser: nothing is made before it is asked for. */
export class URL {
  #record: UrlRecord
  #params: LinkedSearchParams | undefined

  constructor(...[url, base, record]: [url: unknown, base?: unknown, record?: unknown]) {
    if (url === PARSED) this.#record = record as UrlRecord
    else {
      const input = toUsvText(url)
      const baseRecord = base === undefined ? undefined : parseUrl(toUsvText(base))
      if (baseRecord === null) throw new SafeTypeError(`Invalid base URL: ${toUsvText(base)}`)
      const parsed = parseUrl(input, baseRecord)
      if (parsed === null) throw new SafeTypeError(`Invalid URL: ${input}`)
      this.#record = parsed
    }
  }

  static parse(url: unknown, ...[base]: [base?: unknown]): URL | null {
    const record = tryParse(url, base)
    return record === null ? null : new URL(PARSED, undefined, record)
  }

  static canParse(url: unknown, ...[base]: [base?: unknown]): boolean {
    return tryParse(url, base) !== null
  }

  get href() {
    return serializeURL(this.#record)
  }
  set href(value: string) {
    const input = toUsvText(value)
    const record = parseUrl(input)
    if (record === null) throw new SafeTypeError(`Invalid URL: ${input}`)
    this.#record = record
    this.#params?.follow(record)
  }
  get origin() {
    return serializeURLOrigin(this.#record)
  }
  get protocol() {
    return `${this.#record.scheme}:`
  }
  set protocol(value: string) {
    this.#parsePart(`${toUsvText(value)}:`, 'scheme start')
  }
  get username() {
    return this.#record.username
  }
  set username(value: string) {
    const text = toUsvText(value)
    if (!cannotHaveAUsernamePasswordPort(this.#record)) setTheUsername(this.#record, text)
  }
  get password() {
    return this.#record.password
  }
  set password(value: string) {
    const text = toUsvText(value)
    if (!cannotHaveAUsernamePasswordPort(this.#record)) setThePassword(this.#record, text)
  }
  get host() {
    const { host, port } = this.#record
    if (host === null) return ''
    return port === null ? serializeHost(host) : `${serializeHost(host)}:${numberToString(port)}`
  }
  set host(value: string) {
    const text = toUsvText(value)
    if (!hasAnOpaquePath(this.#record)) this.#parsePart(text, 'host')
  }
  get hostname() {
    const { host } = this.#record
    return host === null ? '' : serializeHost(host)
  }
  set hostname(value: string) {
    const text = toUsvText(value)
    if (!hasAnOpaquePath(this.#record)) this.#parsePart(text, 'hostname')
  }
  get port() {
    const { port } = this.#record
    return port === null ? '' : numberToString(port)
  }
  set port(value: string) {
    const text = toUsvText(value)
    if (cannotHaveAUsernamePasswordPort(this.#record)) return
    if (text === '') this.#record.port = null
    else this.#parsePart(text, 'port')
  }
  get pathname() {
    return serializePath(this.#record)
  }
  set pathname(value: string) {
    const text = toUsvText(value)
    if (hasAnOpaquePath(this.#record)) return
    this.#record.path = []
    this.#parsePart(text, 'path start')
  }
  get search() {
    const { query } = this.#record
    return query === null || query === '' ? '' : `?${query}`
  }
  set search(value: string) {
    const text = toUsvText(value)
    if (text === '') this.#record.query = null
    else {
      this.#record.query = ''
      this.#parsePart(stringStartsWith(text, '?') ? stringSlice(text, 1) : text, 'query')
    }
    this.#params?.follow(this.#record)
  }
  get searchParams(): URLSearchParams {
    this.#params ??= linkedSearchParams(this.#record)
    return this.#params.object
  }
  get hash() {
    const { fragment } = this.#record
    return fragment === null || fragment === '' ? '' : `#${fragment}`
  }
  set hash(value: string) {
    const text = toUsvText(value)
    if (text === '') {
      this.#record.fragment = null
      return
    }
    this.#record.fragment = ''
    this.#parsePart(stringStartsWith(text, '#') ? stringSlice(text, 1) : text, 'fragment')
  }

  toJSON() {
    return serializeURL(this.#record)
  }
  toString() {
    return serializeURL(this.#record)
  }

  /** The standard's parser with a state override: changes the record, or leaves it as it is. */
  #parsePart(text: string, stateOverride: string): void {
    basicURLParse(text, { url: this.#record, stateOverride })
  }
}

function tryParse(url: unknown, base: unknown): UrlRecord | null {
  const input = toUsvText(url)
  const baseRecord = base === undefined ? undefined : parseUrl(toUsvText(base))
  return baseRecord === null ? null : parseUrl(input, baseRecord)
}
