import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { UsageRecord } from '../../runtime/contract/usage.ts'
import { inTransaction } from './ledger-database.ts'
import { type PriceBook, picoGbSeconds, priceOf } from './price.ts'

export const HOUR_MS = 3_600_000

interface HourSums {
  readonly key: readonly [tenant: string, hour: number, fn: string, version: number, trigger: string, outcome: string]
  requests: bigint
  picoGbSeconds: bigint
  cpuUs: bigint
  cost: bigint
}

const COLUMNS = `id, attempt, tenant, function, version, trigger, accepted_at, started_at, queue_us, init_us, run_us, stall_us, cpu_us,
  billed_ms, memory_mb, concurrency, heap_mb, request_bytes, response_bytes, egress_bytes, subrequests, start, outcome, limit_name, worker,
  pico_gb_seconds, cost, price_book`

const INSERT_RECORD = `INSERT INTO record (${COLUMNS}) VALUES (${COLUMNS.split(',').fill('?').join(',')}) ON CONFLICT (id, attempt) DO NOTHING`

const ADD_TO_HOUR = `
  INSERT INTO usage_hour (tenant, hour, function, version, trigger, outcome, requests, pico_gb_seconds, cpu_us, cost)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, pico_gb_seconds = pico_gb_seconds + excluded.pico_gb_seconds,
    cpu_us = cpu_us + excluded.cpu_us, cost = cost + excluded.cost`

/** Writes priced records, once each, and keeps the hourly sums beside them. Synchronous: belongs in a process of its own. */
export class Ledger {
  readonly #database: DatabaseSync
  readonly #book: PriceBook
  readonly #insertRecord: StatementSync
  readonly #addToHour: StatementSync

  constructor(database: DatabaseSync, book: PriceBook) {
    this.#database = database
    this.#book = book
    this.#insertRecord = database.prepare(INSERT_RECORD)
    this.#addToHour = database.prepare(ADD_TO_HOUR)
  }

  /** One transaction. A record whose (id, attempt) is known already changes nothing. Returns how many were new. */
  insert(records: readonly UsageRecord[]): number {
    return inTransaction(this.#database, () => {
      const hours = new Map<string, HourSums>()
      let inserted = 0
      for (const record of records) {
        const cost = priceOf(this.#book, record)
        const gbSeconds = picoGbSeconds(record)
        if (!this.#write(record, gbSeconds, cost)) continue
        addToHours(hours, record, gbSeconds, cost)
        inserted += 1
      }
      for (const sums of hours.values()) this.#addToHour.run(...sums.key, sums.requests, sums.picoGbSeconds, sums.cpuUs, sums.cost)
      return inserted
    })
  }

  #write(record: UsageRecord, gbSeconds: bigint, cost: bigint): boolean {
    const { changes } = this.#insertRecord.run(
      record.id,
      record.attempt,
      record.tenant,
      record.function,
      record.version,
      record.trigger,
      record.acceptedAt,
      record.startedAt,
      microseconds(record.queueMs),
      microseconds(record.initMs),
      microseconds(record.runMs),
      microseconds(record.stallMs),
      microseconds(record.cpuMs),
      record.billedMs,
      record.memoryMb,
      record.concurrency,
      record.heapMb,
      record.requestBytes,
      record.responseBytes,
      record.egressBytes,
      record.subrequests,
      record.start,
      record.outcome,
      record.limit ?? null,
      record.worker,
      gbSeconds,
      cost,
      this.#book.id,
    )
    return Number(changes) === 1
  }
}

function microseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1_000))
}

function addToHours(hours: Map<string, HourSums>, record: UsageRecord, gbSeconds: bigint, cost: bigint): void {
  const hour = record.acceptedAt - (record.acceptedAt % HOUR_MS)
  const key = [record.tenant, hour, record.function, record.version, record.trigger, record.outcome] as const
  const name = key.join(' ')
  let sums = hours.get(name)
  if (!sums) {
    sums = { key, requests: 0n, picoGbSeconds: 0n, cpuUs: 0n, cost: 0n }
    hours.set(name, sums)
  }
  sums.requests += 1n
  sums.picoGbSeconds += gbSeconds
  sums.cpuUs += microseconds(record.cpuMs)
  sums.cost += cost
}
