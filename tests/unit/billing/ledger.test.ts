import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Ledger } from '../../../platform/billing/ledger.ts'
import { openLedgerDatabase } from '../../../platform/billing/ledger-database.ts'
import { LedgerReader } from '../../../platform/billing/ledger-reader.ts'
import { DEFAULT_PRICE_BOOK, priceOf } from '../../../platform/billing/price.ts'
import type { RecordsQuery, TotalsQuery } from '../../../platform/billing/usage-query.ts'
import { HOUR, idOf, usage } from './usage-fixture.ts'

const HOUR_MS = 3_600_000

let database: DatabaseSync
let ledger: Ledger
let reader: LedgerReader
beforeEach(() => {
  database = openLedgerDatabase(':memory:')
  ledger = new Ledger(database, DEFAULT_PRICE_BOOK)
  reader = new LedgerReader(database)
})
afterEach(() => database.close())

const all = (changes: Partial<RecordsQuery> = {}): RecordsQuery => ({ tenant: 'acme', from: 0, limit: 1_000, format: 'ndjson', ...changes })
const totals = (changes: Partial<TotalsQuery> = {}): TotalsQuery => ({ tenant: 'acme', from: 0, groupBy: 'function', ...changes })
const idsOf = (query: RecordsQuery) => reader.page(query, query.after, query.limit).map((record) => record.id)

describe('the ledger', () => {
  test('gives back what it was given, with cost and price book', () => {
    const record = usage(1, { outcome: 'exceeded', limit: 'memory', cpuMs: 1_234.567 })
    ledger.insert([record])
    expect(reader.page(all(), undefined, 10)).toEqual([{ ...record, cost: priceOf(DEFAULT_PRICE_BOOK, record), priceBook: 'lambda-x86' }])
  })

  test('counts a record once, however often it comes', () => {
    expect(ledger.insert([usage(1), usage(2), usage(1)])).toBe(2)
    expect(ledger.insert([usage(2), usage(3)])).toBe(1)
    expect(reader.totals(totals()).total.requests).toBe(3)
  })

  test('keeps one record per attempt', () => {
    ledger.insert([usage(1), usage(1, { attempt: 2 })])
    expect(reader.totals(totals()).total.requests).toBe(2)
    expect(reader.page(all({ id: idOf(1) }), undefined, 10).map((record) => record.attempt)).toEqual([1, 2])
  })

  test('a failed batch leaves nothing behind, and the next one works', () => {
    const unreadable = { ...usage(2), worker: undefined as unknown as string }
    expect(() => ledger.insert([usage(1), unreadable])).toThrow()
    expect(reader.totals(totals()).total.requests).toBe(0)
    expect(ledger.insert([usage(1)])).toBe(1)
  })

  test('sums beyond what 64 bits or a JSON number hold stay exact', () => {
    const dear = new Ledger(database, { id: 'dear', perRequest: 2n ** 62n, perGbSecond: 0n, perCpuMs: 0n })
    for (let i = 0; i < 5; i++) dear.insert([usage(i, { acceptedAt: HOUR + i * HOUR_MS })])
    expect(reader.totals(totals()).total.cost).toBe((5n * 2n ** 62n).toString())
  })

  test('opens a file again with everything in it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
    try {
      const path = join(folder, 'ledger.sqlite')
      const first = openLedgerDatabase(path)
      new Ledger(first, DEFAULT_PRICE_BOOK).insert([usage(1)])
      first.close()
      using second = openLedgerDatabase(path)
      expect(new LedgerReader(second).totals(totals()).total.requests).toBe(1)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('refuses a file of a newer program', () => {
    const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
    try {
      const path = join(folder, 'ledger.sqlite')
      const first = openLedgerDatabase(path)
      first.exec('PRAGMA user_version = 99')
      first.close()
      expect(() => openLedgerDatabase(path)).toThrow('its schema is version 99')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('totals', () => {
  test('group by each thing they can be grouped by', () => {
    ledger.insert([
      usage(1),
      usage(2, { version: 2, trigger: 'http', acceptedAt: HOUR + HOUR_MS }),
      usage(3, { function: 'other', outcome: 'threw', acceptedAt: HOUR + 24 * HOUR_MS }),
    ])
    const groups = (groupBy: TotalsQuery['groupBy']) =>
      reader.totals(totals({ groupBy })).groups.map(({ requests, gbSeconds, cpuMs, cost, costUsd, ...name }) => [name, requests])
    expect(groups('function')).toEqual([
      [{ function: 'hello' }, 2],
      [{ function: 'other' }, 1],
    ])
    expect(groups('version')).toEqual([
      [{ function: 'hello', version: 1 }, 1],
      [{ function: 'hello', version: 2 }, 1],
      [{ function: 'other', version: 1 }, 1],
    ])
    expect(groups('day')).toEqual([
      [{ day: '2026-01-02' }, 2],
      [{ day: '2026-01-03' }, 1],
    ])
    expect(groups('hour')).toEqual([
      [{ hour: '2026-01-02T03:00:00.000Z' }, 1],
      [{ hour: '2026-01-02T04:00:00.000Z' }, 1],
      [{ hour: '2026-01-03T03:00:00.000Z' }, 1],
    ])
    expect(groups('trigger')).toEqual([
      [{ trigger: 'http' }, 1],
      [{ trigger: 'rpc' }, 2],
    ])
    expect(groups('outcome')).toEqual([
      [{ outcome: 'returned' }, 2],
      [{ outcome: 'threw' }, 1],
    ])
  })

  test('carry quantities and cost', () => {
    ledger.insert([usage(1), usage(2)])
    const cost = 2n * priceOf(DEFAULT_PRICE_BOOK, usage(1))
    expect(reader.totals(totals()).total).toEqual({ requests: 2, gbSeconds: 0.00125, cpuMs: 2.5, cost: cost.toString(), costUsd: '0.000000420834' })
  })

  test('of nothing are zero', () => {
    expect(reader.totals(totals())).toEqual({ total: { requests: 0, gbSeconds: 0, cpuMs: 0, cost: '0', costUsd: '0.00' }, groups: [] })
  })

  test('never hold another tenant’s usage, nor functions a key is kept from', () => {
    ledger.insert([usage(1), usage(2, { tenant: 'rival' }), usage(3, { function: 'secret' })])
    expect(reader.totals(totals()).total.requests).toBe(2)
    expect(reader.totals(totals({ functions: ['hello'] })).total.requests).toBe(1)
    expect(reader.totals(totals({ functions: [] })).total.requests).toBe(0)
  })

  test('are exact for any span: they equal what the records in it add up to', () => {
    const records = Array.from({ length: 200 }, (_, n) => usage(n, { acceptedAt: HOUR + n * 97_000, memoryMb: 64 + n }))
    ledger.insert(records)
    const instant = fc.integer({ min: HOUR - HOUR_MS, max: HOUR + 7 * HOUR_MS })
    fc.assert(
      fc.property(instant, instant, (a, b) => {
        const [from, to] = a < b ? [a, b] : [b, a]
        const inside = records.filter((record) => record.acceptedAt >= from && record.acceptedAt < to)
        const cost = inside.reduce((sum, record) => sum + priceOf(DEFAULT_PRICE_BOOK, record), 0n)
        const { total } = reader.totals(totals({ from, to }))
        expect([total.requests, total.cost]).toEqual([inside.length, cost.toString()])
      }),
    )
  })
})

describe('records', () => {
  test('come in order of acceptance and filter by function, version, outcome, span and id', () => {
    ledger.insert([usage(4), usage(2, { function: 'other' }), usage(3, { version: 2 }), usage(1, { outcome: 'threw' })])
    expect(idsOf(all())).toEqual([1, 2, 3, 4].map(idOf))
    expect(idsOf(all({ function: 'other' }))).toEqual([idOf(2)])
    expect(idsOf(all({ version: 2 }))).toEqual([idOf(3)])
    expect(idsOf(all({ outcome: 'threw' }))).toEqual([idOf(1)])
    expect(idsOf(all({ from: HOUR + 2, to: HOUR + 4 }))).toEqual([idOf(2), idOf(3)])
    expect(idsOf(all({ id: idOf(3) }))).toEqual([idOf(3)])
    expect(idsOf(all({ functions: ['other'] }))).toEqual([idOf(2)])
  })

  test('of another tenant are not found, not even by id', () => {
    ledger.insert([usage(1, { tenant: 'rival' })])
    expect(idsOf(all())).toEqual([])
    expect(idsOf(all({ id: idOf(1) }))).toEqual([])
  })

  test('read page by page are all records, once each, also when many share an instant', () => {
    const instants = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 30 })
    fc.assert(
      fc.property(instants, fc.integer({ min: 1, max: 7 }), (offsets, pageSize) => {
        using fresh = openLedgerDatabase(':memory:')
        new Ledger(fresh, DEFAULT_PRICE_BOOK).insert(offsets.map((offset, n) => usage(n, { acceptedAt: HOUR + offset })))
        const pages = new LedgerReader(fresh)
        const seen: string[] = []
        let after: RecordsQuery['after']
        for (;;) {
          const page = pages.page(all(), after, pageSize)
          const last = page.at(-1)
          if (!last) break
          seen.push(...page.map((record) => record.id))
          after = { acceptedAt: last.acceptedAt, id: last.id, attempt: last.attempt }
        }
        expect(seen.toSorted()).toEqual(offsets.map((_, n) => idOf(n)).toSorted())
      }),
    )
  })

  test('are found by walking an index, never by scanning', () => {
    const asked: string[] = []
    const prepare = (sql: string) => {
      asked.push(sql)
      return database.prepare(sql)
    }
    const spied = new LedgerReader({ prepare } as DatabaseSync)
    spied.page(all({ function: 'hello' }), undefined, 10)
    spied.page(all({ id: idOf(1) }), undefined, 10)
    const plans = asked.map((sql) =>
      database
        .prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((row) => String(row.detail))
        .filter((step) => step.includes(' record ')),
    )
    expect(plans).toEqual([
      ['SEARCH record USING INDEX record_by_time (tenant=? AND (accepted_at,id,attempt)>(?,?,?) AND accepted_at<?)'],
      ['SEARCH record USING PRIMARY KEY (id=?)'],
    ])
  })
})
