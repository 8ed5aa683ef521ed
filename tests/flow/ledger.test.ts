import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { LedgerClient, LedgerUnavailable } from '../../platform/billing/ledger-client.ts'
import { LedgerProcess } from '../../platform/billing/ledger-process.ts'
import { ledgerSocketPath } from '../../platform/billing/socket-path.ts'
import type { RecordsQuery } from '../../platform/billing/usage-query.ts'
import type { UsageRecord } from '../../runtime/contract/usage.ts'
import { startRedis, type TestRedis } from '../redis-server.ts'
import { idOf, usage } from '../unit/billing/usage-fixture.ts'

const STREAM = '{main}:usage'
const TOTALS = { tenant: 'acme', from: 0, groupBy: 'function' } as const
const RECORDS: RecordsQuery = { tenant: 'acme', from: 0, limit: 100_000, format: 'ndjson' }

let server: TestRedis
let redis: Redis
let dataDir: string
let ledger: LedgerProcess
let client: LedgerClient
const log = { error: vi.fn(), warn: vi.fn() }

beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})
beforeEach(async () => {
  await redis.flushall()
  dataDir = mkdtempSync(join(tmpdir(), 'isolane-ledger-'))
  await open(dataDir)
})
afterEach(async () => {
  await ledger.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

async function open(folder: string): Promise<void> {
  ledger = new LedgerProcess({ env: { ...process.env, REDIS_URL: server.url, ISOLANE_DATA_DIR: folder, ISOLANE_LOG_LEVEL: 'fatal' }, log })
  client = new LedgerClient(ledgerSocketPath(folder))
  await ledger.ready
}

/** As settle writes them: one entry, one field per record. */
async function settle(...records: (UsageRecord | string)[]): Promise<void> {
  await redis.xadd(STREAM, '*', ...records.flatMap((record) => ['r', typeof record === 'string' ? record : JSON.stringify(record)]))
}

async function ids(query: RecordsQuery = RECORDS): Promise<string[]> {
  const { body } = await client.records(query)
  const lines = (await text(body)).split('\n')
  return lines.filter(Boolean).map((line) => JSON.parse(line).id)
}

describe('the ledger process', () => {
  test('an answer holds every record settled before it was asked for, and the stream is empty after', async () => {
    for (let n = 0; n < 20; n++) {
      await settle(usage(2 * n), usage(2 * n + 1))
      expect((await client.totals(TOTALS)).total.requests).toBe(2 * n + 2)
    }
    expect(await ids()).toEqual(Array.from({ length: 40 }, (_, n) => idOf(n)))
    expect(await redis.xlen(STREAM)).toBe(0)
  })

  test('records reach the ledger without anybody asking', async () => {
    await settle(usage(1))
    await vi.waitFor(async () => expect(await redis.xlen(STREAM)).toBe(0), 5_000)
    await vi.waitFor(async () => expect(await client.status()).toMatchObject({ inserted: 1, rejected: 0 }), 5_000)
  })

  test('an entry that is no record holds nothing up', async () => {
    await settle('{"id":"nobody"}', usage(1), 'not json')
    expect(await ids()).toEqual([idOf(1)])
    expect(await client.status()).toMatchObject({ rejected: 2 })
    expect(await redis.xlen(STREAM)).toBe(0)
  })

  test('killed again and again while records pour in, it has each of them exactly once in the end', async () => {
    const expected: string[] = []
    for (let round = 0; round < 5; round++) {
      const { pid } = ledger
      for (let batch = 0; batch < 40; batch++) {
        const records = Array.from({ length: 25 }, (_, n) => usage(round * 1_000 + batch * 25 + n))
        expected.push(...records.map((record) => record.id))
        await settle(...records)
        // Some are settled twice, as after a connection that broke in between.
        if (batch % 10 === 0) await settle(...records)
        if (batch === 20 && pid !== undefined) process.kill(pid, 'SIGKILL')
      }
      await vi.waitFor(() => expect(ledger.pid === undefined || ledger.pid === pid).toBe(false), 10_000)
    }
    await vi.waitFor(async () => expect((await client.totals(TOTALS)).total.requests).toBe(expected.length), { timeout: 20_000, interval: 200 })
    expect(await ids()).toEqual(expected)
    expect(await redis.xlen(STREAM)).toBe(0)
    expect(log.error).toHaveBeenCalledWith(expect.objectContaining({ ending: 'SIGKILL' }), expect.stringContaining('ledger process ended'))
  }, 60_000)

  test('while it is down the question fails as unavailable, and afterwards nothing is missing', async () => {
    await ledger.stop()
    await settle(usage(1))
    await expect(client.totals(TOTALS)).rejects.toThrow(LedgerUnavailable)
    await expect(client.records(RECORDS)).rejects.toThrow(LedgerUnavailable)
    await open(dataDir)
    expect(await ids()).toEqual([idOf(1)])
  })

  test('asked to stop, it takes along what is in the stream', async () => {
    await settle(usage(1))
    await ledger.stop()
    expect(await redis.xlen(STREAM)).toBe(0)
    await open(dataDir)
    expect(await ids()).toEqual([idOf(1)])
  })

  test('streams records page by page, as CSV too, and says where to go on', async () => {
    await settle(...Array.from({ length: 1_203 }, (_, n) => usage(n)))
    const { body, cursor } = await client.records({ ...RECORDS, limit: 1_100, format: 'csv' })
    const lines = (await text(body)).trimEnd().split('\n')
    expect(lines[0]).toMatch(/^id,attempt,tenant,function,version,trigger,acceptedAt,.*,cost,priceBook$/)
    expect(lines[1]).toMatch(new RegExp(`^${idOf(0)},1,acme,hello,1,rpc,.*,210417,lambda-x86$`))
    expect(lines).toHaveLength(1_101)
    const [acceptedAt, attempt, id] = (cursor ?? '').split('.')
    const rest = await client.records({ ...RECORDS, after: { acceptedAt: Number(acceptedAt), attempt: Number(attempt), id: id ?? '' } })
    expect((await text(rest.body)).trimEnd().split('\n')).toHaveLength(103)
    expect(rest.cursor).toBeUndefined()
  })

  test('keeps its files from other users', async () => {
    expect(statSync(join(dataDir, 'ledger.sqlite')).mode & 0o077).toBe(0)
    expect(statSync(join(dataDir, 'ledger.sock')).mode & 0o007).toBe(0)
  })

  test('refuses a question it does not understand instead of guessing', async () => {
    await expect(client.totals({ ...TOTALS, groupBy: 'colour' as never })).rejects.toThrow('400')
  })
})

test('a data directory with a long path gets its socket elsewhere, for its owner only', async () => {
  const long = join(dataDir, 'd'.repeat(60), 'e'.repeat(40))
  const { mkdirSync } = await import('node:fs')
  mkdirSync(long, { recursive: true })
  await ledger.stop()
  await open(long)
  const socket = ledgerSocketPath(long)
  expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(100)
  expect(statSync(join(socket, '..')).mode & 0o077).toBe(0)
  await settle(usage(1))
  expect(await ids()).toEqual([idOf(1)])
  await ledger.stop()
  rmSync(join(socket, '..'), { recursive: true, force: true })
})
