import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MAIN_LANE } from '../../runtime/contract/lanes.ts'
import { lanePrefix, type Verb } from '../../runtime/lane/scripts.ts'
import { startRedis, type TestRedis } from '../redis-server.ts'
import { type ClockedScript, clockedScript, clockKeys } from './clocked-scripts.ts'
import { type DrawnVerb, drawnVerb } from './model/drawn-verbs.ts'
import { canonical, DUMP_LUA, readDump } from './model/lane-dump.ts'
import { LaneStory } from './model/lane-story.ts'
import type { Call } from './model/story-teller.ts'

/** About a minute on two shared cores. */
const RUNS = 10_000
/** One story in so many is read back after every word; the others when all has been said. */
const READ_CLOSELY = 10
/** One story in so many goes on until everything has ended. */
const TOLD_TO_THE_END = 3
/** Stories told at the same time, each in a database of its own: Redis works on one while the model thinks of another. */
const AT_ONCE = 3
const PREFIX = lanePrefix(MAIN_LANE)
const VERBS = 'submit cancel settle nack reconcile join beat drain leave reap configure tenant known forget wake'.split(' ') as Verb[]

let server: TestRedis
let run: string
const scripts = new Map<Verb, ClockedScript>()
const readers: Redis[] = []

beforeAll(async () => {
  server = await startRedis()
  for (let db = 0; db < AT_ONCE; db++) readers.push(new Redis(server.url, { db }))
  const [redis] = readers as [Redis]
  run = /run_id:(\w+)/.exec(await redis.info('server'))?.[1] ?? ''
  for (const verb of VERBS) {
    const script = await clockedScript(verb)
    scripts.set(verb, script)
    await redis.script('LOAD', script.lua)
  }
})
afterAll(async () => {
  for (const redis of readers) redis.disconnect()
  await server.stop()
})

/** Has Redis say the whole story, and compares every answer with the model's. */
async function tell(redis: Redis, calls: readonly Call[]): Promise<void> {
  const batch = redis.pipeline().flushdb()
  for (const call of calls) {
    if ('dump' in call) batch.eval(DUMP_LUA, 1, PREFIX)
    else if ('command' in call) batch.call(...call.command)
    else batch.evalsha((scripts.get(call.verb) as ClockedScript).sha1, 3, PREFIX, ...clockKeys(call.atMs), ...call.args)
  }
  const answers = ((await batch.exec()) ?? []).slice(1)
  calls.forEach((call, i) => {
    const [error, answer] = answers[i] as [Error | null, unknown]
    const what =
      'dump' in call ? 'what the lane holds' : 'verb' in call ? `${i}: ${call.verb} ${call.args.join(' ')}` : `${i}: ${call.command.join(' ')}`
    if (error !== null) throw new Error(`${what}: ${error.message}`)
    if ('dump' in call) compare(readDump(answer as string), call.dump, what)
    else if (call.expected !== undefined) compare(canonicalAnswer(answer), call.expected, what)
  })
}

function compare(actual: unknown, wanted: unknown, what: string): void {
  if (JSON.stringify(actual) !== JSON.stringify(wanted)) expect(actual, what).toEqual(wanted)
}

function canonicalAnswer(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(canonicalAnswer)
  return typeof answer === 'string' ? canonical(answer) : answer
}

test(`whatever is said to a lane, in whatever order, it does what the model does, and its books are right (${RUNS} stories)`, {
  timeout: 600_000,
}, async () => {
  let told = 0
  const property = (redis: Redis) =>
    fc.asyncProperty(fc.array(drawnVerb, { minLength: 6, maxLength: 18, size: 'max' }), async (verbs: DrawnVerb[]) => {
      told++
      const closely = told % READ_CLOSELY === 0
      const story = new LaneStory(PREFIX, run)
      story.begin()
      try {
        for (const verb of verbs) {
          story.say(verb)
          if (closely) story.look()
        }
        story.look()
        if (told % TOLD_TO_THE_END === 0) {
          story.end()
          story.look()
        }
      } finally {
        await tell(redis, story.calls)
      }
    })
  await Promise.all(readers.map((redis) => fc.assert(property(redis), { numRuns: Math.ceil(RUNS / AT_ONCE) })))
})
