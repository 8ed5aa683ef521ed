import { isInvocationId, TRIGGERS } from '../../runtime/contract/invocation.ts'
import { MAX_CONCURRENCY } from '../../runtime/contract/limits.ts'
import type { LimitName, OutcomeKind } from '../../runtime/contract/outcome.ts'
import { asInteger, asName, asNumber, asObject, asString, ContractError } from '../../runtime/contract/parse.ts'
import type { UsageRecord } from '../../runtime/contract/usage.ts'

export const OUTCOME_KINDS = ['returned', 'threw', 'exceeded', 'expired', 'lost', 'cancelled'] as const satisfies readonly OutcomeKind[]
const LIMIT_NAMES = ['cpu', 'wall', 'memory', 'output'] as const satisfies readonly LimitName[]
const STARTS = ['cold', 'warm', 'none'] as const

/** Far above the longest invocation; keeps every product and hourly sum of the ledger within 64 bits. */
const MAX_BILLED_MS = 3_600_000
const MAX_MEMORY_MB = 65_536
const MAX_WORKER_ID_CHARS = 128

/**
 * One record as it came out of the lane's stream. Times are kept in whole microseconds (instants in whole
 * milliseconds), so that what is stored, priced and shown is the same number.
 */
export function parseUsageRecord(value: unknown): UsageRecord {
  const record = asObject(value, 'usage record')
  if (!isInvocationId(record.id)) throw new ContractError('id', record.id, 'a UUID')
  const worker = asString(record.worker, 'worker')
  if (worker.length > MAX_WORKER_ID_CHARS) throw new ContractError('worker', worker, `at most ${MAX_WORKER_ID_CHARS} characters`)
  return {
    id: record.id,
    attempt: asInteger(record.attempt, 'attempt', 1, 1_000_000),
    tenant: asName(record.tenant, 'tenant'),
    function: asName(record.function, 'function'),
    version: asInteger(record.version, 'version', 1, 2 ** 31),
    trigger: asOneOf(record.trigger, 'trigger', TRIGGERS),
    acceptedAt: asInstant(record.acceptedAt, 'acceptedAt'),
    startedAt: asInstant(record.startedAt, 'startedAt'),
    queueMs: asMs(record.queueMs, 'queueMs'),
    initMs: asMs(record.initMs, 'initMs'),
    runMs: asMs(record.runMs, 'runMs'),
    stallMs: asMs(record.stallMs, 'stallMs'),
    cpuMs: asMs(record.cpuMs, 'cpuMs'),
    billedMs: asInteger(record.billedMs, 'billedMs', 0, MAX_BILLED_MS),
    memoryMb: asInteger(record.memoryMb, 'memoryMb', 1, MAX_MEMORY_MB),
    concurrency: asInteger(record.concurrency, 'concurrency', 1, MAX_CONCURRENCY),
    heapMb: asNumber(record.heapMb, 'heapMb'),
    requestBytes: asCount(record.requestBytes, 'requestBytes'),
    responseBytes: asCount(record.responseBytes, 'responseBytes'),
    egressBytes: asCount(record.egressBytes, 'egressBytes'),
    subrequests: asCount(record.subrequests, 'subrequests'),
    start: asOneOf(record.start, 'start', STARTS),
    outcome: asOneOf(record.outcome, 'outcome', OUTCOME_KINDS),
    ...(record.limit === undefined ? {} : { limit: asOneOf(record.limit, 'limit', LIMIT_NAMES) }),
    worker,
  }
}

function asOneOf<const T extends string>(value: unknown, field: string, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) throw new ContractError(field, value, allowed.join(', '))
  return value as T
}

/** A year in milliseconds: no time of one invocation comes near it. */
const MAX_MS = 366 * 86_400_000

function asMs(value: unknown, field: string): number {
  const ms = asNumber(value, field)
  if (ms > MAX_MS) throw new ContractError(field, value, `at most ${MAX_MS}`)
  return Math.round(ms * 1_000) / 1_000
}

function asInstant(value: unknown, field: string): number {
  return asInteger(Math.floor(asNumber(value, field)), field, 0, Number.MAX_SAFE_INTEGER)
}

function asCount(value: unknown, field: string): number {
  return asInteger(value, field, 0, Number.MAX_SAFE_INTEGER)
}
