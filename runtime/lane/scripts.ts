import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'

export type Verb = 'submit' | 'cancel' | 'settle' | 'join' | 'beat' | 'drain' | 'leave' | 'reap' | 'configure'

const NEEDS_BURY: readonly Verb[] = ['join', 'leave', 'reap']

function source(name: string): string {
  return readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8')
}

function compose(verb: Verb): { lua: string; sha1: string } {
  const lua = [source('lane'), ...(NEEDS_BURY.includes(verb) ? [source('bury')] : []), source(verb)].join('\n')
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') }
}

const composed = new Map<Verb, { lua: string; sha1: string }>()

/** The default lane. Several lanes differ in nothing but this name. */
export const MAIN_LANE = 'main'

/** All keys of one lane share the hash tag, hence one slot, hence one atomic step. */
export function lanePrefix(lane: string): string {
  return `{${lane}}:`
}

/** Runs one verb: by hash, or by source the first time a server meets it. */
export async function runVerb(redis: Redis, prefix: string, verb: Verb, args: (string | number | Buffer)[]): Promise<unknown> {
  let script = composed.get(verb)
  if (script === undefined) {
    script = compose(verb)
    composed.set(verb, script)
  }
  try {
    return await redis.evalsha(script.sha1, 1, prefix, ...args)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return await redis.eval(script.lua, 1, prefix, ...args)
  }
}
