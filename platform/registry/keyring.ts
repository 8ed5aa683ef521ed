import type { KeyRecord, KeyScope } from './key-record.ts'
import { hashKey } from './platform-key.ts'
import { ReadThrough } from './read-through.ts'
import type { ChangeListener } from './store-changes.ts'

/** Who a key belongs to and what it may do. */
export interface KeyHolder {
  readonly keyId: string
  readonly tenant: string
  readonly scopes: readonly KeyScope[]
  readonly functions?: readonly string[]
}

interface KeyringDeps {
  readonly keys: { read(sha256: string): Promise<KeyRecord | undefined> }
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

interface KnownKey {
  readonly holder: KeyHolder
  readonly expiresAt: number
}

/** Whose key is this, from memory: a gateway asks for every request. Keeps hashes, never keys. */
export class Keyring implements ChangeListener {
  readonly #keys: ReadThrough<KnownKey>
  readonly #now: () => number

  constructor({ keys, now = Date.now }: KeyringDeps) {
    this.#now = now
    this.#keys = new ReadThrough(async (sha256) => {
      const record = await keys.read(sha256)
      if (!record) return undefined
      const { id, tenant, scopes, functions, expiresAt = Number.POSITIVE_INFINITY } = record
      return { holder: { keyId: id, tenant, scopes, ...(functions && { functions }) }, expiresAt }
    })
  }

  /** Answers at once what is in memory, a promise only for what has to be read; `undefined` for a key that opens nothing. */
  find(presentedKey: string): KeyHolder | undefined | Promise<KeyHolder | undefined> {
    const known = this.#keys.get(hashKey(presentedKey))
    if (known instanceof Promise) return known.then((loaded) => this.#unlessExpired(loaded))
    return this.#unlessExpired(known)
  }

  changed(key: string): void {
    if (key.startsWith('key:')) this.#keys.invalidate(key.slice('key:'.length))
  }

  missed(): void {
    this.#keys.flush()
  }

  #unlessExpired(known: KnownKey | undefined): KeyHolder | undefined {
    return known && this.#now() < known.expiresAt ? known.holder : undefined
  }
}
