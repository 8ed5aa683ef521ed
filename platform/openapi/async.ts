import { MAX_EVENT_BYTES } from '../async/async-event.ts'
import { MAX_RESULT_BYTES } from '../async/event-result.ts'
import { KEEP_DEAD_MS, KEEP_OVER_MS, MAX_EVENT_AGE_MS, MAX_OVER_BYTES } from '../async/stories.ts'
import { jsonAnswer } from './answers.ts'
import { ASYNC_SCHEMAS } from './async-schemas.ts'
import type { Operation, Parameter, Subject } from './document.ts'
import { flag, integer, list, object, ref, text } from './schema.ts'
import { v1Operation } from './v1-operation.ts'

const HOUR_MS = 3_600_000
const ID = '019ab4c2-7d10-7c3e-9d2b-6a1f0e4c8b57'

const INVOCATION_ID: Parameter = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'The invocation.',
  schema: text('A UUIDv7.', { format: 'uuid' }),
  example: ID,
}

const ATTEMPT_EXAMPLE = {
  attempt: 1,
  version: 3,
  outcome: 'returned',
  startedAt: '2026-01-31T12:00:00.020Z',
  endedAt: '2026-01-31T12:00:00.061Z',
  usage: { queueMs: 0.4, initMs: 28.1, runMs: 3.2, cpuMs: 1.9, billedMs: 4, heapMb: 4.2, start: 'cold' },
  worker: 'w-5f0c1d2e3a4b',
}
const COMMON_EXAMPLE = { id: ID, function: 'greet', qualifier: null, version: 3, trigger: 'async' }
const EXAMPLE = {
  ...COMMON_EXAMPLE,
  status: 'succeeded',
  acceptedAt: '2026-01-31T12:00:00.000Z',
  endedAt: '2026-01-31T12:00:00.061Z',
  attempts: [ATTEMPT_EXAMPLE],
  result: { greeting: 'hello, Ada' },
}
const FAILURE = { code: 'function_threw', message: 'default/greet threw Error: no name' }
const DEAD_EXAMPLE = {
  ...COMMON_EXAMPLE,
  status: 'dead',
  acceptedAt: '2026-01-31T12:00:00.000Z',
  endedAt: '2026-01-31T12:00:03.410Z',
  attempts: [{ ...ATTEMPT_EXAMPLE, outcome: 'threw', error: FAILURE }],
  error: FAILURE,
}

const NOT_FOUND = { 404: ['invocation_not_found'] } as const
const NO_LETTER = { 404: ['invocation_not_found', 'dead_letter_not_found'] } as const

const READ: Operation = v1Operation({
  operationId: 'readInvocation',
  summary: 'See what became of an asynchronous call',
  description: `Kept for ${KEEP_OVER_MS / HOUR_MS} hours after it is over, and its result with it, if that has no more than ${MAX_RESULT_BYTES / 1024} KiB; a tenant’s finished calls may take ${MAX_OVER_BYTES / 2 ** 20} MiB, beyond which the oldest are forgotten first. The result is what the handler returned; of a handler that answers in HTTP, \`{status, headers, body}\`, where \`isBase64Encoded\` says that the body is no text.

What a function threw is shown to keys with the scope \`read\`.`,
  scope: 'invoke',
  parameters: [INVOCATION_ID],
  answers: { 200: jsonAnswer('How it stands.', ref('Invocation'), EXAMPLE) },
  refusals: NOT_FOUND,
  curl: `curl "$URL/v1/invocations/${ID}" \\\n  -H "Authorization: Bearer $KEY"`,
})

const CANCEL: Operation = v1Operation({
  operationId: 'cancelInvocation',
  summary: 'Cancel an asynchronous call',
  description: 'One that waits is over at once. One that runs is ended by its worker; it may have come to its end before that hears of it.',
  scope: 'invoke',
  parameters: [INVOCATION_ID],
  answers: {
    200: jsonAnswer('It waited, and is cancelled.', object({ id: text('Its id.'), status: text('`cancelled`.') }), { id: ID, status: 'cancelled' }),
    202: jsonAnswer('It runs, and is being ended.', object({ id: text('Its id.'), status: text('`running`.'), cancelling: flag('`true`.') }), {
      ...{ id: ID, status: 'running', cancelling: true },
    }),
  },
  refusals: { ...NOT_FOUND, 409: ['invocation_over'] },
  curl: `curl -X DELETE "$URL/v1/invocations/${ID}" \\\n  -H "Authorization: Bearer $KEY"`,
})

const LIST_DEAD: Operation = v1Operation({
  operationId: 'listDeadLetters',
  summary: 'List the dead letters',
  description: `Asynchronous calls that failed for good: their retries are used up, or ${MAX_EVENT_AGE_MS / HOUR_MS} hours are. Kept for ${KEEP_DEAD_MS / HOUR_MS / 24} days. What they answered is told of each by itself.`,
  scope: 'read',
  parameters: [
    { name: 'limit', in: 'query', description: 'How many.', schema: integer('A number.', { minimum: 1, maximum: 200, default: 50 }) },
    { name: 'offset', in: 'query', description: 'How many to pass over.', schema: integer('A number.', { minimum: 0, default: 0 }) },
  ],
  answers: {
    200: jsonAnswer('Newest first.', object({ total: integer('How many there are.'), deadLetters: list(ref('Invocation'), 'Newest first.') }), {
      total: 1,
      deadLetters: [DEAD_EXAMPLE],
    }),
  },
  refusals: { 400: ['bad_query'] },
  curl: 'curl "$URL/v1/dead-letters?limit=10" \\\n  -H "Authorization: Bearer $KEY"',
})

const READ_DEAD: Operation = v1Operation({
  operationId: 'readDeadLetter',
  summary: 'Read a dead letter, event included',
  scope: 'read',
  parameters: [INVOCATION_ID],
  answers: {
    200: jsonAnswer('The invocation, and what it was called with.', ref('DeadLetter'), { ...DEAD_EXAMPLE, event: { body: { name: null } } }),
  },
  refusals: NO_LETTER,
  curl: `curl "$URL/v1/dead-letters/${ID}" \\\n  -H "Authorization: Bearer $KEY"`,
})

const REDRIVE: Operation = v1Operation({
  operationId: 'redriveDeadLetter',
  summary: 'Run a dead letter again',
  description: 'With as many retries and as much time as a new call, under the same id, by the version that its qualifier stands for now.',
  scope: 'invoke',
  parameters: [INVOCATION_ID],
  answers: {
    202: jsonAnswer('It waits to run.', object({ id: text('Its id.'), status: text('`queued`.') }), { id: ID, status: 'queued' }),
  },
  refusals: NO_LETTER,
  curl: `curl -X POST "$URL/v1/dead-letters/${ID}/redrive" \\\n  -H "Authorization: Bearer $KEY"`,
})

const REDRIVE_ALL: Operation = v1Operation({
  operationId: 'redriveDeadLetters',
  summary: 'Run all dead letters again',
  scope: 'invoke',
  answers: { 202: jsonAnswer('They wait to run.', object({ redriven: integer('How many.') }), { redriven: 12 }) },
  refusals: { 400: ['bad_query'] },
  curl: 'curl -X POST "$URL/v1/dead-letters/redrive" \\\n  -H "Authorization: Bearer $KEY"',
})

const PURGE: Operation = v1Operation({
  operationId: 'purgeDeadLetter',
  summary: 'Give a dead letter up',
  description: `Its event is removed; how it failed can be read for ${KEEP_OVER_MS / HOUR_MS} hours more, with the status \`failed\`.`,
  scope: 'invoke',
  parameters: [INVOCATION_ID],
  answers: { 204: { description: 'It is off the list.' } },
  refusals: NO_LETTER,
  curl: `curl -X DELETE "$URL/v1/dead-letters/${ID}" \\\n  -H "Authorization: Bearer $KEY"`,
})

const PURGE_ALL: Operation = v1Operation({
  operationId: 'purgeDeadLetters',
  summary: 'Give all dead letters up',
  scope: 'invoke',
  answers: { 200: jsonAnswer('They are off the list.', object({ purged: integer('How many.') }), { purged: 12 }) },
  refusals: { 400: ['bad_query'] },
  curl: 'curl -X DELETE "$URL/v1/dead-letters" \\\n  -H "Authorization: Bearer $KEY"',
})

const SECRET: Operation = v1Operation({
  operationId: 'readCallbackSecret',
  summary: 'Read what callbacks are signed with',
  description: `A callback has the header \`Isolane-Signature: t=<seconds since 1970>,v1=<hex>\`, where the second is the HMAC-SHA256 of \`<t>.<body>\` with this secret (the whole text of it) as the key. Refuse what is unsigned, and what is old.`,
  scope: 'deploy',
  answers: {
    200: jsonAnswer('The tenant’s secret.', object({ secret: text('A text.') }), { secret: 'isl_cb_PLkLJm6uTKZGt1yW4PzM3oS6yOPl3wVJzqk2vUVrSjM' }),
  },
  curl: 'curl "$URL/v1/callback-secret" \\\n  -H "Authorization: Bearer $KEY"',
})

export const ASYNC: Subject = {
  name: 'Asynchronous calls',
  description: `A call with \`Prefer: respond-async\` is answered at once, with 202 and where to look, when its event (up to ${MAX_EVENT_BYTES / 1024} KiB) is on disk. From then on it is run at least once, whatever fails: a function that failed is tried again as often as its \`retries\` say, with pauses that double; what the platform lost is tried again without using one. So a handler should bear being run twice with the same id.`,
  paths: {
    '/v1/invocations/{id}': { get: READ, delete: CANCEL },
    '/v1/dead-letters': { get: LIST_DEAD, delete: PURGE_ALL },
    '/v1/dead-letters/redrive': { post: REDRIVE_ALL },
    '/v1/dead-letters/{id}': { get: READ_DEAD, delete: PURGE },
    '/v1/dead-letters/{id}/redrive': { post: REDRIVE },
    '/v1/callback-secret': { get: SECRET },
  },
  schemas: ASYNC_SCHEMAS,
}
