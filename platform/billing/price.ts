import { isBilled, type OutcomeKind } from '../../runtime/contract/outcome.ts'
import type { UsageRecord } from '../../runtime/contract/usage.ts'

/** Prices in integer pico-dollars (10⁻¹² dollar). A record keeps the id of the book that priced it. */
export interface PriceBook {
  readonly id: string
  readonly perRequest: bigint
  /** Per GiB of booked memory and second of billed time. */
  readonly perGbSecond: bigint
  readonly perCpuMs: bigint
}

/** AWS Lambda's public x86 prices: $0.20 per million requests, $0.0000166667 per GB-second; CPU time is not charged. */
export const DEFAULT_PRICE_BOOK: PriceBook = Object.freeze({
  id: 'lambda-x86',
  perRequest: 200_000n,
  perGbSecond: 16_666_700n,
  perCpuMs: 0n,
})

/** What a price depends on. */
export type Billable = Pick<UsageRecord, 'billedMs' | 'memoryMb' | 'concurrency' | 'cpuMs'> & { readonly outcome: OutcomeKind }

/** The ledger keeps CPU time in whole microseconds; anything finer is rounded off first. */
const US_PER_MS = 1_000
/** MiB per GiB × ms per second: turns MiB·ms into GiB·s. */
const MB_MS_PER_GB_SECOND = 1_024_000n
const PICO = 1_000_000_000_000n

/**
 * perRequest + perGbSecond × memoryMb/1024 ÷ concurrency × billedMs/1000 + perCpuMs × cpuMs, in pico-dollars.
 *
 * The sum is one exact fraction, rounded once, half up, to the whole pico-dollar: at most half a pico-dollar per
 * record, whatever the number of terms. What ran for nobody's account (no billed time, or the platform's fault)
 * costs nothing, not even the request.
 */
export function priceOf(book: PriceBook, use: Billable): bigint {
  if (use.billedMs === 0 || !isBilled(use.outcome)) return 0n
  const concurrency = BigInt(use.concurrency)
  const denominator = MB_MS_PER_GB_SECOND * concurrency
  const cpuUs = BigInt(Math.round(use.cpuMs * US_PER_MS))
  const request = book.perRequest * denominator
  const memory = book.perGbSecond * BigInt(use.memoryMb) * BigInt(use.billedMs)
  // perCpuMs × cpuUs/1000, over the same denominator of 1024 × 1000 × concurrency.
  const cpu = book.perCpuMs * cpuUs * 1_024n * concurrency
  return roundHalfUp(request + memory + cpu, denominator)
}

/** Booked memory × billed time in 10⁻¹² GB-seconds, rounded half up: a quantity to report, never what a cost is computed from. */
export function picoGbSeconds(use: Billable): bigint {
  if (!isBilled(use.outcome)) return 0n
  return roundHalfUp(BigInt(use.memoryMb) * BigInt(use.billedMs) * PICO, MB_MS_PER_GB_SECOND * BigInt(use.concurrency))
}

/** For non-negative numbers. */
function roundHalfUp(numerator: bigint, denominator: bigint): bigint {
  return (2n * numerator + denominator) / (2n * denominator)
}

/** Exact dollars for people, at least two decimals: 200000n → "0.0000002", 5n × 10¹² → "5.00". */
export function dollars(pico: bigint): string {
  const fraction = (pico % PICO).toString().padStart(12, '0').replace(/0+$/, '').padEnd(2, '0')
  return `${pico / PICO}.${fraction}`
}
