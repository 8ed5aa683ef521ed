import { randomBytes } from 'node:crypto'
import type { KeyRecord } from './key-record.ts'
import { keyRecordKey } from './key-record.ts'
import type { Store } from './open-store.ts'
import { createKey, hashKey } from './platform-key.ts'
import type { ChangeListener } from './store-changes.ts'
import { publishChange } from './store-changes.ts'

/** Hash of key ids to the SHA-256 the key is stored under. */
const KEY_IDS = 'isolane:keys'

interface RegistryDeps {
  readonly store: Store
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  /** Told of each change made here before the one who asked for it is: news by way of the store may come after their next call. */
  readonly changed?: ChangeListener['changed']
}

/** The keys there are. Nobody, this class included, can tell a key from what is stored of it. */
export class KeyRegistry {
  readonly #store: Store
  readonly #now: () => number
  readonly #changed: ChangeListener['changed']

  constructor({ store, now = Date.now, changed = () => {} }: RegistryDeps) {
    this.#store = store
    this.#now = now
    this.#changed = changed
  }

  /** `key` is told this once and never again. */
  async create(wanted: Omit<KeyRecord, 'id' | 'createdAt'>): Promise<{ readonly key: string; readonly record: KeyRecord }> {
    const key = createKey()
    const sha256 = hashKey(key)
    const record: KeyRecord = { id: newKeyId(), ...wanted, createdAt: this.#now() }
    await this.#store.multi().set(keyRecordKey(sha256), JSON.stringify(record)).hset(KEY_IDS, record.id, sha256).exec()
    await this.#tell(`key:${sha256}`)
    return { key, record }
  }

  /** In the order they were made. */
  async list(): Promise<KeyRecord[]> {
    const hashes = await this.#store.hvals(KEY_IDS)
    if (hashes.length === 0) return []
    const texts = await this.#store.mget(hashes.map(keyRecordKey))
    const records = texts.filter((text) => text !== null).map((text): KeyRecord => JSON.parse(text))
    return records.sort((a, b) => a.createdAt - b.createdAt)
  }

  async read(sha256: string): Promise<KeyRecord | undefined> {
    const text = await this.#store.get(keyRecordKey(sha256))
    return text === null ? undefined : JSON.parse(text)
  }

  /** Whether there was one. It stops working everywhere at once. */
  async remove(id: string): Promise<boolean> {
    const sha256 = await this.#store.hget(KEY_IDS, id)
    if (sha256 === null) return false
    await this.#store.multi().del(keyRecordKey(sha256)).hdel(KEY_IDS, id).exec()
    await this.#tell(`key:${sha256}`)
    return true
  }

  async #tell(key: string): Promise<void> {
    this.#changed(key)
    await publishChange(this.#store, key)
  }
}

export function newKeyId(): string {
  return `key-${randomBytes(8).toString('hex')}`
}
