import { type Outcome, parseOutcome } from './outcome.ts'
import { asInteger, asNumber, asObject, asString, ContractError } from './parse.ts'
import type { UsageRecord } from './usage.ts'

/** Head of the frame a worker settles with. Its text is the isolate's ReplyHead, its body the reply's bytes. */
export interface ReplyFrameHead {
  readonly outcome: Outcome
  readonly usage: Pick<UsageRecord, 'queueMs' | 'initMs' | 'runMs' | 'cpuMs' | 'billedMs' | 'start' | 'heapMb'>
  readonly worker: string
}

export function parseReplyFrameHead(value: unknown): ReplyFrameHead {
  const head = asObject(value, 'reply')
  const usage = asObject(head.usage, 'reply.usage')
  const { start } = usage
  if (start !== 'cold' && start !== 'warm' && start !== 'none') throw new ContractError('usage.start', start, '"cold", "warm" or "none"')
  return {
    outcome: parseOutcome(head.outcome),
    usage: {
      queueMs: asNumber(usage.queueMs, 'usage.queueMs'),
      initMs: asNumber(usage.initMs, 'usage.initMs'),
      runMs: asNumber(usage.runMs, 'usage.runMs'),
      cpuMs: asNumber(usage.cpuMs, 'usage.cpuMs'),
      billedMs: asInteger(usage.billedMs, 'usage.billedMs', 0, 2 ** 53),
      heapMb: asNumber(usage.heapMb, 'usage.heapMb'),
      start,
    },
    worker: asString(head.worker, 'reply.worker'),
  }
}
