import type { UsageRecord } from '../../../runtime/contract/usage.ts'

/** A UUIDv7-shaped id that sorts by `n`. */
export function idOf(n: number): string {
  return `01900000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`
}

/** 2026-01-02T03:00:00Z. */
export const HOUR = Date.UTC(2026, 0, 2, 3)

/** A warm call of hello that returned after 4.2 ms, unless told otherwise. */
export function usage(n: number, changes: Partial<UsageRecord> = {}): UsageRecord {
  return {
    id: idOf(n),
    attempt: 1,
    tenant: 'acme',
    function: 'hello',
    version: 1,
    trigger: 'rpc',
    acceptedAt: HOUR + n,
    startedAt: HOUR + n,
    queueMs: 0.5,
    initMs: 0,
    runMs: 4.2,
    stallMs: 0,
    cpuMs: 1.25,
    billedMs: 5,
    memoryMb: 128,
    concurrency: 1,
    heapMb: 3.5,
    requestBytes: 10,
    responseBytes: 20,
    egressBytes: 0,
    subrequests: 0,
    start: 'warm',
    outcome: 'returned',
    worker: 'w1',
    ...changes,
  }
}
