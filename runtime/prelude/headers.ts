import { HeaderList, toHeaderName, toHeaderValue } from './header-list.ts'
import { append, type List, newList, toArray } from './list.ts'
import { type Pair, pairIterators } from './pair-iterator.ts'
import { arraySort, define, isObject, objectGetOwnPropertyDescriptor, reflectApply, reflectOwnKeys, SafeTypeError } from './primordials.ts'
import { toText } from './text.ts'

/** Internal doors: the list behind a Headers, and a Headers around a list. */
export let headerListOf: (headers: unknown) => HeaderList | undefined
export let createHeaders: (list: HeaderList, immutable: boolean) => Headers

export class Headers {
  #list = new HeaderList()
  #immutable = false
  #sorted: { readonly version: number; readonly pairs: List<Pair<string>> } | undefined

  constructor(init?: unknown) {
    if (init !== undefined) fillHeaders(this.#list, init)
  }

  append(name: unknown, value: unknown): void {
    const key = toHeaderName(name)
    this.#guard(key)
    this.#list.append(key, toHeaderValue(key, value))
  }
  delete(name: unknown): void {
    const key = toHeaderName(name)
    this.#guard(key)
    this.#list.delete(key)
  }
  get(name: unknown): string | null {
    return this.#list.get(toHeaderName(name))
  }
  getSetCookie(): string[] {
    const found: List<string> = newList()
    const { names, values } = this.#list
    for (let at = 0; at < names.length; at++) if (names[at] === 'set-cookie') append(found, values[at] as string)
    return toArray(found)
  }
  has(name: unknown): boolean {
    return this.#list.has(toHeaderName(name))
  }
  set(name: unknown, value: unknown): void {
    const key = toHeaderName(name)
    this.#guard(key)
    this.#list.set(key, toHeaderValue(key, value))
  }

  forEach(visit: unknown, self?: unknown): void {
    if (typeof visit !== 'function') throw new SafeTypeError('Cannot visit the headers: forEach takes a function')
    for (let at = 0, pair = this.#pairAt(0); pair !== undefined; pair = this.#pairAt(++at)) {
      reflectApply(visit, self, [pair.value, pair.name, this])
    }
  }
  entries(): IterableIterator<[string, string]> {
    return iterate('entries', (at) => this.#pairAt(at)) as IterableIterator<[string, string]>
  }
  keys(): IterableIterator<string> {
    return iterate('keys', (at) => this.#pairAt(at)) as IterableIterator<string>
  }
  values(): IterableIterator<string> {
    return iterate('values', (at) => this.#pairAt(at)) as IterableIterator<string>
  }
  declare [Symbol.iterator]: () => IterableIterator<[string, string]>

  #pairAt(at: number): Pair<string> | undefined {
    const { version } = this.#list
    if (this.#sorted?.version !== version) this.#sorted = { version, pairs: sortedPairs(this.#list) }
    return this.#sorted.pairs[at]
  }

  #guard(name: string): void {
    if (this.#immutable) throw new SafeTypeError(`Cannot change the header ${name}: these headers are immutable; make a copy with new Headers(…)`)
  }

  static {
    headerListOf = (headers) => (typeof headers === 'object' && headers !== null && #list in headers ? headers.#list : undefined)
    createHeaders = (list, immutable) => {
      const headers = new Headers()
      headers.#list = list
      headers.#immutable = immutable
      return headers
    }
  }
}

const iterate = pairIterators<string>('Headers')
const ownIterator = Headers.prototype.entries
define(Headers.prototype, Symbol.iterator, ownIterator, false)

/** Adds what a HeadersInit holds: another Headers, pairs, or an object. */
export function fillHeaders(list: HeaderList, init: unknown): void {
  const other = headerListOf(init)
  if (other !== undefined && (init as Headers)[Symbol.iterator] === ownIterator) {
    for (let at = 0; at < other.names.length; at++) list.append(other.names[at] as string, other.values[at] as string)
    return
  }
  if (!isObject(init)) throw new SafeTypeError('Cannot read headers: wanted an object, pairs or a Headers')
  if (typeof (init as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function') {
    for (const pair of init as Iterable<unknown>) {
      const both = isObject(pair) ? [...(pair as Iterable<unknown>)] : []
      if (both.length !== 2) throw new SafeTypeError('Cannot read headers: each pair must have a name and a value')
      const name = toHeaderName(both[0])
      list.append(name, toHeaderValue(name, both[1]))
    }
    return
  }
  const keys = reflectOwnKeys(init)
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at] as string | symbol
    if (objectGetOwnPropertyDescriptor(init, key)?.enumerable !== true) continue
    const name = toHeaderName(toText(key))
    list.append(name, toHeaderValue(name, (init as Record<string | symbol, unknown>)[key]))
  }
}

/** As iteration shows them: by name, repeats joined, only `set-cookie` repeated. */
function sortedPairs(list: HeaderList): List<Pair<string>> {
  const pairs: List<Pair<string>> = newList()
  for (let at = 0; at < list.names.length; at++) {
    const name = list.names[at] as string
    if (name === 'set-cookie') append(pairs, { name, value: list.values[at] as string })
    else if (isFirst(list, name, at)) append(pairs, { name, value: list.get(name) as string })
  }
  arraySort(pairs, (a: Pair<string>, b: Pair<string>) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  return pairs
}

function isFirst(list: HeaderList, name: string, at: number): boolean {
  for (let before = 0; before < at; before++) if (list.names[before] === name) return false
  return true
}
