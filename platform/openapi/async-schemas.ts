import { MAX_TOLD_ATTEMPTS } from '../async/stories.ts'
import { STATUSES } from '../async/story.ts'
import { OUTCOME_KINDS } from '../billing/parse-usage-record.ts'
import type { Schema } from './document.ts'
import { flag, instant, integer, list, name, number, object, orNull, ref, text } from './schema.ts'

const ANY_JSON: Schema = { description: 'Any JSON value.' }

const ERROR = object(
  {
    code: text(
      'What a program acts on: the `code` of the problem a caller who waits would have got, or `function_answered` (with 429 or a status of 500 and above), `event_too_old`, `event_lost`.',
    ),
    message: text('For people.'),
    error: object({ name: text('Its class.'), message: text('Its message.'), stack: text('Where.') }),
  },
  ['error'],
)

const ATTEMPT = object(
  {
    attempt: integer('Counts from 1, over redrives too; with the id it names a usage record.', { minimum: 1 }),
    version: integer('The version that ran.'),
    outcome: text('How it ended.', { enum: OUTCOME_KINDS }),
    startedAt: instant('When it was handed to the workers’ queue.'),
    endedAt: instant('When its outcome was known.'),
    usage: orNull(
      object({
        queueMs: number('Waiting for a worker.'),
        initMs: number('Loading the module.'),
        runMs: number('Running.'),
        cpuMs: number('CPU.'),
        billedMs: integer('Milliseconds on the bill.'),
        heapMb: number('Heap after it.'),
        start: text('The start.', { enum: ['cold', 'warm', 'none'] }),
      }),
    ),
    worker: orNull(text('The worker that ran it.')),
    error: ERROR,
  },
  ['error'],
)

const INVOCATION = object(
  {
    id: text('Its id.', { format: 'uuid' }),
    function: name('The function'),
    qualifier: orNull(text('The version or alias that was asked for; `null`: `live`.')),
    version: orNull(integer('The version of its last attempt.')),
    trigger: text('What caused it.', { enum: ['async', 'schedule'] }),
    schedule: text('The name of the schedule that caused it.'),
    status: text(
      '`queued`: waits for its first or next attempt. `running`. `succeeded`. `dead`: failed for good, and lies among the dead letters. `failed`: was purged from there. `cancelled`.',
      { enum: STATUSES },
    ),
    cancelling: flag('It is running, and is to be ended.'),
    acceptedAt: instant('When it was accepted.'),
    nextAttemptAt: instant('While it is queued: not before.'),
    endedAt: instant('When it was over.'),
    attempts: list(ATTEMPT, `The last ${MAX_TOLD_ATTEMPTS}, oldest first. One that was refused by a full queue is none.`),
    attemptsNotShown: integer('How many there were before those.'),
    result: ANY_JSON,
    resultNote: text('Why there is no result.'),
    error: ERROR,
    callback: object(
      {
        url: text('Where the result is sent.', { format: 'uri' }),
        status: text('How that went.', { enum: ['waiting', 'delivered', 'failed'] }),
        attempts: integer('How often it was tried.'),
        error: text('Why the last one failed.'),
      },
      ['error'],
    ),
  },
  ['schedule', 'cancelling', 'nextAttemptAt', 'endedAt', 'attemptsNotShown', 'result', 'resultNote', 'error', 'callback'],
)

export const ASYNC_SCHEMAS: Readonly<Record<string, Schema>> = {
  Invocation: INVOCATION,
  DeadLetter: {
    allOf: [ref('Invocation')],
    properties: {
      event: object(
        {
          method: text('Of a call at the function’s URL.'),
          url: text('Likewise.'),
          body: { description: 'The event; a text that is no JSON is given as a string, other bytes in base64.' },
          isBase64Encoded: flag('`true`: they are.'),
        },
        ['method', 'url', 'body', 'isBase64Encoded'],
      ),
    },
  },
}
