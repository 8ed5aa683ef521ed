import type { UsageRecord } from '../../runtime/contract/usage.ts'

/** A usage record with its price. `cost` in pico-dollars. */
export interface LedgerRecord extends UsageRecord {
  readonly cost: bigint
  readonly priceBook: string
}

/** Every field, in the order people see it. */
export const RECORD_FIELDS = [
  'id',
  'attempt',
  'tenant',
  'function',
  'version',
  'trigger',
  'acceptedAt',
  'startedAt',
  'queueMs',
  'initMs',
  'runMs',
  'stallMs',
  'cpuMs',
  'billedMs',
  'memoryMb',
  'concurrency',
  'heapMb',
  'requestBytes',
  'responseBytes',
  'egressBytes',
  'subrequests',
  'start',
  'outcome',
  'limit',
  'worker',
  'cost',
  'priceBook',
] as const satisfies readonly (keyof LedgerRecord)[]

/** One line of NDJSON; `cost` is a decimal string, since it may exceed what a JSON number holds exactly. */
export function ndjsonLine(record: LedgerRecord): string {
  return `${JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? value.toString() : value))}\n`
}

export const CSV_HEADER = `${RECORD_FIELDS.join(',')}\n`

/** One line of CSV. Every text in a record matches a name rule or a fixed list, save the worker's id, so quoting is rare. */
export function csvLine(record: LedgerRecord): string {
  return `${RECORD_FIELDS.map((field) => csvCell(record[field])).join(',')}\n`
}

function csvCell(value: string | number | bigint | undefined): string {
  const text = value === undefined ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
