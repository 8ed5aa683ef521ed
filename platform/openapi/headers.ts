import { OUTCOME_KINDS } from '../billing/parse-usage-record.ts'
import { CURSOR_HEADER } from '../billing/usage-query.ts'
import { headerRef } from './answers.ts'
import type { Header } from './document.ts'
import { integer, text } from './schema.ts'

const OF_INVOCATIONS = {
  'Isolane-Invocation-Id': {
    description: 'Names this call in logs and usage records. A call that is refused before it is accepted has this header alone.',
    schema: text('A UUIDv7.', { format: 'uuid' }),
    example: '019ab4c2-7d10-7c3e-9d2b-6a1f0e4c8b57',
  },
  'Isolane-Outcome': {
    description: 'How the call ended. A trailer where the answer is streamed.',
    schema: text('The outcome.', { enum: OUTCOME_KINDS }),
    example: 'returned',
  },
  'Isolane-Version': {
    description: 'The version that ran. Absent from an answer that is given again.',
    schema: integer('A version number.'),
    example: '3',
  },
  'Isolane-Start': {
    description: '`cold` when a sandbox was made for this call. Absent when none was reached.',
    schema: text('The start.', { enum: ['cold', 'warm'] }),
    example: 'warm',
  },
  'Isolane-Billed-Ms': {
    description: 'Milliseconds on the bill; 0 where the platform is to blame. A trailer where the answer is streamed.',
    schema: integer('Milliseconds.'),
    example: '4',
  },
  'Isolane-Idempotent-Replay': {
    description:
      'This is the answer of an earlier call with the same `Idempotency-Key`, which `Isolane-Invocation-Id` names. Nothing ran and nothing is billed for this one.',
    schema: text('`true`, or absent.', { enum: ['true'] }),
    example: 'true',
  },
  'Server-Timing': {
    description: 'Milliseconds in the queue, loading the module, running, and of CPU. Absent when no worker was reached.',
    schema: text('`queue`, `init`, `run` and `cpu`.'),
    example: 'queue;dur=0.4, init;dur=0, run;dur=3.1, cpu;dur=1.2',
  },
} as const satisfies Record<string, Header>

/** Header names are told as people write them. */
export const ISOLANE_CURSOR = CURSOR_HEADER.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase())

export const HEADERS: Readonly<Record<string, Header>> = {
  ...OF_INVOCATIONS,
  [ISOLANE_CURSOR]: {
    description: 'There are more records: the next page begins after this. Pass it on as `cursor`.',
    schema: text('Opaque.'),
    example: '1767225600000.1.019ab4c2-7d10-7c3e-9d2b-6a1f0e4c8b57',
  },
  'Preference-Applied': { description: 'What of `Prefer` was done.', schema: text('`respond-async`.'), example: 'respond-async' },
  Location: { description: 'Where to look.', schema: text('A path.'), example: '/v1/invocations/019ab4c2-7d10-7c3e-9d2b-6a1f0e4c8b57' },
  'Retry-After': {
    description: 'Seconds to wait before trying again: computed from what waits and how fast it goes, where that is known.',
    schema: integer('Seconds.', { minimum: 1 }),
    example: '1',
  },
}

/** On every answer to an accepted invocation; one that is refused has its id alone. */
export const INVOCATION_HEADERS = Object.fromEntries(Object.keys(OF_INVOCATIONS).map((name) => [name, headerRef(name)]))
