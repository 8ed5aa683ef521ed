import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { HOUR_MS } from './ledger.ts'
import type { LedgerRecord } from './ledger-record.ts'
import { dollars } from './price.ts'
import type { Cursor, Grouping, RecordsQuery, Sums, Totals, TotalsQuery } from './usage-query.ts'

const DAY_MS = 24 * HOUR_MS

/** Sums are taken in two halves: one 64-bit SUM of pico units overflows, and fails, near nine million dollars. */
const HALF = 1_000_000_000n

const GROUP_COLUMNS: Readonly<Record<Grouping, string>> = {
  function: 'function AS key1, NULL AS key2',
  version: 'function AS key1, version AS key2',
  day: `hour - hour % ${DAY_MS} AS key1, NULL AS key2`,
  hour: 'hour AS key1, NULL AS key2',
  trigger: '"trigger" AS key1, NULL AS key2',
  outcome: 'outcome AS key1, NULL AS key2',
}

/** Whole hours come from the sums, the broken hours at either end from their records: exact for any span. */
function totalsSql(groupBy: Grouping): string {
  const fromRecords = `
    SELECT accepted_at - accepted_at % ${HOUR_MS} AS hour, function, version, trigger, outcome, 1 AS requests, pico_gb_seconds, cpu_us, cost
    FROM record WHERE tenant = :tenant AND accepted_at >=`
  return `
    SELECT ${GROUP_COLUMNS[groupBy]}, sum(requests) AS requests, sum(cpu_us) AS cpu_us,
      sum(pico_gb_seconds / ${HALF}) AS gb_high, sum(pico_gb_seconds % ${HALF}) AS gb_low,
      sum(cost / ${HALF}) AS cost_high, sum(cost % ${HALF}) AS cost_low
    FROM (
      SELECT hour, function, version, trigger, outcome, requests, pico_gb_seconds, cpu_us, cost
      FROM usage_hour WHERE tenant = :tenant AND hour >= :wholeFrom AND hour < :wholeTo
      UNION ALL ${fromRecords} :from AND accepted_at < :headTo
      UNION ALL ${fromRecords} :tailFrom AND accepted_at < :to)
    WHERE :functions IS NULL OR function IN (SELECT value FROM json_each(:functions))
    GROUP BY key1, key2 ORDER BY key1, key2`
}

/** One page of the tenant's records after a cursor, in the order (acceptedAt, id, attempt): a walk along the index. */
const RECORDS_IN_ORDER = recordsSql('tenant = :tenant')
/** The attempts of one invocation, by primary key: the `+` keeps SQLite from walking all of the tenant's records for them. */
const RECORDS_OF_ONE = recordsSql('id = :id AND +tenant = :tenant')

function recordsSql(whose: string): string {
  return `
    SELECT * FROM record
    WHERE ${whose} AND (accepted_at, id, attempt) > (:afterAt, :afterId, :afterAttempt) AND accepted_at >= :from AND accepted_at < :to
      AND (:functions IS NULL OR function IN (SELECT value FROM json_each(:functions)))
      AND (:function IS NULL OR function = :function)
      AND (:version IS NULL OR version = :version)
      AND (:outcome IS NULL OR outcome = :outcome)
    ORDER BY accepted_at, id, attempt LIMIT :limit OFFSET :offset`
}

type Row = Record<string, SQLOutputValue>

/** Answers questions about the ledger; writes nothing. */
export class LedgerReader {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  totals(query: TotalsQuery): Totals {
    const to = query.to ?? Number.MAX_SAFE_INTEGER
    const headTo = Math.min(Math.ceil(query.from / HOUR_MS) * HOUR_MS, to)
    const tailFrom = Math.max(to - (to % HOUR_MS), headTo)
    const span = { wholeFrom: headTo, wholeTo: tailFrom, from: query.from, headTo, tailFrom, to }
    const functions = query.functions ? JSON.stringify(query.functions) : null
    const rows = this.#database.prepare(totalsSql(query.groupBy)).all({ ...span, tenant: query.tenant, functions })
    const amounts = rows.map(amountsOf)
    return {
      total: sums(amounts.reduce(add, { requests: 0n, picoGbSeconds: 0n, cpuUs: 0n, cost: 0n })),
      groups: rows.map((row, index) => ({ ...groupName(query.groupBy, row), ...sums(amounts[index] as Amounts) })),
    }
  }

  /** At most `limit` records after `after`, oldest first, leaving out the first `offset`. */
  page(query: RecordsQuery, after: Cursor | undefined, limit: number, offset = 0): LedgerRecord[] {
    const place = after ?? { acceptedAt: query.from, id: '', attempt: 0 }
    const parameters = {
      tenant: query.tenant,
      functions: query.functions ? JSON.stringify(query.functions) : null,
      function: query.function ?? null,
      version: query.version ?? null,
      outcome: query.outcome ?? null,
      from: query.from,
      to: query.to ?? Number.MAX_SAFE_INTEGER,
      afterAt: place.acceptedAt,
      afterId: place.id,
      afterAttempt: place.attempt,
      limit,
      offset,
    }
    const rows =
      query.id === undefined
        ? this.#database.prepare(RECORDS_IN_ORDER).all(parameters)
        : this.#database.prepare(RECORDS_OF_ONE).all({ ...parameters, id: query.id })
    return rows.map(recordOf)
  }
}

interface Amounts {
  readonly requests: bigint
  readonly picoGbSeconds: bigint
  readonly cpuUs: bigint
  readonly cost: bigint
}

function amountsOf(row: Row): Amounts {
  const { requests, gb_high, gb_low, cpu_us, cost_high, cost_low } = row as Record<string, bigint>
  return {
    requests: requests as bigint,
    picoGbSeconds: (gb_high as bigint) * HALF + (gb_low as bigint),
    cpuUs: cpu_us as bigint,
    cost: (cost_high as bigint) * HALF + (cost_low as bigint),
  }
}

function add(a: Amounts, b: Amounts): Amounts {
  return {
    requests: a.requests + b.requests,
    picoGbSeconds: a.picoGbSeconds + b.picoGbSeconds,
    cpuUs: a.cpuUs + b.cpuUs,
    cost: a.cost + b.cost,
  }
}

function sums(amounts: Amounts): Sums {
  return {
    requests: Number(amounts.requests),
    gbSeconds: Number(amounts.picoGbSeconds) / 1e12,
    cpuMs: Number(amounts.cpuUs) / 1_000,
    cost: amounts.cost.toString(),
    costUsd: dollars(amounts.cost),
  }
}

function groupName(groupBy: Grouping, row: Row): Record<string, string | number> {
  switch (groupBy) {
    case 'version':
      return { function: String(row.key1), version: Number(row.key2) }
    case 'day':
      return { day: new Date(Number(row.key1)).toISOString().slice(0, 10) }
    case 'hour':
      return { hour: new Date(Number(row.key1)).toISOString() }
    default:
      return { [groupBy]: String(row.key1) }
  }
}

function recordOf(row: Row): LedgerRecord {
  const ms = (us: SQLOutputValue | undefined) => Number(us) / 1_000
  return {
    id: row.id as string,
    attempt: Number(row.attempt),
    tenant: row.tenant as string,
    function: row.function as string,
    version: Number(row.version),
    trigger: row.trigger as LedgerRecord['trigger'],
    acceptedAt: Number(row.accepted_at),
    startedAt: Number(row.started_at),
    queueMs: ms(row.queue_us),
    initMs: ms(row.init_us),
    runMs: ms(row.run_us),
    stallMs: ms(row.stall_us),
    cpuMs: ms(row.cpu_us),
    billedMs: Number(row.billed_ms),
    memoryMb: Number(row.memory_mb),
    concurrency: Number(row.concurrency),
    heapMb: Number(row.heap_mb),
    requestBytes: Number(row.request_bytes),
    responseBytes: Number(row.response_bytes),
    egressBytes: Number(row.egress_bytes),
    subrequests: Number(row.subrequests),
    start: row.start as LedgerRecord['start'],
    outcome: row.outcome as LedgerRecord['outcome'],
    ...(row.limit_name === null ? {} : { limit: row.limit_name as NonNullable<LedgerRecord['limit']> }),
    worker: row.worker as string,
    cost: row.cost as bigint,
    priceBook: row.price_book as string,
  }
}
