import { backoffMs, REQUEUE_BACKOFF, RETRY_BACKOFF } from './backoff.ts'
import { MAX_EVENT_AGE_MS } from './stories.ts'
import type { EventError } from './story.ts'

/** Longest that a function may put off its next attempt by Retry-After. */
export const MAX_RETRY_AFTER_MS = 3_600_000
/** How often it is looked whether a function has been switched on again. */
export const OFF_PAUSE_MS = 15_000

/** What an attempt says about its event. */
export type Verdict =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'cancelled' }
  /** By its own fault: it uses a retry. */
  | { readonly kind: 'failed'; readonly error: EventError; readonly retryAfterMs?: number }
  /** By no fault of its own. `off`: its function is switched off. */
  | { readonly kind: 'again'; readonly error: EventError; readonly retryAfterMs?: number; readonly off?: true }

/** What becomes of the event. */
export type Next =
  | { readonly to: 'succeeded' | 'cancelled' }
  | { readonly to: 'dead'; readonly error: EventError }
  | { readonly to: 'queued'; readonly nextAt: number; readonly spent: number; readonly requeues: number; readonly error: EventError }

export interface Situation {
  /** When it was accepted or redriven, milliseconds since 1970. */
  readonly since: number
  /** Retries used since then. */
  readonly spent: number
  /** Attempts in a row that came to nothing by no fault of the function. */
  readonly requeues: number
  /** Retries the function allows, as it is set now. */
  readonly retries: number
  /** Somebody wants it ended: what did not succeed is not tried again. */
  readonly cancelling: boolean
  readonly now: number
  /** From 0 to under 1. */
  readonly random: number
}

/** After an attempt: over, once more, or dead. */
export function decideNext(verdict: Verdict, { since, spent, requeues, retries, cancelling, now, random }: Situation): Next {
  if (verdict.kind === 'succeeded' || verdict.kind === 'cancelled') return { to: verdict.kind }
  if (cancelling) return { to: 'cancelled' }
  const { error, retryAfterMs = 0 } = verdict
  const asked = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS)
  if (verdict.kind === 'failed') {
    if (spent >= retries) return { to: 'dead', error }
    const nextAt = now + Math.max(asked, backoffMs(RETRY_BACKOFF, spent, random))
    return inTime({ to: 'queued', nextAt, spent: spent + 1, requeues: 0, error }, since)
  }
  const pauseMs = verdict.off === true ? OFF_PAUSE_MS : backoffMs(REQUEUE_BACKOFF, requeues, random)
  return inTime({ to: 'queued', nextAt: now + Math.max(asked, pauseMs), spent, requeues: requeues + 1, error }, since)
}

export function isTooOld(since: number, now: number): boolean {
  return now >= since + MAX_EVENT_AGE_MS
}

/** What an event is told that has outlived its time. `last`: what its last attempt failed with. */
export function tooOld(last?: EventError): EventError {
  const because = last === undefined ? '' : `. Its last attempt: ${last.message}`
  return { code: 'event_too_old', message: `It was not done within ${MAX_EVENT_AGE_MS / 3_600_000} hours${because}` }
}

function inTime(next: Extract<Next, { to: 'queued' }>, since: number): Next {
  return isTooOld(since, next.nextAt) ? { to: 'dead', error: tooOld(next.error) } : next
}
