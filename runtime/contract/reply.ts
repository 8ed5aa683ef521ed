import type { Outcome } from './outcome.ts'
import type { UsageRecord } from './usage.ts'

/** Head of the frame a worker settles with. Its text is the isolate's ReplyHead, its body the reply's bytes. */
export interface ReplyFrameHead {
  readonly outcome: Outcome
  readonly usage: Pick<UsageRecord, 'queueMs' | 'initMs' | 'runMs' | 'cpuMs' | 'billedMs' | 'start' | 'heapMb'>
  readonly worker: string
}
