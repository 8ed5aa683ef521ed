import type { IncomingMessage } from 'node:http'
import { MAX_QUEUE_WAIT_MS, MAX_TIMEOUT_MS } from '../../runtime/contract/limits.ts'
import { Problem } from '../problem.ts'
import { headerProblem } from './header-problem.ts'

export const DEADLINE_HEADER = 'Isolane-Deadline-Ms'
/** A call takes no longer in any case: its wait, and the longest timeout there is. */
export const MAX_DEADLINE_MS = MAX_QUEUE_WAIT_MS + MAX_TIMEOUT_MS

const WHOLE_NUMBER = /^[1-9]\d{0,8}$/

/**
 * Until when the caller wants the whole answer, on the clock of `now`; Infinity where he does not say.
 *
 * @throws Problem 400
 */
export function deadlineOf({ headers }: IncomingMessage, now: number): number {
  // Sent twice it comes as "5, 5".
  const text = headers[DEADLINE_HEADER.toLowerCase()] as string | undefined
  if (text === undefined) return Number.POSITIVE_INFINITY
  const ms = WHOLE_NUMBER.test(text) ? Number(text) : Number.POSITIVE_INFINITY
  if (ms <= MAX_DEADLINE_MS) return now + ms
  throw headerProblem(DEADLINE_HEADER, text, `a whole number of milliseconds from 1 to ${MAX_DEADLINE_MS}`)
}

/**
 * What is left of it, in milliseconds.
 *
 * @throws Problem 408 when that is nothing
 */
export function leftUntil(deadlineAt: number, now: number): number {
  if (deadlineAt > now) return deadlineAt - now
  throw new Problem({
    status: 408,
    code: 'deadline_passed',
    detail: `Cannot answer in time: the request took longer to come than its ${DEADLINE_HEADER} allows. Nothing was run`,
  })
}
