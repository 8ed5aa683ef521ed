import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { runVerb, type Verb } from '../../runtime/lane/scripts.ts'

/** Where the scripts read the time, and where they let Redis number an entry by its own. */
const CLOCK = "local clock = call('TIME')"
const NUMBER = /(call\('XADD'.*)'\*'/g

export interface ClockedScript {
  readonly lua: string
  readonly sha1: string
}

const clocked = new Map<Verb, ClockedScript>()

/** A verb's own script, but for the clock, which its caller says (`clockKeys`, after the prefix). */
export async function clockedScript(verb: Verb): Promise<ClockedScript> {
  let script = clocked.get(verb)
  if (script === undefined) {
    let source = ''
    const listener = {
      evalsha: async () => {
        throw new Error('NOSCRIPT')
      },
      eval: async (lua: string) => {
        source = lua
      },
    }
    await runVerb(listener as unknown as Redis, '', verb, [])
    if (!source.includes(CLOCK)) throw new Error(`scripts/lane.lua has no \`${CLOCK}\``)
    const lua = source.replace(CLOCK, 'local clock = { KEYS[2], KEYS[3] }').replace(NUMBER, "$1now_text .. '-*'")
    script = { lua, sha1: createHash('sha1').update(lua).digest('hex') }
    clocked.set(verb, script)
  }
  return script
}

/** Seconds and microseconds, as Redis tells the time. */
export function clockKeys(nowMs: number): [string, string] {
  return [String(Math.floor(nowMs / 1_000)), String((nowMs % 1_000) * 1_000)]
}

/** Runs a verb at a moment of the caller's choice. A lane's clock must not go back. */
export async function runVerbAt(redis: Redis, nowMs: number, prefix: string, verb: Verb, args: (string | number | Buffer)[]): Promise<unknown> {
  const { lua, sha1 } = await clockedScript(verb)
  const words = [3, prefix, ...clockKeys(nowMs), ...args] as const
  return await redis.evalsha(sha1, ...words).catch((error: Error) => {
    if (!error.message.startsWith('NOSCRIPT')) throw error
    return redis.eval(lua, ...words)
  })
}
