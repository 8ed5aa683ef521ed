import { HeaderList, toHeaderName, toHeaderValue } from './header-list.ts'
import { append, type List, newList, toArray } from './list.ts'
import { arraySort, isObject, objectGetOwnPropertyDescriptor, reflectApply, reflectOwnKeys, SafeTypeError } from './primordials.ts'
import { toText } from './text.ts'

/** Internal doors: the list behind a Headers, and a Headers around a list. */
export let headerListOf: (headers: unknown) => HeaderList | undefined
export let createHeaders: (list: HeaderList, immutable: boolean) => Headers

export class Headers {
  #list = new HeaderList()
  #immutable = false

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
    const pairs = sortedPairs(this.#list)
    for (let at = 0; at < pairs.length; at++) {
      const { name, value } = pairs[at] as Pair
      reflectApply(visit, self, [value, name, this])
    }
  }
  *entries(): IterableIterator<[string, string]> {
    const pairs = sortedPairs(this.#list)
    for (let at = 0; at < pairs.length; at++) yield [(pairs[at] as Pair).name, (pairs[at] as Pair).value]
  }
  *keys(): IterableIterator<string> {
    const pairs = sortedPairs(this.#list)
    for (let at = 0; at < pairs.length; at++) yield (pairs[at] as Pair).name
  }
  *values(): IterableIterator<string> {
    const pairs = sortedPairs(this.#list)
    for (let at = 0; at < pairs.length; at++) yield (pairs[at] as Pair).value
  }
  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries()
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

/** Adds what a HeadersInit holds: another Headers, pairs, or an object. */
export function fillHeaders(list: HeaderList, init: unknown): void {
  const other = headerListOf(init)
  if (other !== undefined) {
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

interface Pair {
  readonly name: string
  readonly value: string
}

/** As iteration shows them: by name, repeats joined, only `set-cookie` repeated. */
function sortedPairs(list: HeaderList): List<Pair> {
  const pairs: List<Pair> = newList()
  for (let at = 0; at < list.names.length; at++) {
    const name = list.names[at] as string
    if (name === 'set-cookie') append(pairs, { name, value: list.values[at] as string })
    else if (isFirst(list, name, at)) append(pairs, { name, value: list.get(name) as string })
  }
  arraySort(pairs, (a: Pair, b: Pair) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  return pairs
}

function isFirst(list: HeaderList, name: string, at: number): boolean {
  for (let before = 0; before < at; before++) if (list.names[before] === name) return false
  return true
}
