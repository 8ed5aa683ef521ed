import { TRIGGERS } from '../../runtime/contract/invocation.ts'
import { OUTCOME_KINDS } from '../billing/parse-usage-record.ts'
import { GROUPINGS, MAX_RECORD_LIMIT, RECORD_FORMATS } from '../billing/usage-query.ts'
import { headerRef, jsonAnswer } from './answers.ts'
import type { Operation, Parameter, Subject } from './document.ts'
import { ISOLANE_CURSOR } from './headers.ts'
import { epochMs, instant, integer, list, name, number, object, ref, text } from './schema.ts'
import { v1Operation } from './v1-operation.ts'

const INSTANT = text('A date, a time, or milliseconds since 1970.')
const INSTANT_WORDS = '`2026-01-31`, `2026-01-31T12:00:00Z` (no zone: UTC) or milliseconds since 1970.'

const SPAN: readonly Parameter[] = [
  { name: 'from', in: 'query', description: `From this instant on: ${INSTANT_WORDS} Default: 30 days ago.`, schema: INSTANT, example: '2026-01-01' },
  { name: 'to', in: 'query', description: 'Up to, but without, this instant. Default: now.', schema: INSTANT, example: '2026-02-01' },
]

const TOTALS: Operation = v1Operation({
  operationId: 'readUsage',
  summary: 'Add up usage and cost',
  description: 'Of your own tenant, and of it what your key is confined to. Calls count when they were accepted; the call you just made is in it.',
  scope: 'usage',
  parameters: [
    ...SPAN,
    { name: 'groupBy', in: 'query', description: 'One sum for each.', schema: text('A grouping.', { enum: GROUPINGS, default: 'function' }) },
  ],
  answers: {
    200: jsonAnswer('The total and its groups.', ref('UsageTotals'), {
      from: '2026-01-01T00:00:00.000Z',
      to: '2026-02-01T00:00:00.000Z',
      groupBy: 'function',
      total: { requests: 1200, gbSeconds: 0.0375, cpuMs: 1440, cost: '240625200', costUsd: '0.0002406252' },
      groups: [{ function: 'hello', requests: 1200, gbSeconds: 0.0375, cpuMs: 1440, cost: '240625200', costUsd: '0.0002406252' }],
    }),
  },
  refusals: { 400: ['bad_query'], 503: ['ledger_unavailable'] },
  curl: 'curl "$URL/v1/usage?groupBy=day" \\\n  -H "Authorization: Bearer $KEY"',
})

const RECORD_EXAMPLE =
  '{"id":"019ab4c2-7d10-7c3e-9d2b-6a1f0e4c8b57","attempt":1,"tenant":"default","function":"hello","version":3,"trigger":"http","acceptedAt":1767225600000,"startedAt":1767225600001,"queueMs":0.4,"initMs":0,"runMs":3.1,"stallMs":0,"cpuMs":1.2,"billedMs":4,"memoryMb":128,"concurrency":16,"heapMb":1.9,"requestBytes":0,"responseBytes":11,"egressBytes":0,"subrequests":0,"start":"warm","outcome":"returned","worker":"w-1","cost":"200521","priceBook":"lambda-x86"}\n'

const RECORDS: Operation = v1Operation({
  operationId: 'listUsageRecords',
  summary: 'List usage records',
  description: 'One for every accepted call and attempt: what a bill is made of. Oldest first.',
  scope: 'usage',
  parameters: [
    SPAN[0] as Parameter,
    SPAN[1] as Parameter,
    { name: 'function', in: 'query', description: 'Only of this function.', schema: name('A function’s name') },
    { name: 'version', in: 'query', description: 'Only of this version.', schema: integer('A version number.', { minimum: 1 }) },
    { name: 'outcome', in: 'query', description: 'Only calls that ended so.', schema: text('An outcome.', { enum: OUTCOME_KINDS }) },
    {
      name: 'id',
      in: 'query',
      description: 'Only this call: the `Isolane-Invocation-Id` of its answer. `from` is the beginning of time then.',
      schema: text('A UUID.', { format: 'uuid' }),
    },
    {
      name: 'limit',
      in: 'query',
      description: 'At most so many.',
      schema: integer('A number of records.', { minimum: 1, maximum: MAX_RECORD_LIMIT, default: 10_000 }),
    },
    { name: 'cursor', in: 'query', description: `The \`${ISOLANE_CURSOR}\` of the page before.`, schema: text('Opaque.') },
    { name: 'format', in: 'query', description: 'NDJSON or CSV.', schema: text('A format.', { enum: RECORD_FORMATS, default: 'ndjson' }) },
  ],
  answers: {
    200: {
      description: `One record a line. \`${ISOLANE_CURSOR}\` is there when there are more.`,
      headers: { [ISOLANE_CURSOR]: headerRef(ISOLANE_CURSOR) },
      content: {
        'application/x-ndjson': { schema: ref('UsageRecord'), example: RECORD_EXAMPLE },
        'text/csv': { schema: text('A line of names, then the same fields in the same order.') },
      },
    },
  },
  refusals: { 400: ['bad_query'], 503: ['ledger_unavailable'] },
  curl: 'curl "$URL/v1/usage/records?format=csv" \\\n  -H "Authorization: Bearer $KEY"',
})

const COST = {
  cost: text('Pico-dollars (10⁻¹² US dollars), exact: a decimal integer, as text since it may be larger than a JSON number holds.', {
    pattern: '^[0-9]+$',
  }),
}

const SUMS = {
  requests: integer('Calls.'),
  gbSeconds: number('Memory × time.'),
  cpuMs: number('CPU.'),
  ...COST,
  costUsd: text('The same in US dollars.'),
}

const GROUP_KEYS = {
  function: name('By `function` and `version`'),
  version: integer('By `version`.'),
  day: text('By `day`.', { format: 'date' }),
  hour: instant('By `hour`.'),
  trigger: text('By `trigger`.', { enum: TRIGGERS }),
  outcome: text('By `outcome`.', { enum: OUTCOME_KINDS }),
}

export const USAGE: Subject = {
  name: 'Usage',
  description: 'What your functions used, and what it cost, to the pico-dollar.',
  paths: { '/v1/usage': { get: TOTALS }, '/v1/usage/records': { get: RECORDS } },
  schemas: {
    UsageTotals: object({
      from: instant('The span asked for.'),
      to: instant('Its end.'),
      groupBy: text('As asked for.', { enum: GROUPINGS }),
      total: object(SUMS),
      groups: list(object({ ...GROUP_KEYS, ...SUMS }, Object.keys(GROUP_KEYS)), 'In order; each has the members it is grouped by.'),
    }),
    UsageRecord: object(
      {
        id: text('The call.', { format: 'uuid' }),
        attempt: integer('1 for the first try.'),
        tenant: name('Whose function it was'),
        function: name('Its name'),
        version: integer('The version that was to run.'),
        trigger: text('What caused it.', { enum: TRIGGERS }),
        acceptedAt: epochMs('When it was accepted.'),
        startedAt: epochMs('When a worker got it; 0 if none did.'),
        queueMs: number('From acceptance to hand-over.'),
        initMs: number('Making the sandbox and running the module’s top level; 0 when warm.'),
        runMs: number('From the handler’s first slice to its result, its own waits included.'),
        stallMs: number('Ready, but waiting for the thread: not billed.'),
        cpuMs: number('CPU.'),
        billedMs: integer('`runMs` rounded up; 0 where the platform is to blame.'),
        memoryMb: integer('Memory of the sandbox.'),
        concurrency: integer('Calls that share it: the bill is for one part.'),
        heapMb: number('Heap in use at the end.'),
        requestBytes: integer('Size of the request’s body.'),
        responseBytes: integer('Size of the answer’s body.'),
        egressBytes: integer('Bytes sent by the function itself.'),
        subrequests: integer('Requests it made.'),
        start: text('Whether a sandbox was made for it.', { enum: ['cold', 'warm', 'none'] }),
        outcome: text('How it ended.', { enum: OUTCOME_KINDS }),
        limit: text('Which limit it ran into.', { enum: ['cpu', 'wall', 'memory', 'output'] }),
        worker: text('Which worker ran it; empty if none did.'),
        ...COST,
        priceBook: text('The prices it was billed by.'),
      },
      ['limit'],
    ),
  },
}
