import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'

/** What every verb is made of, in this order; then come the parts a verb needs beside, and the verb itself. */
const COMMON = ['lane', 'fairness', 'answers', 'placing', 'queue'] as const

const PARTS = {
  submit: [],
  cancel: [],
  settle: ['settling'],
  nack: [],
  reconcile: ['settling', 'hearing'],
  join: ['bury', 'hearing'],
  beat: [],
  drain: [],
  leave: ['bury', 'hearing'],
  reap: ['bury', 'hearing', 'pausing'],
  configure: [],
  tenant: ['pausing'],
  known: [],
  forget: [],
  wake: [],
} as const

export type Verb = keyof typeof PARTS

interface Script {
  readonly lua: string
  readonly sha1: string
}

const composed = new Map<string, Script>()

/** Each lane has scripts of its own: that a server knows one must not hide that another lane on it has still to be woken. */
function scriptOf(verb: Verb, prefix: string): Script {
  const name = prefix + verb
  let script = composed.get(name)
  if (script === undefined) {
    const parts = [...COMMON, ...PARTS[verb], verb]
    const lua = [`-- ${prefix}`, ...parts.map((part) => readFileSync(new URL(`./scripts/${part}.lua`, import.meta.url), 'utf8'))].join('\n')
    script = { lua, sha1: createHash('sha1').update(lua).digest('hex') }
    composed.set(name, script)
  }
  return script
}

/** Lanes differ in nothing but this. All keys of one lane share the hash tag, hence one slot, hence one atomic step. */
export function lanePrefix(lane: string): string {
  return `{${lane}}:`
}

/** Runs one verb: by hash, or by source the first time a server meets it; then it may be one that has just begun (scripts/wake.lua). */
export async function runVerb(redis: Redis, prefix: string, verb: Verb, args: (string | number | Buffer)[]): Promise<unknown> {
  const { lua, sha1 } = scriptOf(verb, prefix)
  try {
    return await redis.evalsha(sha1, 1, prefix, ...args)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    if (verb !== 'wake') await redis.eval(scriptOf('wake', prefix).lua, 1, prefix)
    return await redis.eval(lua, 1, prefix, ...args)
  }
}
