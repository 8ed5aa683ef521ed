import type { LaneReply } from '../../runtime/lane/lane-reply.ts'
import { isOverUnseen } from './assess-reply.ts'
import type { Verdict } from './decide-next.ts'
import type { Attempt } from './story.ts'

/** What the story tells of an attempt; undefined: it was refused, so there was none, and its number is free. */
export function attemptOf(
  last: LaneReply,
  verdict: Verdict,
  about: Pick<Attempt, 'attempt' | 'version' | 'startedAt' | 'endedAt'>,
): Attempt | undefined {
  if (isOverUnseen(last)) return { ...about, outcome: 'returned' }
  if (last.kind === 'refused') return undefined
  const error = 'error' in verdict ? { error: verdict.error } : {}
  if (last.kind === 'verdict') return { ...about, outcome: last.outcome.kind, ...error }
  const { outcome, usage, worker } = last.head
  return { ...about, outcome: outcome.kind, usage, worker, ...error }
}
