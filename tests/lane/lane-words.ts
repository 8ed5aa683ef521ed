import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { runVerb, type Verb } from '../../runtime/lane/scripts.ts'

/** Every verb of the lane, and who says it. */
const SAID_BY = {
  submit: 'gateway',
  cancel: 'gateway',
  forget: 'gateway',
  configure: 'gateway',
  tenant: 'gateway',
  known: 'gateway',
  wake: 'anyone',
  join: 'worker',
  settle: 'worker',
  nack: 'worker',
  beat: 'worker',
  reconcile: 'worker',
  leave: 'worker',
  drain: 'controller',
  reap: 'controller',
} as const satisfies Record<Verb, string>
export const VERBS = Object.keys(SAID_BY) as Verb[]
/** Said only after Redis has begun anew. */
export const VERBS_OF_A_NEW_RUN: readonly Verb[] = ['known', 'reconcile']

/** What a command on a lane connection is about: the verb for a script, else the command and, for a read, the stream. */
export type LaneWord = Verb | 'replies' | 'inbox' | (string & {})

const bySha = new Map<string, Verb>()

/** To be awaited once before `laneWord`. */
export async function learnVerbs(): Promise<void> {
  for (const verb of VERBS) {
    const listener = { evalsha: async (sha1: string) => void bySha.set(sha1, verb) }
    await runVerb(listener as unknown as Redis, '{main}:', verb, [])
  }
}

export function laneWord(words: readonly Buffer[]): LaneWord {
  const command = (words[0] as Buffer).toString('latin1').toLowerCase()
  const first = (words[1] ?? '').toString('latin1')
  if (command === 'evalsha') return bySha.get(first) ?? 'another script'
  if (command === 'eval')
    return (
      bySha.get(
        createHash('sha1')
          .update(words[1] as Buffer)
          .digest('hex'),
      ) ?? 'another script'
    )
  if (command !== 'xread' && command !== 'xreadgroup') return command
  const stream = words.at(-2)?.toString('latin1') ?? ''
  return /:(replies|inbox|usage|poke)\b/.exec(stream)?.[1] ?? 'xread'
}
