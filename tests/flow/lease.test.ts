import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DecisionLog, MAX_DECISIONS } from '../../platform/autoscaler/decision-log.ts'
import { Lease } from '../../platform/autoscaler/lease.ts'
import { startRedis, type TestRedis } from '../redis-server.ts'

let server: TestRedis
let redis: Redis
beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

const TTL_MS = 300

/** A controller that wants the lease; its reigns as they begin and end. */
function candidate(key: string, owner: string, connection = redis) {
  const stop = new AbortController()
  let waiting = Promise.withResolvers<AbortSignal>()
  const running = new Lease({ redis: connection, key, owner, ttlMs: TTL_MS }).whileHeld(async (lost) => {
    waiting.resolve(lost)
    await new Promise<void>((resolve) => lost.addEventListener('abort', () => resolve(), { once: true }))
    waiting = Promise.withResolvers()
  }, stop.signal)
  return {
    reign: () => waiting.promise,
    stop: async () => {
      stop.abort()
      await running
    },
  }
}

const ended = (reign: AbortSignal) => (reign.aborted ? undefined : new Promise((resolve) => reign.addEventListener('abort', resolve, { once: true })))

describe('the lease', () => {
  test('has one holder, keeps it beyond its time, and passes on at once when released', async () => {
    const first = candidate('passes', 'first')
    const reign = await first.reign()
    const second = candidate('passes', 'second')
    const secondReign = second.reign().then(() => 'second')
    // Longer than the lease lasts unrenewed.
    const quiet = new Promise((resolve) => setTimeout(resolve, 2 * TTL_MS, 'nobody'))
    expect(await Promise.race([secondReign, quiet])).toBe('nobody')
    expect(reign.aborted).toBe(false)
    await first.stop()
    expect(await secondReign).toBe('second')
    await second.stop()
    expect(await redis.exists('passes')).toBe(0)
  })

  test('whose holder vanished is taken over when it runs out', async () => {
    await redis.set('vanished', 'ghost', 'PX', TTL_MS)
    const heir = candidate('vanished', 'heir')
    await heir.reign()
    expect(await redis.get('vanished')).toBe('heir')
    await heir.stop()
  })

  test('that another has taken ends the reign, and is not released from under the new holder', async () => {
    const old = candidate('usurped', 'old')
    const reign = await old.reign()
    await redis.set('usurped', 'usurper', 'PX', 60_000)
    await ended(reign)
    await old.stop()
    expect(await redis.get('usurped')).toBe('usurper')
  })

  test('ends by the holder’s own clock when Redis stops answering', async () => {
    const connection = new Redis(server.url)
    const cut = candidate('cut', 'cut', connection)
    const reign = await cut.reign()
    await redis.client('PAUSE', 2 * TTL_MS, 'ALL')
    const begun = performance.now()
    await ended(reign)
    expect(performance.now() - begun).toBeLessThan(TTL_MS)
    await cut.stop()
    connection.disconnect()
  })
})

describe('the decision log', () => {
  const entry = (target: number) => ({ cause: 'tick' as const, observation: {} as never, decision: { target } as never })

  test('has nothing to show before a controller has spoken', async () => {
    const log = new DecisionLog(redis, '{empty}:')
    expect([await log.last(), await log.recent(10)]).toEqual([undefined, []])
  })

  test('shows the last report and the newest decisions first, and forgets the oldest', async () => {
    const log = new DecisionLog(redis, '{full}:')
    const report = { ...entry(2), controller: 'c1', at: 5, config: {} as never, workers: { ready: 1, starting: 0, draining: 0, ending: 0 } }
    await log.report(report)
    expect(await log.last()).toEqual(report)
    for (let target = 0; target < MAX_DECISIONS + 5; target++) await log.append(entry(target))
    const recent = (await log.recent(1_000)).map((text) => JSON.parse(text).decision.target)
    expect(recent).toHaveLength(MAX_DECISIONS)
    expect(recent.slice(0, 2)).toEqual([MAX_DECISIONS + 4, MAX_DECISIONS + 3])
  })
})
