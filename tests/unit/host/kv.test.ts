import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { deleteFunctionKv, KV_FILE_GRACE_MS, sweepKvFiles } from '../../../platform/registry/kv-files.ts'
import { openStore, type Store } from '../../../platform/registry/open-store.ts'
import type { KvFound, KvPage } from '../../../runtime/contract/kv.ts'
import { KV_KEY_OVERHEAD_BYTES, MAX_KV_OPERATIONS, MAX_KV_VALUE_BYTES } from '../../../runtime/contract/kv.ts'
import { MAX_CHUNK_BYTES } from '../../../runtime/contract/messages.ts'
import { createKv, type Kv } from '../../../runtime/host/kv.ts'
import { MAX_OPEN_FILES } from '../../../runtime/host/kv-files.ts'
import { chargeOf } from '../../../runtime/host/kv-store.ts'
import type { HostContext } from '../../../runtime/host/operation.ts'
import { Pipes } from '../../../runtime/host/pipes.ts'
import { TenantBytes } from '../../../runtime/host/tenant-bytes.ts'
import { startRedis, type TestRedis } from '../../redis-server.ts'
import { dumpStore } from '../../store-dump.ts'

const QUOTA_BYTES = 4 * 1024 * 1024
const START_MS = 1_700_000_000_000

let redis: TestRedis
let store: Store
let dataDir: string
let kv: Kv
let nowMs = START_MS
const errors: Error[] = []
const callers: Caller[] = []

beforeAll(async () => {
  redis = await startRedis()
  store = await openStore(redis.url)
  dataDir = await mkdtemp(join(tmpdir(), 'isolane-kv-'))
  kv = createKv({ storeUrl: redis.url, dataDir, onError: (error) => errors.push(error), now: () => nowMs, quotaBytes: QUOTA_BYTES })
})

afterAll(async () => {
  kv?.close()
  store?.disconnect()
  await redis?.stop()
  if (dataDir) await rm(dataDir, { recursive: true, force: true })
})

beforeEach(async () => {
  await store.flushall()
  await rm(join(dataDir, 'kv'), { recursive: true, force: true })
  nowMs = START_MS
  errors.length = 0
})

afterEach(() => {
  for (const caller of callers.splice(0)) caller.end()
})

/** One invocation of a function, asking as its prelude would. */
class Caller {
  readonly pipes = new Pipes()
  readonly #invocation: HostContext['invocation']
  readonly #spent = { subrequests: 0, egressBytes: 0 }
  readonly #aborts = new AbortController()
  #number = 0

  constructor(tenant = 'acme', name = 'shop') {
    callers.push(this)
    const id = '00000000-0000-7000-8000-000000000000'
    this.#invocation = {
      id,
      attempt: 1,
      tenant,
      name,
      version: 1,
      versionId: '0'.repeat(32),
      trigger: 'rpc',
      door: 'rpc',
      gateway: 'g-test',
      depth: 0,
    }
  }

  ask(op: keyof Kv['operations'], args: unknown, body: Buffer = Buffer.alloc(0), number = ++this.#number) {
    const { pipes } = this
    return kv.operations[op](args, body, {
      invocation: this.#invocation,
      number,
      signal: this.#aborts.signal,
      leftMs: 1_000,
      pipes,
      tenantBytes: new TenantBytes(),
      spent: this.#spent,
    })
  }

  async put(key: string, value: string | Buffer, more: object = {}): Promise<void> {
    const bytes = Buffer.from(value)
    if (bytes.length <= MAX_CHUNK_BYTES) await this.ask('kv.put', { scope: 'function', key, ...more }, bytes)
    else await this.putStream(key, pieces(bytes, 50_000), more)
  }

  async putStream(key: string, parts: readonly Buffer[], more: object = {}): Promise<void> {
    const stored = this.ask('kv.put', { scope: 'function', key, stream: true, ...more })
    const sink = this.pipes.sink(this.#number)
    const writing = (async () => {
      for (const part of parts) await sink?.write(part)
      await sink?.end()
    })()
    await Promise.all([stored, writing])
  }

  async get(key: string, scope = 'function'): Promise<string | null> {
    return (await this.getBytes(key, scope))?.toString() ?? null
  }

  async getBytes(key: string, scope = 'function'): Promise<Buffer | null> {
    const { value, body } = await this.ask('kv.get', { scope, key })
    const source = this.pipes.source(this.#number)
    if (value === null) return null
    if (source === undefined) return body ?? null
    const parts: Buffer[] = []
    for (;;) {
      const part = await source.read(MAX_CHUNK_BYTES)
      if (part === undefined) break
      parts.push(part)
    }
    this.pipes.dropSource(this.#number)
    expect(Buffer.concat(parts).length).toBe((value as KvFound).size)
    return Buffer.concat(parts)
  }

  async delete(key: string): Promise<void> {
    await this.ask('kv.delete', { scope: 'function', key })
  }

  async page(args: object = {}): Promise<KvPage> {
    return (await this.ask('kv.list', { scope: 'function', prefix: '', limit: 1_000, ...args })).value as KvPage
  }

  /** All pages of `limit` keys, one after the other. */
  async names(prefix = '', limit = 1_000): Promise<string[]> {
    const names: string[] = []
    for (let cursor: string | undefined; ; ) {
      const page: KvPage = await this.page({ prefix, limit, ...(cursor === undefined ? {} : { cursor }) })
      expect(page.keys.length).toBeLessThanOrEqual(limit)
      names.push(...page.keys.map(({ name }) => name))
      if (page.cursor === undefined) return names
      cursor = page.cursor
    }
  }

  end(): void {
    this.#aborts.abort()
    this.pipes[Symbol.dispose]()
  }
}

function pieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size))
}

function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + seed * 17 + (at >> 8)) & 0xff
  return bytes
}

async function usedBytes(tenant = 'acme'): Promise<number> {
  return Number((await store.get(`isolane:kv:${tenant}:used`)) ?? 0)
}

async function blobFiles(): Promise<string[]> {
  const entries = await readdir(join(dataDir, 'kv'), { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

/** Files of records that are gone are removed beside the answer, not before it. */
async function blobFilesOnceThereAre(count: number): Promise<string[]> {
  return await expect
    .poll(blobFiles)
    .toHaveLength(count)
    .then(() => blobFiles())
}

describe('round trips', () => {
  const sizes = [0, 1, MAX_CHUNK_BYTES - 1, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES + 1, MAX_KV_VALUE_BYTES]
  test.each(sizes)('a value of %i bytes comes back byte for byte, from the store or from a file', async (size) => {
    const caller = new Caller()
    await caller.put('k', pattern(size))
    expect((await caller.getBytes('k'))?.equals(pattern(size))).toBe(true)
    expect(await blobFiles()).toHaveLength(size > MAX_CHUNK_BYTES ? 1 : 0)
  })

  test('a stream is stored whole whatever its pieces, and in the store when it turns out small', async () => {
    const caller = new Caller()
    await caller.putStream('small', [Buffer.from('a'), Buffer.from(''), Buffer.from('bc')])
    expect(await caller.get('small')).toBe('abc')
    await caller.putStream('empty', [])
    expect(await caller.get('empty')).toBe('')
    expect(await blobFiles()).toEqual([])
    await caller.putStream('large', pieces(pattern(200_000), 7_001))
    expect((await caller.getBytes('large'))?.equals(pattern(200_000))).toBe(true)
  })

  test('pieces written without waiting arrive in order', async () => {
    const caller = new Caller()
    const stored = caller.ask('kv.put', { scope: 'function', key: 'k', stream: true }, undefined, 77)
    const sink = caller.pipes.sink(77)
    const writing = [...pieces(pattern(300_000), 9_999).map((piece) => sink?.write(piece)), sink?.end()]
    await Promise.all([stored, ...writing])
    expect((await caller.getBytes('k'))?.equals(pattern(300_000))).toBe(true)
  })

  test('metadata comes with the value and in the list; overwriting without it removes it', async () => {
    const caller = new Caller()
    await caller.put('k', 'v', { metadata: '{"a":[1,"ü\\u0000 x"]}', expirationTtl: 60 })
    expect((await caller.ask('kv.get', { scope: 'function', key: 'k' })).value).toEqual({ size: 1, metadata: '{"a":[1,"ü\\u0000 x"]}' })
    expect(await caller.page()).toEqual({ keys: [{ name: 'k', metadata: '{"a":[1,"ü\\u0000 x"]}', expiration: START_MS / 1_000 + 60 }] })
    await caller.put('k', 'w')
    expect(await caller.page()).toEqual({ keys: [{ name: 'k' }] })
    expect(await caller.get('k')).toBe('w')
  })

  test('a missing key is null, deleting one changes nothing, and the last deletion leaves nothing in the store', async () => {
    const caller = new Caller()
    expect(await caller.get('k')).toBeNull()
    await caller.delete('k')
    await caller.put('k', pattern(100_000), { expirationTtl: 9, metadata: '1' })
    await caller.put('k2', 'x')
    await caller.delete('k')
    await caller.delete('k2')
    expect(await dumpStore(store)).toEqual({})
    await blobFilesOnceThereAre(0)
  })

  test('a large value that is replaced leaves one file, and a reader that had opened the old one reads it to its end', async () => {
    const [reader, writer] = [new Caller(), new Caller()]
    await writer.put('k', pattern(300_000, 1))
    await reader.ask('kv.get', { scope: 'function', key: 'k' }, undefined, 5)
    const source = reader.pipes.source(5)
    const first = await source?.read(MAX_CHUNK_BYTES)
    await writer.put('k', pattern(400_000, 2))
    await blobFilesOnceThereAre(1)
    const rest: Buffer[] = []
    for (let piece = await source?.read(MAX_CHUNK_BYTES); piece !== undefined; piece = await source?.read(MAX_CHUNK_BYTES)) rest.push(piece)
    expect(Buffer.concat([first as Buffer, ...rest]).equals(pattern(300_000, 1))).toBe(true)
    expect((await reader.getBytes('k'))?.equals(pattern(400_000, 2))).toBe(true)
  })
})

describe('whose keys they are', () => {
  const HOSTILE = [
    'a',
    'a:b',
    'a/b',
    'function/other:a',
    'tenant:a',
    '{x}',
    'isolane:kv:beta:used',
    '\0',
    'a\0b',
    '*',
    '[a',
    '(',
    '+',
    '-',
    ' ',
    '\n',
    'é',
    '\u{10ffff}',
    '\uffff',
    '../../x',
    '__proto__',
  ]

  test('functions and tenants never see each other’s keys, whatever the keys contain', async () => {
    const owners = [new Caller('acme', 'shop'), new Caller('acme', 'other'), new Caller('acme', 'tenant'), new Caller('beta', 'shop')]
    for (const [at, owner] of owners.entries())
      for (const key of HOSTILE) await owner.put(key, `${at} ${key}`, { expirationTtl: 100, metadata: `${at}` })
    for (const [at, owner] of owners.entries()) {
      for (const key of HOSTILE) expect(await owner.get(key)).toBe(`${at} ${key}`)
      const { keys } = await owner.page()
      expect(keys.map(({ name }) => name)).toEqual(HOSTILE.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
      expect(keys.every(({ metadata }) => metadata === `${at}`)).toBe(true)
    }
    for (const key of HOSTILE) await (owners[0] as Caller).delete(key)
    expect(await owners[0]?.names()).toEqual([])
    for (const owner of owners.slice(1)) expect(await owner.names()).toHaveLength(HOSTILE.length)
  })

  test('the tenant’s keys are shared by its functions and by nobody else', async () => {
    const [shop, other, stranger] = [new Caller('acme', 'shop'), new Caller('acme', 'other'), new Caller('beta', 'shop')]
    await shop.put('k', 'shared', { scope: 'tenant' })
    await shop.put('k', 'own')
    expect([await other.get('k', 'tenant'), await shop.get('k')]).toEqual(['shared', 'own'])
    expect([await other.get('k'), await stranger.get('k', 'tenant'), await stranger.get('k')]).toEqual([null, null, null])
  })

  test('names of tenant and function in the arguments change nothing', async () => {
    await new Caller('beta', 'shop').put('k', 'secret')
    const caller = new Caller()
    const args = {
      scope: 'function',
      key: 'k',
      tenant: 'beta',
      name: 'shop',
      invocation: { tenant: 'beta' },
      owner: { tenant: 'beta', scope: 'function/shop' },
    }
    expect((await caller.ask('kv.get', args)).value).toBeNull()
  })

  test('deleting a function deletes its keys and files, and nothing else', async () => {
    const [shop, other] = [new Caller('acme', 'shop'), new Caller('acme', 'other')]
    for (let at = 0; at < 700; at++) await new Caller().put(`k${at}`, 'v', { expirationTtl: 1_000 })
    await shop.put('large', pattern(100_000))
    await shop.put('k', 'shared', { scope: 'tenant' })
    await other.put('k', pattern(100_000))
    await deleteFunctionKv(store, dataDir, 'acme', 'shop')
    expect(await shop.names()).toEqual([])
    expect([await shop.get('k', 'tenant'), (await other.getBytes('k'))?.length]).toEqual(['shared', 100_000])
    expect(await blobFiles()).toHaveLength(1)
    expect(await usedBytes()).toBe(chargeOf('k', 6, '') + chargeOf('k', 100_000, ''))
    await deleteFunctionKv(store, dataDir, 'acme', 'other')
    await shop.ask('kv.delete', { scope: 'tenant', key: 'k' })
    expect(await dumpStore(store)).toEqual({})
  })
})

describe('expiry', () => {
  test('a key is there until its moment and never after it', async () => {
    const caller = new Caller()
    await caller.put('ttl', 'a', { expirationTtl: 2 })
    await caller.put('at', 'b', { expiration: START_MS / 1_000 + 3 })
    nowMs += 1_999
    expect([await caller.get('ttl'), await caller.get('at')]).toEqual(['a', 'b'])
    nowMs += 1
    expect([await caller.get('ttl'), await caller.get('at')]).toEqual([null, 'b'])
    expect(await caller.names()).toEqual(['at'])
    nowMs += 1_000
    expect(await caller.names()).toEqual([])
    expect(await dumpStore(store)).toEqual({})
  })

  test('putting a key anew gives it a new expiry, or none', async () => {
    const caller = new Caller()
    await caller.put('a', '1', { expirationTtl: 1 })
    await caller.put('a', '2')
    await caller.put('b', '1', { expirationTtl: 1 })
    await caller.put('b', '2', { expirationTtl: 5 })
    nowMs += 2_000
    expect([await caller.get('a'), await caller.get('b')]).toEqual(['2', '2'])
  })

  test('any call of the tenant reclaims a few expired keys of all its functions, with their files', async () => {
    for (let at = 0; at < 25; at++) await new Caller('acme', `f${at}`).put('k', at === 3 ? pattern(100_000) : 'v', { expirationTtl: 1 })
    nowMs += 1_000
    const caller = new Caller('acme', 'bystander')
    for (let round = 0; round < 3; round++) await caller.get('nothing')
    expect(await dumpStore(store)).toEqual({})
    await blobFilesOnceThereAre(0)
  })

  test('a list goes past thousands of expired keys, and takes them along', async () => {
    const caller = new Caller()
    for (let at = 0; at < 2_600; at += 50) {
      const many = new Caller()
      await Promise.all(Array.from({ length: 50 }, (_, i) => many.put(`a${String(at + i).padStart(5, '0')}`, 'v', { expirationTtl: 1 })))
    }
    await caller.put('b', 'alive')
    nowMs += 1_000
    expect(await caller.names()).toEqual(['b'])
    expect(await usedBytes()).toBe(chargeOf('b', 5, ''))
  })
})

describe('quota', () => {
  test('what is over it is refused in words that say limit and use, and changes nothing', async () => {
    const caller = new Caller()
    for (let at = 0; at < 3; at++) await caller.put(`k${at}`, pattern(MAX_KV_VALUE_BYTES))
    await caller.put('small', 'v')
    const before = await dumpStore(store)
    const used = await usedBytes()
    const failure = await caller.put('k3', pattern(MAX_KV_VALUE_BYTES)).catch((error) => error)
    expect(failure).toMatchObject({ name: 'QuotaExceededError' })
    const more = chargeOf('k3', MAX_KV_VALUE_BYTES, '')
    expect(failure.message).toBe(
      `Cannot put (507): this takes ${more} bytes more, and ${used} of the ${QUOTA_BYTES} bytes of KV that the tenant may have (fixed for all tenants) are in use`,
    )
    expect(await dumpStore(store)).toEqual(before)
    await blobFilesOnceThereAre(3)
  })

  test('it can be filled to the last byte, and overwriting with less is always allowed', async () => {
    const caller = new Caller()
    for (let at = 0; at < 3; at++) await caller.put(`k${at}`, pattern(MAX_KV_VALUE_BYTES))
    const left = QUOTA_BYTES - (await usedBytes())
    const exact = left - chargeOf('last', 0, '')
    await expect(caller.put('last', pattern(exact + 1))).rejects.toMatchObject({ name: 'QuotaExceededError' })
    await caller.put('last', pattern(exact))
    expect(await usedBytes()).toBe(QUOTA_BYTES)
    await expect(caller.put('k0', pattern(MAX_KV_VALUE_BYTES), { metadata: '1' })).rejects.toMatchObject({ name: 'QuotaExceededError' })
    await caller.put('k0', pattern(MAX_KV_VALUE_BYTES, 2))
    await caller.put('k0', 'x')
    expect(await usedBytes()).toBeLessThan(QUOTA_BYTES)
    const lowered = createKv({ storeUrl: redis.url, dataDir, onError: (error) => errors.push(error), now: () => nowMs, quotaBytes: 1_000 })
    const usual = kv
    kv = lowered
    try {
      await caller.put('k1', 'x')
      await expect(caller.put('k1', 'xy')).rejects.toMatchObject({ name: 'QuotaExceededError' })
    } finally {
      kv = usual
      lowered.close()
    }
  })

  test('one tenant’s fullness is not another’s', async () => {
    const caller = new Caller()
    for (let at = 0; at < 3; at++) await caller.put(`k${at}`, pattern(MAX_KV_VALUE_BYTES))
    await new Caller('beta').put('k', pattern(MAX_KV_VALUE_BYTES))
    await expect(new Caller('acme', 'other').put('k', pattern(MAX_KV_VALUE_BYTES))).rejects.toMatchObject({ name: 'QuotaExceededError' })
  })

  test('expired keys make room, however many of them it takes', async () => {
    for (let at = 0; at < 2_000; at += 100) {
      const caller = new Caller()
      await Promise.all(Array.from({ length: 100 }, (_, i) => caller.put(`k${at + i}`, pattern(1_800), { expirationTtl: 1 })))
    }
    nowMs += 1_000
    const caller = new Caller()
    for (const key of ['a', 'b', 'c']) await caller.put(key, pattern(MAX_KV_VALUE_BYTES))
    expect(await caller.names()).toEqual(['a', 'b', 'c'])
  })

  test('racing puts never get past it together', async () => {
    const caller = new Caller()
    const results = await Promise.allSettled(Array.from({ length: 100 }, (_, at) => caller.put(`k${at}`, pattern(MAX_CHUNK_BYTES))))
    const fit = Math.floor(QUOTA_BYTES / chargeOf('k99', MAX_CHUNK_BYTES, ''))
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(fit)
    expect(await usedBytes()).toBeLessThanOrEqual(QUOTA_BYTES)
    expect(await caller.names()).toHaveLength(fit)
  })
})

/** The same in a Map, by the rules in the documents. */
class Model {
  readonly #records = new Map<string, { value: string; metadata: string; expiresAt: number }>()

  put(name: string, value: string, metadata: string, expiresAt: number): void {
    this.#records.set(name, { value, metadata, expiresAt })
  }
  get(name: string): string | null {
    return this.#live().get(name)?.value ?? null
  }
  delete(name: string): void {
    this.#records.delete(name)
  }
  /** What a key counts; 0 when there is none. */
  charge(name: string): number {
    const record = this.#live().get(name)
    return record === undefined ? 0 : Buffer.byteLength(name) + Buffer.byteLength(record.value + record.metadata) + KV_KEY_OVERHEAD_BYTES
  }
  used(): number {
    return [...this.#live().keys()].reduce((sum, name) => sum + this.charge(name), 0)
  }
  names(prefix: string): string[] {
    const names = [...this.#live().keys()].filter((name) => name.startsWith(prefix))
    return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }
  #live() {
    return new Map([...this.#records].filter(([, { expiresAt }]) => expiresAt === 0 || expiresAt > nowMs))
  }
}

const key = fc.constantFrom('a', 'b', 'ab', 'a:b', 'é', '\0', '\u{1f600}', '\ufffd', 'z'.repeat(40))
const action = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    key,
    size: fc.constantFrom(0, 1, 100, 3_000, 9_000),
    ttl: fc.constantFrom(0, 1, 2, 50),
    metadata: fc.constantFrom('', '1', '{"a":1}'),
  }),
  fc.record({ kind: fc.constant('delete' as const), key }),
  fc.record({ kind: fc.constant('get' as const), key }),
  fc.record({ kind: fc.constant('list' as const), prefix: fc.constantFrom('', 'a', 'ab', 'é'), limit: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 999, 1_000, 60_000) }),
)

describe('against a model', () => {
  test('whatever is put, overwritten, deleted and expires: values, order, pages, refusals and used bytes are the model’s', async () => {
    const quotaBytes = 20_000
    const small = createKv({ storeUrl: redis.url, dataDir, onError: (error) => errors.push(error), now: () => nowMs, quotaBytes })
    const large = kv
    kv = small
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
          await store.flushall()
          nowMs = START_MS
          const model = new Model()
          const caller = new Caller()
          for (const it of actions) {
            if (it.kind === 'wait') nowMs += it.ms
            else if (it.kind === 'get') expect(await caller.get(it.key)).toBe(model.get(it.key))
            else if (it.kind === 'list') expect(await caller.names(it.prefix, it.limit)).toEqual(model.names(it.prefix))
            else if (it.kind === 'delete') {
              await caller.delete(it.key)
              model.delete(it.key)
            } else {
              const value = 'v'.repeat(it.size)
              const charge = chargeOf(it.key, it.size, it.metadata)
              const more = charge - model.charge(it.key)
              const fits = more <= 0 || model.used() + more <= quotaBytes
              const options = { ...(it.ttl === 0 ? {} : { expirationTtl: it.ttl }), ...(it.metadata === '' ? {} : { metadata: it.metadata }) }
              const verdict = await caller.put(it.key, value, options).then(
                () => 'done',
                (error) => error.name,
              )
              expect(verdict).toBe(fits ? 'done' : 'QuotaExceededError')
              if (fits) model.put(it.key, value, it.metadata, it.ttl === 0 ? 0 : nowMs + it.ttl * 1_000)
            }
          }
          // Ten at a time: after this nothing expired is left.
          await caller.get('nothing')
          expect(await usedBytes()).toBe(model.used())
        }),
        { numRuns: 60 },
      )
    } finally {
      kv = large
      small.close()
    }
  })

  test('pages follow each other in the order of bytes without a gap or a repetition, for any names, prefix and limit', async () => {
    const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }).filter((text) => text !== '.' && text !== '..')
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(name, { maxLength: 30 }),
        fc.string({ unit: 'binary', maxLength: 1 }),
        fc.integer({ min: 1, max: 7 }),
        async (names, prefix, limit) => {
          await store.flushall()
          const caller = new Caller()
          for (const each of names) await caller.put(each, '')
          const wanted = names.filter((each) => each.startsWith(prefix)).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
          expect(await caller.names(prefix, limit)).toEqual(wanted)
        },
      ),
      { numRuns: 40 },
    )
  })

  test('a page of long names and much metadata ends early instead of growing without bound', async () => {
    const caller = new Caller()
    const metadata = JSON.stringify('m'.repeat(1_000))
    for (let at = 0; at < 300; at++) await caller.put(`${String(at).padStart(4, '0')}${'k'.repeat(500)}`, '', { metadata })
    const page = await caller.page()
    expect(page.keys.length).toBeLessThan(200)
    expect(page.cursor).toBeDefined()
    expect(await caller.names()).toHaveLength(300)
  })
})

describe('what is refused', () => {
  const asking: readonly [string, keyof Kv['operations'], unknown, RegExp][] = [
    ['no arguments', 'kv.get', null, /args must be an object/],
    ['another scope', 'kv.get', { scope: 'function/other', key: 'k' }, /scope must be one of function, tenant/],
    ['no key', 'kv.get', { scope: 'function' }, /key must be a string/],
    ['an empty key', 'kv.put', { scope: 'function', key: '' }, /key must be a string of 1 to 512 bytes/],
    ['the key "."', 'kv.put', { scope: 'function', key: '.' }, /key must be/],
    ['the key ".."', 'kv.delete', { scope: 'function', key: '..' }, /key must be/],
    ['a key of 513 bytes', 'kv.put', { scope: 'function', key: `${'é'.repeat(256)}x` }, /key must be/],
    ['half a surrogate pair', 'kv.put', { scope: 'function', key: '\ud800' }, /key must be/],
    ['a key that is a number', 'kv.get', { scope: 'function', key: 1 }, /key must be/],
    ['a TTL of 0', 'kv.put', { scope: 'function', key: 'k', expirationTtl: 0 }, /expirationTtl must be/],
    ['half a second', 'kv.put', { scope: 'function', key: 'k', expirationTtl: 1.5 }, /expirationTtl must be/],
    ['endless TTL', 'kv.put', { scope: 'function', key: 'k', expirationTtl: 1e300 }, /expirationTtl must be/],
    ['an expiration that has passed', 'kv.put', { scope: 'function', key: 'k', expiration: START_MS / 1_000 }, /expiration must be .* in the future/],
    ['an expiration in ms', 'kv.put', { scope: 'function', key: 'k', expiration: START_MS * 1e6 }, /expiration must be/],
    ['metadata that is no JSON', 'kv.put', { scope: 'function', key: 'k', metadata: '{' }, /metadata must be JSON/],
    ['metadata that is no text', 'kv.put', { scope: 'function', key: 'k', metadata: { a: 1 } }, /metadata must be JSON/],
    [
      'metadata of 1025 bytes',
      'kv.put',
      { scope: 'function', key: 'k', metadata: `"${'m'.repeat(1_023)}"` },
      /metadata must be JSON of at most 1024 bytes/,
    ],
    ['a limit of 0', 'kv.list', { scope: 'function', prefix: '', limit: 0 }, /limit must be an integer from 1 to 1000/],
    ['a limit of 1001', 'kv.list', { scope: 'function', prefix: '', limit: 1_001 }, /limit must be/],
    ['no prefix', 'kv.list', { scope: 'function', limit: 1 }, /prefix must be a string/],
    [
      'a cursor of another prefix',
      'kv.list',
      { scope: 'function', prefix: 'b', limit: 1, cursor: Buffer.from('a').toString('base64url') },
      /cursor must be/,
    ],
    ['a cursor nobody gave', 'kv.list', { scope: 'function', prefix: '', limit: 1, cursor: '\0"[+' }, /cursor must be/],
    ['a cursor that is no text', 'kv.list', { scope: 'function', prefix: '', limit: 1, cursor: 7 }, /cursor must be/],
  ]
  test.each(asking)('%s', async (_, op, args, message) => {
    await expect(new Caller().ask(op, args)).rejects.toMatchObject({ name: 'TypeError', message: expect.stringMatching(message) })
    expect(await dumpStore(store)).toEqual({})
  })

  test('more operations than an invocation may do: the error names limit and that it is fixed', async () => {
    const caller = new Caller()
    await Promise.all(Array.from({ length: MAX_KV_OPERATIONS }, () => caller.get('k')))
    await expect(caller.get('k')).rejects.toMatchObject({
      name: 'RangeError',
      message: expect.stringMatching(/1000 KV operations \(fixed for all functions\)/),
    })
    expect(await new Caller().get('k')).toBeNull()
  })

  test('a tenant that asks for much at once waits for itself: its neighbour is answered in between', async () => {
    const [greedy, neighbour] = [new Caller('acme'), new Caller('beta')]
    await neighbour.put('k', 'v')
    let answered = 0
    const asked = Array.from({ length: MAX_KV_OPERATIONS }, () => greedy.page().then(() => answered++))
    expect(await neighbour.get('k')).toBe('v')
    expect(answered).toBeLessThan(100)
    await Promise.all(asked)
  })

  test('what a tenant still waits for when its invocation ends is not done any more', async () => {
    const caller = new Caller()
    const asked = Promise.allSettled(Array.from({ length: 500 }, (_, at) => caller.put(`k${at}`, 'v')))
    caller.end()
    const results = await asked
    const done = results.filter(({ status }) => status === 'fulfilled').length
    expect(done).toBeLessThan(100)
    expect(await new Caller().names()).toHaveLength(done)
  })

  test('a value of one byte too many, as one or as a stream, leaves no file', async () => {
    const caller = new Caller()
    await expect(caller.ask('kv.put', { scope: 'function', key: 'k' }, pattern(MAX_CHUNK_BYTES + 1))).rejects.toMatchObject({ name: 'TypeError' })
    await expect(caller.put('k', pattern(MAX_KV_VALUE_BYTES + 1))).rejects.toMatchObject({
      message: expect.stringContaining(`more than ${MAX_KV_VALUE_BYTES} bytes`),
    })
    await blobFilesOnceThereAre(0)
    expect(await dumpStore(store)).toEqual({})
  })

  test('a call may not take over a pipe that is in use, nor the invocation’s own', async () => {
    const caller = new Caller()
    await caller.put('k', pattern(100_000))
    await caller.ask('kv.get', { scope: 'function', key: 'k' }, undefined, 50)
    for (const number of [0, -1, 50]) {
      await expect(caller.ask('kv.get', { scope: 'function', key: 'k' }, undefined, number)).rejects.toMatchObject({ name: 'TypeError' })
      await expect(caller.ask('kv.put', { scope: 'function', key: 'k', stream: true }, undefined, number)).rejects.toMatchObject({
        name: 'TypeError',
      })
    }
  })

  test('a tenant that opens large values and never reads them runs out by itself; ending its invocations gives all back', async () => {
    const caller = new Caller()
    await caller.put('k', pattern(100_000))
    for (let at = 0; at < MAX_OPEN_FILES; at++) await caller.ask('kv.get', { scope: 'function', key: 'k' })
    const another = new Caller('acme', 'shop')
    await expect(another.getBytes('k')).rejects.toMatchObject({ name: 'RangeError', message: expect.stringContaining(`${MAX_OPEN_FILES}`) })
    const neighbour = new Caller('beta')
    await neighbour.put('k', pattern(100_000))
    expect((await neighbour.getBytes('k'))?.length).toBe(100_000)
    caller.end()
    expect((await another.getBytes('k'))?.length).toBe(100_000)
  })
})

describe('what is broken off', () => {
  test.each(['abort of the pipe', 'end of the invocation'])('%s: nothing is stored and no file stays', async (how) => {
    const caller = new Caller()
    const stored = caller.ask('kv.put', { scope: 'function', key: 'k', stream: true }, undefined, 9)
    const failed = expect(stored).rejects.toMatchObject({ name: 'AbortError' })
    await caller.pipes.sink(9)?.write(pattern(60_000))
    await caller.pipes.sink(9)?.write(pattern(60_000))
    expect(await blobFiles()).toHaveLength(1)
    if (how === 'end of the invocation') caller.end()
    else caller.pipes.sink(9)?.abort()
    await failed
    expect(await blobFiles()).toEqual([])
    expect(await dumpStore(store)).toEqual({})
  })

  test('an answer that comes after the end of the invocation keeps no file open', async () => {
    const caller = new Caller()
    await caller.put('k', pattern(100_000))
    for (let at = 0; at < MAX_OPEN_FILES * 2; at++) {
      const late = new Caller()
      const reading = late.ask('kv.get', { scope: 'function', key: 'k' })
      late.end()
      await reading
    }
    expect((await caller.getBytes('k'))?.length).toBe(100_000)
  })

  test('files that a crash left without a record are swept once they are old; those with a record stay', async () => {
    const caller = new Caller()
    await caller.put('k', pattern(100_000))
    const folder = join(dataDir, 'kv', 'ab')
    await rm(folder, { recursive: true, force: true })
    const [kept] = await blobFiles()
    await mkdir(folder, { recursive: true })
    const left = ['ab'.repeat(32), `${'ab'.repeat(32)}.part`, 'ab'.repeat(31).concat('00')]
    for (const name of left) await writeFile(join(folder, name), 'x')
    const now = Date.now()
    expect(await sweepKvFiles(store, dataDir, now)).toBe(0)
    for (const name of left.slice(0, 2)) await utimes(join(folder, name), new Date(now - KV_FILE_GRACE_MS), new Date(now - KV_FILE_GRACE_MS))
    expect(await sweepKvFiles(store, dataDir, now)).toBe(2)
    expect((await blobFiles()).sort()).toEqual([kept, left[2]].sort())
    expect(await sweepKvFiles(store, dataDir, now + KV_FILE_GRACE_MS * 2)).toBe(1)
    expect((await caller.getBytes('k'))?.length).toBe(100_000)
  })

  test('racing puts and deletes of one large value end with one record and its one file, or neither', async () => {
    const caller = new Caller()
    await Promise.all(
      Array.from({ length: 40 }, async (_, at) => {
        const each = new Caller()
        if (at % 4 === 3) await each.delete('k')
        else await each.put('k', pattern(70_000 + at, at))
        const bytes = await each.getBytes('k')
        if (bytes !== null) expect(bytes.equals(pattern(bytes.length, bytes.length - 70_000))).toBe(true)
      }),
    )
    const bytes = await caller.getBytes('k')
    await blobFilesOnceThereAre(bytes === null ? 0 : 1)
    expect(await usedBytes()).toBe(bytes === null ? 0 : chargeOf('k', bytes.length, ''))
    expect(errors).toEqual([])
  })
})
