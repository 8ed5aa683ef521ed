import { type KvFound, type KvListed, type KvPage, type KvScope, MAX_KV_LIST_KEYS } from '../contract/kv.ts'
import { hostCall, startHostCall } from './host-call.ts'
import { keyArgs, listArgs, putArgs } from './kv-args.ts'
import { type ReadType, readType, type StoredBytes, storedAs, storeValue } from './kv-values.ts'
import { append, type List, newList, toArray } from './list.ts'
import { arrayIsArray, define, jsonParse, mapSet, objectFreeze, objectHasOwn, SafeMap, SafePromise, SafeTypeError } from './primordials.ts'

/** Keys that one `get` of several takes, as on Workers. */
const MAX_KEYS_AT_ONCE = 100
const INTERNAL = { __proto__: null }

/** As Cloudflare Workers has it, so that its users and their libraries find what they know. What is different: README.md. */
export class KVNamespace {
  readonly #scope: KvScope

  constructor(token?: unknown, scope?: unknown) {
    if (token !== INTERNAL) throw new SafeTypeError('Cannot construct KVNamespace: use env.KV')
    this.#scope = scope as KvScope
  }

  /** The value, or null when there is none. Of an array of keys, a Map of them. */
  async get(key: unknown, options?: unknown): Promise<unknown> {
    const type = readType(options)
    return arrayIsArray(key) ? await this.#readAll(key, type, false) : (await this.#read(key, type)).value
  }

  async getWithMetadata(key: unknown, options?: unknown): Promise<unknown> {
    const type = readType(options)
    return arrayIsArray(key) ? await this.#readAll(key, type, true) : await this.#read(key, type)
  }

  async put(key: unknown, value: unknown, options?: unknown): Promise<void> {
    await storeValue(putArgs(this.#scope, key, options), value)
  }

  async delete(key: unknown): Promise<void> {
    await hostCall('kv.delete', keyArgs(this.#scope, key))
  }

  async list(options?: unknown): Promise<unknown> {
    const page = (await hostCall('kv.list', listArgs(this.#scope, options, MAX_KV_LIST_KEYS))).value as KvPage
    const keys: List<object> = newList()
    for (let at = 0; at < page.keys.length; at++) append(keys, listed(page.keys[at] as KvListed))
    // Made by JSON.parse: what it does not have could come from Object.prototype.
    const isLast = !objectHasOwn(page, 'cursor')
    return { keys: toArray(keys), list_complete: isLast, ...(isLast ? {} : { cursor: page.cursor }), cacheStatus: null }
  }

  async #read(key: unknown, type: ReadType): Promise<{ value: unknown; metadata: unknown; cacheStatus: null }> {
    const { number, settled } = startHostCall('kv.get', keyArgs(this.#scope, key))
    const { value: found, body } = await settled
    if (found === null) return { value: null, metadata: null, cacheStatus: null }
    const stored: StoredBytes = { pipe: number, size: (found as KvFound).size, body }
    return { value: await storedAs(type, stored), metadata: metadataOf(found as KvFound) ?? null, cacheStatus: null }
  }

  async #readAll(keys: readonly unknown[], type: ReadType, withMetadata: boolean): Promise<Map<unknown, unknown>> {
    if (keys.length > MAX_KEYS_AT_ONCE) throw new SafeTypeError(`Cannot get ${keys.length} keys at once: allowed are ${MAX_KEYS_AT_ONCE}`)
    if (type !== 'text' && type !== 'json') throw new SafeTypeError(`Cannot get several keys as ${type}: allowed are text and json`)
    const reading: Promise<{ value: unknown; metadata: unknown }>[] = []
    for (let at = 0; at < keys.length; at++) define(reading, at, this.#read(keys[at], type))
    const read = await SafePromise.all(reading)
    const all = new SafeMap<unknown, unknown>()
    for (let at = 0; at < read.length; at++) {
      const { value, metadata } = read[at] as { value: unknown; metadata: unknown }
      mapSet(all, keys[at], withMetadata && value !== null ? { value, metadata } : value)
    }
    return all
  }
}

/** `env.KV`: the function's own keys, and in its `tenant` those that all functions of the tenant share. */
export function createKv(): KVNamespace {
  const own = new KVNamespace(INTERNAL, 'function')
  define(own, 'tenant', objectFreeze(new KVNamespace(INTERNAL, 'tenant')))
  objectFreeze(own)
  return own
}

function listed(key: KvListed): object {
  const metadata = metadataOf(key)
  return {
    name: key.name,
    ...(objectHasOwn(key, 'expiration') ? { expiration: key.expiration } : {}),
    ...(metadata === undefined ? {} : { metadata }),
  }
}

function metadataOf(found: KvFound | KvListed): unknown {
  return objectHasOwn(found, 'metadata') ? jsonParse(found.metadata as string) : undefined
}
