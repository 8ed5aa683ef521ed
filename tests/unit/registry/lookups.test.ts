import { describe, expect, test } from 'vitest'
import { acceptVersion, pointAlias, removeFunction } from '../../../platform/registry/function-decisions.ts'
import { FunctionDirectory } from '../../../platform/registry/function-directory.ts'
import type { FunctionState } from '../../../platform/registry/function-state.ts'
import type { KeyRecord } from '../../../platform/registry/key-record.ts'
import { Keyring } from '../../../platform/registry/keyring.ts'
import { createKey, hashKey, isUsableKey, KEY_PREFIX } from '../../../platform/registry/platform-key.ts'

function twoVersions(): FunctionState {
  const draft = (versionId: string) => ({ versionId, sha256: versionId, sourceBytes: 1, bundleBytes: 1, asked: {}, createdAt: 1 })
  const loaded = (versionId: string) => ({
    draft: draft(versionId),
    style: 'fetch' as const,
    limits: { memoryMb: 128, timeoutMs: 5_000, concurrency: 16 },
    change: {},
    moveLive: true,
  })
  return acceptVersion('acme', 'shop', acceptVersion('acme', 'shop', undefined, loaded('one'), 1).state, loaded('two'), 2).state
}

const PLACE = { weight: 1, revision: 1, lane: 'main' }
const tenants = { settings: () => PLACE }

describe('FunctionDirectory', () => {
  test('resolves live, a number and an alias; at once from the second time on', async () => {
    const state = pointAlias(twoVersions(), 'stable', [{ version: 1, weight: 1 }], 3).state
    const directory = new FunctionDirectory({
      tenants,
      functions: { read: async (tenant, name) => (tenant === 'acme' && name === 'shop' ? state : undefined) },
    })
    expect(directory.resolve('acme', 'shop')).toBeInstanceOf(Promise)
    expect(await directory.resolve('acme', 'shop')).toMatchObject({ version: 2, versionId: 'two', style: 'fetch', access: 'private', revision: 3 })
    expect(directory.resolve('acme', 'shop', 'stable')).toMatchObject({ version: 1 })
    expect(directory.resolve('acme', 'shop', '1')).toMatchObject({ version: 1 })
    expect(directory.resolve('acme', 'shop', '3')).toBe(undefined)
    expect(directory.resolve('acme', 'shop', 'beta')).toBe(undefined)
    expect(await directory.resolve('acme', 'other')).toBe(undefined)
    expect(directory.resolve('acme', 'other')).toBe(undefined)
  })

  test('shares calls out by weight', async () => {
    const targets = [
      { version: 1, weight: 90 },
      { version: 2, weight: 10 },
    ]
    const state = pointAlias(twoVersions(), 'live', targets, 3).state
    let at = 0
    const directory = new FunctionDirectory({ tenants, functions: { read: async () => state }, random: () => at })
    await directory.resolve('acme', 'shop')
    const versionAt = (random: number) => {
      at = random
      return (directory.resolve('acme', 'shop') as { version: number }).version
    }
    expect([0, 0.5, 0.8999, 0.9, 0.9999].map(versionAt)).toEqual([1, 1, 1, 2, 2])
  })

  test('a function with nothing live resolves to nothing', async () => {
    const state = { ...twoVersions(), aliases: {} }
    const directory = new FunctionDirectory({ tenants, functions: { read: async () => state } })
    expect(await directory.resolve('acme', 'shop')).toBe(undefined)
    expect(directory.resolve('acme', 'shop', '2')).toMatchObject({ version: 2 })
  })

  test('forgets what changed, and nothing else', async () => {
    let state: FunctionState | undefined = twoVersions()
    const directory = new FunctionDirectory({ tenants, functions: { read: async () => (state?.removed ? undefined : state) } })
    await directory.resolve('acme', 'shop')
    await directory.resolve('acme', 'blog')
    state = removeFunction(state, 3).state
    directory.changed('key:abc')
    expect(directory.resolve('acme', 'shop')).toMatchObject({ version: 2 })
    directory.changed('function:acme/shop')
    expect(await directory.resolve('acme', 'shop')).toBe(undefined)
    expect(directory.resolve('acme', 'blog')).toMatchObject({ version: 2 })
    directory.missed()
    expect(directory.resolve('acme', 'blog')).toBeInstanceOf(Promise)
  })
})

describe('Keyring', () => {
  const record: KeyRecord = { id: 'key-1', tenant: 'acme', scopes: ['read'], expiresAt: 100, createdAt: 1 }

  test('knows a key by its hash, until it expires or is removed', async () => {
    const key = createKey()
    const stored = new Map([[hashKey(key), record]])
    let now = 50
    const keyring = new Keyring({ keys: { read: async (sha256) => stored.get(sha256) }, now: () => now })
    expect(await keyring.find(key)).toEqual({ keyId: 'key-1', tenant: 'acme', scopes: ['read'] })
    expect(keyring.find(key)).toEqual({ keyId: 'key-1', tenant: 'acme', scopes: ['read'] })
    expect(await keyring.find(`${key}x`)).toBe(undefined)
    now = 100
    expect(keyring.find(key)).toBe(undefined)
    now = 50
    stored.clear()
    keyring.changed(`key:${hashKey(key)}`)
    expect(await keyring.find(key)).toBe(undefined)
  })
})

test('new keys have a prefix, 256 random bits and fit in a header', () => {
  const [one, two] = [createKey(), createKey()]
  expect(one).toMatch(/^isl_[A-Za-z0-9_-]{43}$/)
  expect(one.startsWith(KEY_PREFIX)).toBe(true)
  expect(one).not.toBe(two)
  expect(isUsableKey(one)).toBe(true)
})
