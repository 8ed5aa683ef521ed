import { limitWords } from '../../runtime/contract/limit-words.ts'
import type { Limits } from '../../runtime/contract/limits.ts'
import type { Outcome } from '../../runtime/contract/outcome.ts'
import type { LaneReply } from '../../runtime/lane/submitter.ts'
import type { ProblemInit } from '../problem.ts'

/** Of a function, what its problems speak of. */
export interface Subject {
  readonly tenant: string
  readonly name: string
  readonly limits: Limits
}

/** The answer to a refusal: never accepted, never on a bill. */
export function refusalProblem(reason: Extract<LaneReply, { kind: 'refused' }>['reason'], { tenant, name }: Subject): ProblemInit {
  switch (reason) {
    case 'full':
      return {
        status: 503,
        code: 'overloaded',
        detail: `Cannot take more calls of ${tenant}/${name} now: its queue is full. Try again after the time in Retry-After`,
        retryAfterSeconds: 1,
      }
    case 'off':
      return {
        status: 429,
        code: 'function_off',
        detail: `Cannot call ${tenant}/${name}: it is switched off (maxConcurrency is 0). PATCH /v1/functions/${name} with another maxConcurrency switches it on`,
      }
    case 'unreachable':
      return {
        status: 503,
        code: 'lane_unreachable',
        detail: 'Cannot reach the queue now: nothing was accepted, so it is safe to try again',
        retryAfterSeconds: 1,
      }
  }
}

/** The answer to an outcome that has no reply of the function's own. `owner`: the key may see what the function threw. */
export function outcomeProblem(outcome: Exclude<Outcome, { kind: 'returned' }>, { tenant, name, limits }: Subject, owner: boolean): ProblemInit {
  const function_ = `${tenant}/${name}`
  switch (outcome.kind) {
    case 'threw':
      return {
        status: 502,
        code: outcome.phase === 'init' ? 'function_failed_to_start' : 'function_threw',
        detail: owner ? `${function_} threw ${outcome.error.name}: ${outcome.error.message}` : `${function_} failed`,
        ...(owner ? { extra: { error: outcome.error } } : {}),
      }
    case 'exceeded': {
      const extra = { limit: outcome.limit, allowed: outcome.allowed, unit: outcome.unit }
      const status = outcome.limit === 'wall' ? 504 : 502
      return { status, code: `exceeded_${outcome.limit}`, detail: `${function_} was ended: ${limitWords(outcome, limits)}`, extra }
    }
    case 'expired':
      return {
        status: 503,
        code: 'expired',
        detail: `${function_} was not started: no worker was free for it in time. Nothing ran and nothing is billed`,
        retryAfterSeconds: 1,
      }
    case 'lost':
      return {
        status: 503,
        code: 'lost',
        detail: `${function_} gave no answer: ${outcome.reason}. ${outcome.started === 'no' ? 'It had not started' : 'It may have run in part'}; nothing is billed`,
        retryAfterSeconds: 1,
        extra: { started: outcome.started },
      }
    case 'cancelled':
      return {
        status: 429,
        code: 'cancelled',
        detail: `${function_} was not run: its call was cancelled, or the function was switched off while it waited`,
      }
  }
}
