import type { Store } from '../platform/registry/open-store.ts'

/** Everything in the store, key by key: two dumps are equal exactly when nothing has changed but time. */
export async function dumpStore(store: Store): Promise<Record<string, unknown>> {
  const keys = (await store.keys('*')).sort()
  return Object.fromEntries(await Promise.all(keys.map(async (key) => [key, await readAny(store, key)])))
}

async function readAny(store: Store, key: string): Promise<unknown> {
  switch (await store.type(key)) {
    case 'string':
      return store.get(key)
    case 'hash':
      return store.hgetall(key)
    case 'set':
      return (await store.smembers(key)).sort()
    case 'zset':
      return store.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    // A lane's, where one Redis is both.
    case 'stream':
      return store.xrange(key, '-', '+')
    case 'list':
      return store.lrange(key, 0, -1)
    default:
      throw new TypeError(`Cannot dump ${key}: it has a type no key of the store has`)
  }
}
