import { limitWords } from '../../runtime/contract/limit-words.ts'
import { type Limits, MAX_QUEUE_WAIT_MS } from '../../runtime/contract/limits.ts'
import type { Outcome } from '../../runtime/contract/outcome.ts'
import type { Refusal } from '../../runtime/lane/lane-reply.ts'
import type { ProblemInit } from '../problem.ts'

/** Of a function, what its problems speak of. */
export interface Subject {
  readonly tenant: string
  readonly name: string
  readonly limits: Limits
}

/** The answer to a refusal: never accepted, never on a bill. */
export function refusalProblem({ reason, scope, retryAfterMs = 1_000, id }: Refusal, { tenant, name }: Subject): ProblemInit {
  const function_ = `${tenant}/${name}`
  const retryAfterSeconds = retryAfterMs / 1_000
  switch (reason) {
    case 'full':
      if (scope === 'function') {
        return {
          status: 429,
          code: 'queue_full',
          detail: `Cannot take more calls of ${function_} now: its own queue is full. Nothing was accepted. Try again after the time in Retry-After; if its maxConcurrency holds it back, a larger one lets more run at once`,
          retryAfterSeconds,
        }
      }
      return {
        status: 503,
        code: 'overloaded',
        detail: `Cannot take more calls of ${function_} now: there is more work than workers, and the queue is full. Nothing was accepted. Try again after the time in Retry-After`,
        retryAfterSeconds,
      }
    case 'late':
      return {
        status: 503,
        code: 'deadline_cannot_be_met',
        detail: `Cannot answer for ${function_} in time: it would wait for some ${Math.ceil(retryAfterMs)} ms, which is more than any call waits (${MAX_QUEUE_WAIT_MS} ms), or leaves too little of its deadline for the time that the function usually takes. Nothing was accepted. Try again after the time in Retry-After`,
        retryAfterSeconds,
        extra: { predictedWaitMs: Math.ceil(retryAfterMs) },
      }
    case 'key_reused':
      return {
        status: 422,
        code: 'idempotency_key_reused',
        detail: `Cannot call ${function_} with this Idempotency-Key: within the last day it came with another request (method, path, query, body, content type or credentials). Repeat a request exactly, and give every new one a key of its own`,
      }
    case 'answer_not_kept':
      return {
        status: 409,
        code: 'answer_not_kept',
        detail: `Cannot give the answer of ${function_} again: the call with this Idempotency-Key has run, but its answer was streamed or too large to keep. It was not run a second time`,
        ...(id === undefined ? {} : { extra: { invocation: id } }),
      }
    case 'moved':
      return {
        status: 503,
        code: 'tenant_moved',
        detail: `Cannot take calls of ${function_} at this moment: its tenant is being moved to other workers. Nothing was accepted, so it is safe to try again`,
        retryAfterSeconds,
      }
    case 'off':
      return {
        status: 429,
        code: 'function_off',
        detail: `Cannot call ${function_}: it is switched off (maxConcurrency is 0). PATCH /v1/functions/${name} with another maxConcurrency switches it on`,
      }
    case 'unreachable':
      return {
        status: 503,
        code: 'lane_unreachable',
        detail: 'Cannot reach the queue now: nothing was accepted, so it is safe to try again',
        retryAfterSeconds,
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
        detail: `${function_} was not started: its turn in the queue did not come in time. Nothing ran and nothing is billed`,
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
