import { MAX_INPUT_BYTES, MAX_SCHEDULES_PER_TENANT } from '../async/schedule.ts'
import { DEFAULT_TIME_ZONE } from '../async/schedule-timing.ts'
import { jsonAnswer, type Refusals } from './answers.ts'
import type { Operation, Parameter, Schema, Subject } from './document.ts'
import { flag, instant, integer, list, name, object, orNull, ref, text } from './schema.ts'
import { v1Operation } from './v1-operation.ts'

const SCHEDULE_NAME: Parameter = {
  name: 'name',
  in: 'path',
  required: true,
  description: 'The schedule.',
  schema: name('A schedule’s name'),
  example: 'nightly',
}

const SETTINGS: Readonly<Record<string, Schema>> = {
  function: name('The function it runs'),
  qualifier: text('A version’s number or an alias, looked up whenever it runs. Default `live`.'),
  cron: text(
    'When it is due, by the clock of `timeZone`: minute, hour, day of the month, month, day of the week; with seconds first where there are six. Each is `*`, a number, a range `a-b`, a list `a,b`, or any of them with a step `/n`; months and days have names, `jan` to `dec` and `sun` to `sat`; 0 and 7 are Sunday. Days of the month and of the week that are both given are alternatives. Or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.',
    { examples: ['0 9 * * mon-fri', '*/15 * * * *', '@daily'] },
  ),
  timeZone: text(
    'An IANA time zone. A time that is skipped when its clocks go forward comes as much later; one that is there twice when they go back comes the first time. Where the hour is `*`, it goes by time that passes instead: every half hour stays every half hour.',
    { default: DEFAULT_TIME_ZONE },
  ),
  every: text('In the place of `cron`: how often, from 1s to 366d. Counted from when it was set or last enabled, whatever the clocks do.', {
    pattern: '^[1-9]\\d{0,7}[smhd]$',
    examples: ['30s', '5m', '1h'],
  }),
  enabled: flag('`false`: it is kept, and comes due no more.', { default: true }),
  input: { description: `What the function finds in \`event.input\`: any JSON, up to ${MAX_INPUT_BYTES} bytes. Default null.` },
}

const NEW_SCHEDULE: Schema = {
  ...object({ name: name('Its name'), ...SETTINGS }, ['qualifier', 'cron', 'timeZone', 'every', 'enabled', 'input']),
  additionalProperties: false,
}
const CHANGE: Schema = {
  ...object(Object.fromEntries(Object.entries(SETTINGS).map(([field, schema]) => [field, orNull(schema)])), Object.keys(SETTINGS)),
  additionalProperties: false,
}

const EXAMPLE = {
  name: 'nightly',
  function: 'sweep',
  qualifier: null,
  cron: '0 3 * * *',
  timeZone: 'Europe/Berlin',
  every: null,
  enabled: true,
  input: { days: 7 },
  nextRuns: ['2026-02-01T02:00:00.000Z', '2026-02-02T02:00:00.000Z', '2026-02-03T02:00:00.000Z'],
  lastRun: null,
  skipped: 0,
  lastSkip: null,
  createdAt: '2026-01-31T12:00:00.000Z',
  updatedAt: '2026-01-31T12:00:00.000Z',
}
const HAS_RUN = {
  ...EXAMPLE,
  lastRun: {
    id: '019ab4c2-7d10-7c3e-9d2b-6a1f0e4c8b57',
    scheduledTime: '2026-01-31T02:00:00.000Z',
    at: '2026-01-31T02:00:00.012Z',
    status: 'succeeded',
  },
}

const BODY_REFUSALS = { 400: ['field_invalid', 'field_unknown', 'json_invalid'], 413: ['body_too_large'], 415: ['encoding_unsupported'] } as const
const ONE: Refusals = { 404: ['schedule_not_found'] }

const CREATE: Operation = v1Operation({
  operationId: 'createSchedule',
  summary: 'Make a schedule',
  description: `The answer tells the next three times it is due, so that you see whether you wrote what you meant. A tenant may have ${MAX_SCHEDULES_PER_TENANT}.`,
  scope: 'deploy',
  requestBody: {
    description: 'With either `cron` or `every`.',
    required: true,
    content: {
      'application/json': {
        schema: NEW_SCHEDULE,
        example: { name: 'nightly', function: 'sweep', cron: '0 3 * * *', timeZone: 'Europe/Berlin', input: { days: 7 } },
      },
    },
  },
  answers: { 201: jsonAnswer('It is there, and on disk.', ref('Schedule'), EXAMPLE) },
  refusals: { ...BODY_REFUSALS, 404: ['function_not_found'], 409: ['schedule_exists', 'schedules_full'] },
  curl: `curl "$URL/v1/schedules" \\\n  -H "Authorization: Bearer $KEY" \\\n  -d '{"name": "nightly", "function": "sweep", "cron": "0 3 * * *", "timeZone": "Europe/Berlin"}'`,
})

const LIST: Operation = v1Operation({
  operationId: 'listSchedules',
  summary: 'List the schedules',
  scope: 'read',
  answers: { 200: jsonAnswer('By name.', object({ schedules: list(ref('Schedule'), 'By name.') }), { schedules: [EXAMPLE] }) },
  curl: 'curl "$URL/v1/schedules" \\\n  -H "Authorization: Bearer $KEY"',
})

const READ: Operation = v1Operation({
  operationId: 'readSchedule',
  summary: 'Read a schedule',
  description: 'With the status of its last run, as long as that is known.',
  scope: 'read',
  parameters: [SCHEDULE_NAME],
  answers: { 200: jsonAnswer('As it is now.', ref('Schedule'), HAS_RUN) },
  refusals: ONE,
  curl: 'curl "$URL/v1/schedules/nightly" \\\n  -H "Authorization: Bearer $KEY"',
})

const UPDATE: Operation = v1Operation({
  operationId: 'changeSchedule',
  summary: 'Change a schedule',
  description:
    'Changes the fields that are named; `null` takes one back to its default, and `cron` and `every` take each other’s place. With another timing, and when it is enabled again, its due times count from now: what was due before is not made up for. A run that goes on is not touched.',
  scope: 'deploy',
  parameters: [SCHEDULE_NAME],
  requestBody: {
    description: 'Some of its fields.',
    required: true,
    content: { 'application/json': { schema: CHANGE, example: { enabled: false } } },
  },
  answers: { 200: jsonAnswer('As it is now.', ref('Schedule'), { ...EXAMPLE, enabled: false, nextRuns: [] }) },
  refusals: { ...BODY_REFUSALS, 404: ['schedule_not_found', 'function_not_found'] },
  curl: `curl -X PATCH "$URL/v1/schedules/nightly" \\\n  -H "Authorization: Bearer $KEY" \\\n  -d '{"enabled": false}'`,
})

const REMOVE: Operation = v1Operation({
  operationId: 'removeSchedule',
  summary: 'Remove a schedule',
  description: 'A run that goes on is not touched.',
  scope: 'deploy',
  parameters: [SCHEDULE_NAME],
  answers: { 204: { description: 'It is gone, and comes due no more.' } },
  refusals: ONE,
  curl: 'curl -X DELETE "$URL/v1/schedules/nightly" \\\n  -H "Authorization: Bearer $KEY"',
})

const RUN: Operation = v1Operation({
  operationId: 'runSchedule',
  summary: 'Run a schedule now',
  description: 'As if it were due, whether it is enabled or not; its due times stay as they are. Not while its last run is not over.',
  scope: 'invoke',
  parameters: [SCHEDULE_NAME],
  answers: {
    202: {
      ...jsonAnswer('Its event is on disk.', object({ id: text('Of the invocation.') }), { id: '019ab4c2-7d10-7c3e-9d2b-6a1f0e4c8b57' }),
      headers: { Location: { description: '`/v1/invocations/{id}`: where its state and result are.', schema: text('A path.') } },
    },
  },
  refusals: { ...ONE, 409: ['schedule_running'], 503: ['events_full'] },
  curl: 'curl -X POST "$URL/v1/schedules/nightly/run" \\\n  -H "Authorization: Bearer $KEY"',
})

export const SCHEDULES: Subject = {
  name: 'Schedules',
  description:
    'Run a function at set times: its `scheduled(event, env, ctx)`, or an event handler, gets `{type: "scheduled", schedule, cron or every, scheduledTime, input}`. A run is an asynchronous invocation with the function’s retries and `maxConcurrency`; what is returned is kept where it is JSON. One run at a time: what comes due while the last run is not over (its retries included) is skipped, and counted. What came due while the platform was down runs once, late.',
  paths: {
    '/v1/schedules': { post: CREATE, get: LIST },
    '/v1/schedules/{name}': { get: READ, patch: UPDATE, delete: REMOVE },
    '/v1/schedules/{name}/run': { post: RUN },
  },
  schemas: {
    Schedule: object({
      name: name('Its name'),
      ...Object.fromEntries(
        Object.entries(SETTINGS).map(([field, schema]) => [
          field,
          ['qualifier', 'cron', 'timeZone', 'every'].includes(field) ? orNull(schema) : schema,
        ]),
      ),
      nextRuns: list(instant('A due time.'), 'The next three; empty while it is not enabled.'),
      lastRun: orNull(
        object(
          {
            id: text('Of the invocation: `GET /v1/invocations/{id}` tells more.'),
            scheduledTime: instant('When it was due.'),
            at: instant('When it was handed over to run.'),
            status: text('What has become of it. Only where one schedule is read, and as long as it is known.', {
              enum: ['queued', 'running', 'succeeded', 'failed', 'dead', 'cancelled'],
            }),
          },
          ['status'],
        ),
      ),
      skipped: integer('Due times that it let pass.'),
      lastSkip: orNull(
        object({
          scheduledTime: instant('The last of them.'),
          reason: text('`running`: its last run was not over. `queue_full`: too many events of the tenant waited, for a quarter of an hour.', {
            enum: ['running', 'queue_full'],
          }),
        }),
      ),
      createdAt: instant('When it was made.'),
      updatedAt: instant('When it was last changed.'),
    }),
  },
}
