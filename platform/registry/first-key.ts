import { join } from 'node:path'
import { readKeyFile, readOrCreateKeyFile } from './key-file.ts'
import type { KeyRecord } from './key-record.ts'
import { newKeyId } from './key-registry.ts'
import type { Store } from './open-store.ts'
import { createKey, hashKey, isUsableKey, USABLE_KEY_RULE } from './platform-key.ts'
import { StoreScript } from './store-script.ts'
import { DEFAULT_TENANT } from './tenant.ts'
import { TenantRegistry } from './tenant-registry.ts'

/**
 * `environment`: the operator's own. `generated`: made now, kept at `path`, and `key` is to be shown this once.
 * `existing`: made earlier; it lies at `path`, if it was generated with this data directory.
 */
export type FirstKey =
  | { readonly origin: 'environment'; readonly key: string }
  | { readonly origin: 'generated'; readonly key: string; readonly path: string }
  | { readonly origin: 'existing'; readonly path?: string }

interface FirstKeyDeps {
  readonly store: Store
  readonly dataDir: string
  /** The operator's choice; wins over whatever is there, and ends it. */
  readonly adminKey: string | undefined
}

const registerFirstKey = new StoreScript('register-first-key.lua')

/** Sees to it that the tenant `default` exists and somebody can administrate. Safe to run in several processes at once. */
export async function ensureFirstKey({ store, dataDir, adminKey }: FirstKeyDeps): Promise<FirstKey> {
  await new TenantRegistry({ store }).create({ name: DEFAULT_TENANT })
  if (adminKey !== undefined) {
    if (!isUsableKey(adminKey)) throw new RangeError(`Cannot use ISOLANE_ADMIN_KEY: wanted ${USABLE_KEY_RULE}, got ${adminKey.length} characters`)
    await register(store, adminKey, 'replace')
    return { origin: 'environment', key: adminKey }
  }
  const path = join(dataDir, 'admin-key')
  const former = await store.get('isolane:first-key')
  if (former !== null) return existing(path, former)
  // The file comes before the store hears of the key: a crash between the two leaves a key to be used again, not a lock without one.
  const key = await readOrCreateKeyFile(path, createKey)
  const now = await register(store, key, 'keep')
  return now === hashKey(key) ? { origin: 'generated', key, path } : { origin: 'existing' }
}

async function register(store: Store, key: string, policy: 'replace' | 'keep'): Promise<unknown> {
  const record: KeyRecord = { id: newKeyId(), tenant: DEFAULT_TENANT, scopes: ['admin'], createdAt: Date.now() }
  return registerFirstKey.run(store, hashKey(key), JSON.stringify(record), record.id, policy)
}

async function existing(path: string, sha256: string): Promise<FirstKey> {
  const key = await readKeyFile(path)
  return key !== undefined && hashKey(key) === sha256 ? { origin: 'existing', path } : { origin: 'existing' }
}
