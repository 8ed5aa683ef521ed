import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { removeArtifactFile, sweepArtifactFiles } from '../../platform/registry/artifact-files.ts'
import type { BeginRequest, NewCode } from '../../platform/registry/candidate.ts'
import { CandidateGone } from '../../platform/registry/candidate.ts'
import { ensureFirstKey } from '../../platform/registry/first-key.ts'
import { FunctionDirectory } from '../../platform/registry/function-directory.ts'
import { FunctionRegistry } from '../../platform/registry/function-registry.ts'
import { liveVersion } from '../../platform/registry/function-state.ts'
import { KeyRegistry } from '../../platform/registry/key-registry.ts'
import { Keyring } from '../../platform/registry/keyring.ts'
import type { Store } from '../../platform/registry/open-store.ts'
import { openStore } from '../../platform/registry/open-store.ts'
import { watchStoreChanges } from '../../platform/registry/store-changes.ts'
import { TenantDirectory } from '../../platform/registry/tenant-directory.ts'
import { TenantRegistry } from '../../platform/registry/tenant-registry.ts'
import { artifactKey, artifactPath, MAX_STORED_ARTIFACT_BYTES } from '../../runtime/contract/artifact.ts'
import { versionRecordKey } from '../../runtime/contract/function-version.ts'
import type { TestRedis } from '../redis-server.ts'
import { startRedis } from '../redis-server.ts'
import { dumpStore } from '../store-dump.ts'

let redis: TestRedis
let store: Store
let dataDir: string
let registry: FunctionRegistry

beforeAll(async () => {
  redis = await startRedis()
  store = await openStore(redis.url)
  dataDir = await mkdtemp(join(tmpdir(), 'isolane-data-'))
})

afterAll(async () => {
  store?.disconnect()
  await redis?.stop()
  if (dataDir) await rm(dataDir, { recursive: true, force: true })
})

beforeEach(async () => {
  await store.flushall()
  await rm(join(dataDir, 'artifacts'), { recursive: true, force: true })
  await rm(join(dataDir, 'admin-key'), { force: true })
  registry = new FunctionRegistry({ store, dataDir })
})

const sha = (text: string) => createHash('sha256').update(text).digest('hex')

function code(script: string, sourceMap: string | undefined = '{}'): NewCode {
  return { script, sha256: sha(script), sourceMap, sourceBytes: script.length, bundleBytes: script.length }
}

function request(script: string, over: Partial<BeginRequest> = {}): BeginRequest {
  return { tenant: 'acme', name: 'shop', code: code(script), change: { version: {}, function: {} }, moveLive: true, ...over }
}

async function deploy(script: string, over: Partial<BeginRequest> = {}) {
  return registry.accept(await registry.begin(request(script, over)), 'event')
}

const filesIn = async (folder: string) =>
  (await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])).filter((entry) => entry.isFile()).map(({ name }) => name)

describe('a deploy', () => {
  test('becomes version 1, live, with a record a worker can read and an artifact', async () => {
    const { entry, live } = await deploy('one')
    expect(live).toEqual({ moved: true })
    expect(await registry.readVersion(entry.versionId)).toEqual({
      versionId: entry.versionId,
      tenant: 'acme',
      name: 'shop',
      version: 1,
      sha256: sha('one'),
      sourceMapSha256: sha('{}'),
      style: 'event',
      limits: { memoryMb: 128, timeoutMs: 5_000, concurrency: 1 },
      env: {},
    })
    expect(await store.get(artifactKey(sha('one')))).toBe('one')
    expect(liveVersion(await registry.read('acme', 'shop'))).toEqual(entry)
    expect((await registry.list('acme')).map(({ name }) => name)).toEqual(['shop'])
  })

  test('before it is accepted, is loadable with room for one, and goes by itself', async () => {
    const { record } = await registry.begin(request('one'))
    expect(await registry.readVersion(record.versionId)).toMatchObject({ version: 1, limits: { concurrency: 1 } })
    expect((await registry.readVersion(record.versionId))?.style).toBe(undefined)
    expect(await registry.read('acme', 'shop')).toBe(undefined)
    for (const key of await store.keys('*')) {
      const life = await store.pttl(key)
      expect(life, key).toBeGreaterThan(9 * 60_000)
      expect(life, key).toBeLessThanOrEqual(10 * 60_000)
    }
  })

  test('once accepted, stays', async () => {
    await deploy('one')
    for (const key of await store.keys('*')) expect(await store.pttl(key), key).toBe(-1)
  })

  test('that is discarded leaves every key as it was, also when it shares code with what is there', async () => {
    await deploy('one')
    const before = await dumpStore(store)
    for (const script of ['two', 'one']) await registry.discard(await registry.begin(request(script)))
    expect(await dumpStore(store)).toEqual(before)
    for (const key of await store.keys('*')) expect(await store.pttl(key), key).toBe(-1)
  })

  test('that was accepted is not undone by a late discard', async () => {
    const candidate = await registry.begin(request('one'))
    await registry.accept(candidate, 'fetch')
    const before = await dumpStore(store)
    await registry.discard(candidate)
    expect(await dumpStore(store)).toEqual(before)
  })

  test('that took too long is not accepted, and changes nothing', async () => {
    const candidate = await registry.begin(request('one'))
    await store.del(versionRecordKey(candidate.record.versionId))
    const before = await dumpStore(store)
    await expect(registry.accept(candidate, 'fetch')).rejects.toThrow(CandidateGone)
    expect(await dumpStore(store)).toEqual(before)
  })

  test('knows its concurrency by its style, unless it was asked for', async () => {
    const { entry } = await registry.accept(await registry.begin(request('one')), 'fetch')
    expect(entry.limits.concurrency).toBe(16)
    expect((await registry.readVersion(entry.versionId))?.limits.concurrency).toBe(16)
    const asked = await registry.begin(request('two', { change: { version: { concurrency: 5 }, function: {} } }))
    expect((await registry.accept(asked, 'fetch')).entry.limits.concurrency).toBe(5)
  })

  test('inherits from live what it leaves out, but not what was only found out', async () => {
    await registry.accept(
      await registry.begin(request('one', { change: { version: { memoryMb: 512, env: { A: '1' } }, function: { access: 'public' } } })),
      'fetch',
    )
    await deploy('ignored', { change: { version: { memoryMb: 64 }, function: {} }, moveLive: false })
    const { entry, state } = await deploy('two', { change: { version: { env: { B: '2' } }, function: {} } })
    expect(entry).toMatchObject({ version: 3, style: 'event', limits: { memoryMb: 512, concurrency: 1 } })
    expect((await registry.readVersion(entry.versionId))?.env).toEqual({ A: '1', B: '2' })
    expect(state.access).toBe('public')
  })

  test('of code that is kept makes a version under other settings', async () => {
    const { entry } = await deploy('one')
    const again = await deploy('unused', { code: entry, change: { version: { memoryMb: 256 }, function: {} } })
    expect(again.entry).toMatchObject({ version: 2, sha256: entry.sha256, sourceMapSha256: entry.sourceMapSha256, limits: { memoryMb: 256 } })
    expect(again.entry.versionId).not.toBe(entry.versionId)
  })

  test('of code that was removed meanwhile is refused', async () => {
    const { entry } = await deploy('one')
    await registry.remove('acme', 'shop')
    const before = await dumpStore(store)
    await expect(registry.begin(request('unused', { code: entry }))).rejects.toThrow(CandidateGone)
    expect(await dumpStore(store)).toEqual(before)
  })
})

test('many deploys of one function at once each get a number of their own, in their records too', async () => {
  const stores = await Promise.all(Array.from({ length: 4 }, () => openStore(redis.url)))
  try {
    const accepted = await Promise.all(
      Array.from({ length: 24 }, async (_, i) => {
        const own = new FunctionRegistry({ store: stores[i % 4] ?? store, dataDir })
        return own.accept(await own.begin(request(`script ${i}`)), 'event')
      }),
    )
    const numbers = accepted.map(({ entry }) => entry.version).sort((a, b) => a - b)
    expect(numbers).toEqual(Array.from({ length: 24 }, (_, i) => i + 1))
    const state = await registry.read('acme', 'shop')
    expect(state).toMatchObject({ revision: 24, lastVersion: 24 })
    expect(state?.versions).toHaveLength(21)
    expect(liveVersion(state)?.version).toBe(24)
    for (const entry of state?.versions ?? []) expect((await registry.readVersion(entry.versionId))?.version).toBe(entry.version)
    // Three were pushed out again: nothing of them is left. One source map is shared by all.
    expect(await store.keys('isolane:version:*')).toHaveLength(21)
    expect(await store.keys('isolane:artifact:*')).toHaveLength(22)
  } finally {
    for (const own of stores) own.disconnect()
  }
})

describe('artifacts', () => {
  const large = 'x'.repeat(MAX_STORED_ARTIFACT_BYTES + 1)

  test('over 64 KiB are files, and go with the last version that has them', async () => {
    await deploy(large)
    await deploy(large, { name: 'blog' })
    const path = artifactPath(dataDir, sha(large))
    expect(await readFile(path, 'utf8')).toBe(large)
    expect(await store.exists(artifactKey(sha(large)))).toBe(0)
    expect(await filesIn(join(dataDir, 'artifacts'))).toEqual([sha(large)])
    await registry.remove('acme', 'shop')
    expect(await readFile(path, 'utf8')).toBe(large)
    await registry.remove('acme', 'blog')
    expect(await filesIn(join(dataDir, 'artifacts'))).toEqual([])
  })

  test('of exactly 64 KiB are in the store', async () => {
    const script = 'x'.repeat(MAX_STORED_ARTIFACT_BYTES)
    await deploy(script)
    expect(await store.get(artifactKey(sha(script)))).toBe(script)
    expect(await filesIn(join(dataDir, 'artifacts'))).toEqual([])
  })

  test('survive deploys and removals of the same code at once', async () => {
    for (let round = 0; round < 10; round++) {
      await deploy(large, { name: 'old' })
      await Promise.all([registry.remove('acme', 'old'), deploy(large, { name: 'new' })])
      expect(await readFile(artifactPath(dataDir, sha(large)), 'utf8')).toBe(large)
      await registry.remove('acme', 'new')
      expect(await filesIn(join(dataDir, 'artifacts'))).toEqual([])
    }
  })

  test('that a removal found unclaimed stay, if a deploy has claimed them since', async () => {
    await registry.begin(request(large))
    await removeArtifactFile(store, dataDir, sha(large))
    expect(await readFile(artifactPath(dataDir, sha(large)), 'utf8')).toBe(large)
    expect(await filesIn(join(dataDir, 'artifacts'))).toEqual([sha(large)])
  })

  test('that a crash left behind are swept, those in use and those being written are not', async () => {
    await deploy(large)
    const folder = dirname(artifactPath(dataDir, sha(large)))
    const orphan = 'f'.repeat(64)
    await writeFile(join(folder, orphan), '')
    await writeFile(join(folder, `${orphan}.fresh`), '')
    await writeFile(join(folder, `${orphan}.stale`), '')
    await utimes(join(folder, `${orphan}.stale`), 0, 0)
    expect(await sweepArtifactFiles(store, dataDir, Date.now())).toBe(2)
    expect((await readdir(folder)).sort()).toEqual([sha(large), `${orphan}.fresh`].sort())
  })
})

describe('removing a function', () => {
  test('leaves its counting and nothing else', async () => {
    await deploy('one')
    await registry.remove('acme', 'shop')
    expect(await store.keys('*')).toEqual(['isolane:function:acme/shop'])
    expect(await registry.read('acme', 'shop')).toBe(undefined)
    expect(await registry.remove('acme', 'shop')).toBe(undefined)
    expect((await deploy('two')).entry.version).toBe(2)
  })

  test('keeps what another function has too', async () => {
    await deploy('one')
    const { entry } = await deploy('one', { tenant: 'globex' })
    await registry.remove('acme', 'shop')
    expect(await store.get(artifactKey(entry.sha256))).toBe('one')
    expect(await registry.readVersion(entry.versionId)).toMatchObject({ tenant: 'globex' })
  })
})

describe('news', () => {
  /** A listener for the test itself: resolves once it is told. */
  function nextNews() {
    const changed = Promise.withResolvers<string>()
    const missed = Promise.withResolvers<void>()
    return { changed: changed.resolve, missed: missed.resolve, heardChange: changed.promise, heardGap: missed.promise }
  }

  test('of a deploy, a setting, an alias and a removal reach a gateway that has the function in memory', async () => {
    const directory = new FunctionDirectory({ functions: registry, tenants: new TenantDirectory({ tenants: new TenantRegistry({ store }) }) })
    const changes: (() => Promise<unknown>)[] = [
      () => deploy('two'),
      () => registry.changeSettings('acme', 'shop', { access: 'public' }),
      () => registry.pointAlias('acme', 'shop', 'live', () => [{ version: 1, weight: 1 }]),
      () => registry.remove('acme', 'shop'),
    ]
    const seen: unknown[] = []
    await deploy('one')
    for (const change of changes) {
      await directory.resolve('acme', 'shop')
      const news = nextNews()
      await using _watch = await watchStoreChanges(store, [directory, news])
      await directory.resolve('acme', 'shop')
      await change()
      expect(await news.heardChange).toBe('function:acme/shop')
      const resolved = await directory.resolve('acme', 'shop')
      seen.push(resolved && [resolved.version, resolved.access])
    }
    expect(seen).toEqual([[2, 'private'], [2, 'public'], [1, 'public'], undefined])
  })

  test('missed during a cut are made good: everything is forgotten once news flow again', async () => {
    const directory = new FunctionDirectory({ functions: registry, tenants: new TenantDirectory({ tenants: new TenantRegistry({ store }) }) })
    const second = nextNews()
    let gaps = 0
    const listener = { changed: () => {}, missed: () => void (++gaps === 2 && second.missed()) }
    await deploy('one')
    await using _watch = await watchStoreChanges(store, [directory, listener])
    expect(await directory.resolve('acme', 'shop')).toMatchObject({ version: 1 })
    await store.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    // Told to nobody: the subscriber is gone at this moment, or hears of it twice.
    await deploy('two')
    await second.heardGap
    expect(await directory.resolve('acme', 'shop')).toMatchObject({ version: 2 })
  })

  test('of a removed key end it in every gateway', async () => {
    const keys = new KeyRegistry({ store })
    const keyring = new Keyring({ keys })
    const news = nextNews()
    const { key, record } = await keys.create({ tenant: 'acme', scopes: ['read'] })
    await using _watch = await watchStoreChanges(store, [keyring, news])
    expect(await keyring.find(key)).toMatchObject({ tenant: 'acme', scopes: ['read'] })
    expect(await keys.remove(record.id)).toBe(true)
    await news.heardChange
    expect(await keyring.find(key)).toBe(undefined)
    expect(await keys.remove(record.id)).toBe(false)
    expect(JSON.stringify(await dumpStore(store))).not.toContain(key)
  })
})

describe('ensureFirstKey()', () => {
  test('generates one key, readable by its owner only, and afterwards names the file instead of the key', async () => {
    const first = await ensureFirstKey({ store, dataDir, adminKey: undefined })
    const path = join(dataDir, 'admin-key')
    if (first.origin !== 'generated') throw new Error(first.origin)
    expect(first.path).toBe(path)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readFile(path, 'utf8')).toBe(`${first.key}\n`)
    expect(await new Keyring({ keys: new KeyRegistry({ store }) }).find(first.key)).toMatchObject({ tenant: 'default', scopes: ['admin'] })
    expect(await new TenantRegistry({ store }).read('default')).toMatchObject({ name: 'default', weight: 1 })
    expect(await ensureFirstKey({ store, dataDir, adminKey: undefined })).toEqual({ origin: 'existing', path })
  })

  test('several starting at once agree on one key', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => ensureFirstKey({ store, dataDir, adminKey: undefined })))
    const key = (await readFile(join(dataDir, 'admin-key'), 'utf8')).trim()
    for (const result of results) if (result.origin === 'generated') expect(result.key).toBe(key)
    expect(results.some(({ origin }) => origin === 'generated')).toBe(true)
    expect(await store.keys('isolane:key:*')).toHaveLength(1)
  })

  test('a key in the environment wins, and ends the one before', async () => {
    const generated = await ensureFirstKey({ store, dataDir, adminKey: undefined })
    if (generated.origin !== 'generated') throw new Error(generated.origin)
    expect(await ensureFirstKey({ store, dataDir, adminKey: 'isl_operators-own' })).toEqual({ origin: 'environment', key: 'isl_operators-own' })
    const keyring = new Keyring({ keys: new KeyRegistry({ store }) })
    expect(await keyring.find('isl_operators-own')).toMatchObject({ scopes: ['admin'] })
    expect(await keyring.find(generated.key)).toBe(undefined)
    const before = await dumpStore(store)
    await ensureFirstKey({ store, dataDir, adminKey: 'isl_operators-own' })
    expect(await dumpStore(store)).toEqual(before)
    expect(await ensureFirstKey({ store, dataDir, adminKey: undefined })).toEqual({ origin: 'existing' })
  })

  test('a key that cannot travel in a header stops the start', async () => {
    await expect(ensureFirstKey({ store, dataDir, adminKey: 'two words' })).rejects.toThrow(
      /Cannot use ISOLANE_ADMIN_KEY: wanted 8 to 200 visible ASCII/,
    )
  })
})

test('a tenant is made once', async () => {
  const tenants = new TenantRegistry({ store })
  expect(await tenants.create({ name: 'acme', weight: 3 })).toMatchObject({ name: 'acme', weight: 3, lane: 'main' })
  expect(await tenants.create({ name: 'acme', weight: 9 })).toBe(undefined)
  expect(await tenants.read('acme')).toMatchObject({ weight: 3 })
  expect((await tenants.list()).map(({ name }) => name)).toEqual(['acme'])
})

test('openStore() says at once that nobody is there, without the password', async () => {
  await expect(openStore(join(dataDir, 'nobody.sock'))).rejects.toThrow(/Cannot open the store at .*nobody.sock: .*ENOENT/)
  await expect(openStore('redis://user:hunter2@127.0.0.1:1')).rejects.toThrow(/^Cannot open the store at redis:\/\/…@127.0.0.1:1: (?!.*hunter2)/)
  await expect(openStore('localhost:6379')).rejects.toThrow(/wanted redis:\/\/…, rediss:\/\/… or an absolute socket path/)
})
