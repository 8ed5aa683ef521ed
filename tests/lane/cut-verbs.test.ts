import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { DurableRedis } from '../durable-redis.ts'
import { startRedis, type TestRedis } from '../redis-server.ts'
import { CUTS, type Cut, CuttingProxy } from './cutting-proxy.ts'
import { differences, NO_DIFFERENCES } from './differences.ts'
import { CALLS, CAPACITY_MB, type Day, isCancelled, liveADay } from './lane-day.ts'
import { keyOf, LaneDriver, PREFIX } from './lane-driver.ts'
import { laneWord, learnVerbs, VERBS, VERBS_OF_A_NEW_RUN } from './lane-words.ts'

/** For a worker that could not say that it left: two seconds until it counts as dead, and as many of grace. */
const FORGOTTEN_WITHIN_MS = 8_000
const LATE_MS = 300

let server: TestRedis
beforeAll(async () => {
  server = await startRedis()
  await learnVerbs()
})
afterAll(() => server.stop())

const numbers = Array.from({ length: CALLS }, (_, n) => n)
const kept = numbers.filter((n) => !isCancelled(n)).map((n) => keyOf(n))

/** A day with one cut at `point` of the first command that is this `word`. */
async function dayWithACut(db: number, word: string, point: Cut): Promise<void> {
  await using cleanup = new AsyncDisposableStack()
  const lane = new LaneDriver(`${server.url}?db=${db}`)
  cleanup.defer(() => lane.close())
  await lane.redis.flushdb()
  const proxy = cleanup.use(await CuttingProxy.start({ target: server.url, decide: cutOnce(word, point), lateMs: LATE_MS }))
  const day = await liveADay({ url: `${proxy.url}/${db}`, cleanup })
  await expectADayLikeAnyOther(lane, day, proxy, point)
}

/** The same, with a Redis that is killed in the midst of it and begins anew. */
async function dayWithANewRun(word: string, point: Cut): Promise<void> {
  await using cleanup = new AsyncDisposableStack()
  const redis = cleanup.use(await DurableRedis.start('store'))
  const lane = new LaneDriver(redis.url)
  lane.redis.on('error', () => {})
  cleanup.defer(() => lane.close())
  const proxy = cleanup.use(await CuttingProxy.start({ target: redis.url, decide: cutOnce(word, point), lateMs: LATE_MS }))
  const event = async (): Promise<void> => {
    await redis.kill()
    await redis.startAgain()
  }
  // So long that some calls are waited for a second later, when gateways ask what the lane still knows.
  const day = await liveADay({ url: proxy.url, cleanup, event, longestMs: 1_600, nacks: false })
  await expectADayLikeAnyOther(lane, day, proxy, point)
}

function cutOnce(word: string, point: Cut): (words: readonly Buffer[]) => Cut | undefined {
  let isDone = false
  return (words) => {
    if (isDone || laneWord(words) !== word) return undefined
    isDone = true
    return point
  }
}

async function expectADayLikeAnyOther(lane: LaneDriver, day: Day, proxy: CuttingProxy, point: Cut): Promise<void> {
  const { replies, workers } = day
  await vi.waitFor(() => expect(proxy.cuts).toBe(1), 2_000)
  // Whatever is on its way late has arrived.
  if (point === 'late') await pause(LATE_MS + 50)
  const endings = replies.map((reply, n) => `${n}: ${reply.kind === 'verdict' ? JSON.stringify(reply.outcome) : reply.kind}`)
  expect(endings.filter((ending, n) => ending !== `${n}: answered` && !(isCancelled(n) && ending === `${n}: {"kind":"cancelled"}`))).toEqual([])
  const ran = workers.flatMap(({ claims }) => [...claims]).flatMap(([key, times]) => Array.from({ length: times }, () => key))
  expect(differences(ran, ran).twice, 'ran twice').toEqual([])
  expect(differences(kept, ran).missing, 'never ran').toEqual([])
  await vi.waitFor(async () => expect(await lane.redis.hkeys(`${PREFIX}cap`)).toEqual(['w1']), { timeout: FORGOTTEN_WITHIN_MS, interval: 50 })
  // A settlement may be on record again, word for word, in case a Redis that began anew had forgotten it.
  const records = new Map((await lane.records()).map((record) => [JSON.stringify(record), `${record.id}/${record.attempt}`]))
  const onRecord = differences(
    kept,
    [...records.values()].filter((key) => kept.includes(key)),
  )
  expect(onRecord, 'on record').toEqual(NO_DIFFERENCES)
  // A call that was given up may run on until its worker hears of it.
  await vi.waitFor(async () => {
    expect(await lane.free('w1')).toMatchObject({ freeMb: CAPACITY_MB, freeCpuMilli: 1_000, running: 0 })
    expect([await lane.sum('queued'), await lane.sum('inFlight')]).toEqual([0, 0])
    expect(await lane.redis.exists(...['inv', 'job', 'due', 'lease:w1', 'lease:w2'].map((name) => PREFIX + name))).toBe(0)
  }, 2_000)
}

async function atEveryPoint(live: (point: Cut) => Promise<void>): Promise<void> {
  for (const point of CUTS) {
    try {
      await live(point)
    } catch (error) {
      throw new Error(`cut ${point}: ${(error as Error).message}`, { cause: error })
    }
  }
}

describe.concurrent('one cut at any point of a command, and nothing runs twice, hangs, or is lost:', () => {
  const everyDay = [...VERBS.filter((verb) => !VERBS_OF_A_NEW_RUN.includes(verb)), 'replies', 'inbox']
  for (const [db, word] of everyDay.entries()) test(word, () => atEveryPoint((point) => dayWithACut(db, word, point)))
  for (const word of VERBS_OF_A_NEW_RUN)
    for (const point of CUTS) test(`${word}, after Redis was killed, ${point}`, () => dayWithANewRun(word, point))
})
