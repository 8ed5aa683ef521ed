import type { Invocation } from '../contract/invocation.ts'
import type { Limits } from '../contract/limits.ts'
import { isBilled } from '../contract/outcome.ts'
import type { UsageRecord } from '../contract/usage.ts'
import type { Claim } from '../lane/worker-lane.ts'
import type { RunResult } from './run.ts'

/** What is billed: an invocation, as claimed, under its limits. */
export interface Subject {
  readonly claim: Claim
  readonly invocation: Invocation
  readonly limits: Limits
}

/** The usage record of a finished run: quantities only, the ledger knows prices. */
export function usageOf(
  { claim, invocation, limits }: Subject,
  { outcome, used, text, body }: RunResult,
  requestBytes: number,
  worker: string,
): UsageRecord {
  // A start that fails, or takes more than it may, is the function's own doing: billed like a run.
  const failedInit = (outcome.kind === 'threw' || outcome.kind === 'exceeded') && outcome.phase === 'init'
  const billableMs = used.runMs + (failedInit ? used.initMs : 0)
  return {
    id: invocation.id,
    attempt: invocation.attempt,
    tenant: invocation.tenant,
    function: invocation.name,
    version: invocation.version,
    trigger: invocation.trigger,
    acceptedAt: claim.acceptedAt,
    startedAt: claim.startedAt,
    queueMs: Math.max(0, claim.startedAt - claim.acceptedAt),
    initMs: round(used.initMs),
    runMs: round(used.runMs),
    stallMs: round(used.stallMs),
    cpuMs: round(used.cpuMs),
    billedMs: isBilled(outcome.kind) ? Math.max(1, Math.ceil(billableMs)) : 0,
    memoryMb: limits.memoryMb,
    concurrency: limits.concurrency,
    heapMb: round(used.heapMb),
    requestBytes,
    responseBytes: Buffer.byteLength(text) + Buffer.byteLength(body),
    egressBytes: 0,
    subrequests: 0,
    start: used.start,
    outcome: outcome.kind,
    ...(outcome.kind === 'exceeded' ? { limit: outcome.limit } : {}),
    worker,
  }
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000
}
