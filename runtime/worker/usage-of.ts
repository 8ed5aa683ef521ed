import { isBilled } from '../contract/outcome.ts'
import type { UsageRecord } from '../contract/usage.ts'
import type { Claim } from '../lane/worker-lane.ts'
import type { RunResult } from './run.ts'

/** The usage record of a claim that ended: quantities only, the ledger knows prices. */
export function usageOf(claim: Claim, { outcome, used, text, body }: RunResult, requestBytes: number, worker: string): UsageRecord {
  const [id, attempt] = claim.key.split('/') as [string, string]
  // A start that fails, or takes more than it may, is the function's own doing: billed like a run.
  const failedInit = (outcome.kind === 'threw' || outcome.kind === 'exceeded') && outcome.phase === 'init'
  const billableMs = used.runMs + (failedInit ? used.initMs : 0)
  return {
    id,
    attempt: Number(attempt),
    tenant: claim.tenant,
    function: claim.name,
    version: claim.version,
    trigger: claim.trigger,
    acceptedAt: claim.acceptedAt,
    startedAt: claim.startedAt,
    queueMs: Math.max(0, claim.startedAt - claim.acceptedAt),
    initMs: round(used.initMs),
    runMs: round(used.runMs),
    stallMs: round(used.stallMs),
    cpuMs: round(used.cpuMs),
    billedMs: isBilled(outcome.kind) ? Math.max(1, Math.ceil(billableMs)) : 0,
    memoryMb: claim.memoryMb,
    concurrency: claim.concurrency,
    heapMb: round(used.heapMb),
    requestBytes,
    responseBytes: Buffer.byteLength(text) + Buffer.byteLength(body) + used.streamedBytes,
    egressBytes: used.egressBytes,
    subrequests: used.subrequests,
    start: used.start,
    outcome: outcome.kind,
    ...(outcome.kind === 'exceeded' ? { limit: outcome.limit } : {}),
    worker,
  }
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000
}
