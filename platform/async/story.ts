import type { OutcomeKind } from '../../runtime/contract/outcome.ts'
import { asInteger, asObject, asString, ContractError } from '../../runtime/contract/parse.ts'
import type { ReplyFrameHead } from '../../runtime/contract/reply.ts'
import { type AsyncEvent, parseAsyncEvent } from './async-event.ts'

/**
 * `queued` waits for its first or its next attempt · `running` is with the lane · `succeeded` · `dead` failed for good and lies
 * in the dead-letter list · `failed` was dead and has been purged from it · `cancelled`
 */
export const STATUSES = ['queued', 'running', 'succeeded', 'failed', 'dead', 'cancelled'] as const
export type Status = (typeof STATUSES)[number]

/** What an attempt or an event failed with: a stable code, words for people, and what the function threw. */
export interface EventError {
  readonly code: string
  readonly message: string
  readonly error?: { readonly name: string; readonly message: string; readonly stack: string }
}

/** One attempt that the lane has settled. Times in milliseconds since 1970. */
export interface Attempt {
  /** Counts from 1, over redrives too: with the id it names a usage record. */
  readonly attempt: number
  readonly version: number
  readonly outcome: OutcomeKind
  readonly startedAt: number
  readonly endedAt: number
  /** Absent where no worker had it. */
  readonly usage?: ReplyFrameHead['usage']
  readonly worker?: string
  readonly error?: EventError
}

/** How the notice to the caller's own address went. */
export interface CallbackState {
  readonly status: 'waiting' | 'delivered' | 'failed'
  readonly attempts: number
  readonly error?: string
}

/** Everything known of an event but its bytes. */
export interface Story {
  readonly event: AsyncEvent
  readonly status: Status
  /** When it was accepted, or redriven: its age counts from here. */
  readonly since: number
  /** Attempts that the lane has settled so far. */
  readonly settled: number
  /** Retries used since then: only failures of the function use one. */
  readonly spent: number
  /** Attempts in a row that the platform is to blame for, and refusals. */
  readonly requeues: number
  /** The last ones, oldest first. */
  readonly attempts: readonly Attempt[]
  /** No attempt before this. */
  readonly nextAt?: number
  readonly endedAt?: number
  /** JSON text. */
  readonly result?: string
  /** Why there is no result. */
  readonly resultNote?: string
  readonly error?: EventError
  /** Somebody wants it ended while it runs. */
  readonly cancelling: boolean
  readonly callback?: CallbackState
}

export function isOver({ status }: Pick<Story, 'status'>): boolean {
  return status !== 'queued' && status !== 'running'
}

/** Reads the fields of a story's hash. */
export function parseStory(fields: Readonly<Record<string, string>>): Story {
  const { status } = fields
  if (!STATUSES.includes(status as Status)) throw new ContractError('status', status, STATUSES.join(', '))
  const number = (name: string): number => asInteger(Number(fields[name]), name, 0, 2 ** 53)
  const attempts = Object.entries(fields)
    .filter(([name]) => name.startsWith('attempt:'))
    .map(([, text]) => JSON.parse(text) as Attempt)
    .sort((a, b) => a.attempt - b.attempt)
  return {
    event: parseAsyncEvent(parsed(fields, 'event')),
    status: status as Status,
    since: number('since'),
    settled: number('settled'),
    spent: number('spent'),
    requeues: number('requeues'),
    attempts,
    ...(fields.nextAt !== undefined && { nextAt: number('nextAt') }),
    ...(fields.endedAt !== undefined && { endedAt: number('endedAt') }),
    ...(fields.result !== undefined && { result: fields.result }),
    ...(fields.resultNote !== undefined && { resultNote: fields.resultNote }),
    ...(fields.error !== undefined && { error: parseError(parsed(fields, 'error')) }),
    cancelling: fields.cancelling !== undefined,
    ...(fields.callback !== undefined && { callback: asObject(parsed(fields, 'callback'), 'callback') as unknown as CallbackState }),
  }
}

function parsed(fields: Readonly<Record<string, string>>, name: string): unknown {
  return JSON.parse(asString(fields[name], name))
}

function parseError(value: unknown): EventError {
  const error = asObject(value, 'error')
  return { ...(error as unknown as EventError), code: asString(error.code, 'error.code'), message: asString(error.message, 'error.message') }
}
