import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { parseUsageRecord } from '../../platform/billing/parse-usage-record.ts'
import { startRedis } from '../redis-server.ts'
import { HELLO, keyOf, LaneDriver, PREFIX, VERSION } from './lane-driver.ts'
import { laneOfItsOwn } from './lane-of-its-own.ts'

let lane: LaneDriver

laneOfItsOwn((opened) => {
  lane = opened
})

/** Everything the lane holds, but for the moment of its last verb. */
async function everything(): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {}
  for (const key of (await lane.redis.keys('*')).sort()) {
    const type = await lane.redis.type(key)
    if (type === 'hash') all[key] = await lane.redis.hgetall(key)
    else if (type === 'zset') all[key] = await lane.redis.zrange(key, '0', '-1', 'WITHSCORES')
    else if (type === 'list') all[key] = await lane.redis.lrange(key, 0, -1)
    else if (type === 'stream') all[key] = await lane.redis.xrange(key, '-', '+')
    else all[key] = await lane.redis.get(key)
  }
  const sum = Object.entries(all[`${PREFIX}sum`] as Record<string, string>).filter(([name]) => name !== 'at' && !name.endsWith('Ms'))
  return { ...all, [`${PREFIX}sum`]: Object.fromEntries(sum) }
}

describe('said twice', () => {
  test('a submission that runs or waits changes nothing', async () => {
    await lane.join('w', 64)
    expect(await lane.submit({ n: 1 }, { n: 2 })).toEqual(['placed', 'queued'])
    const before = await everything()
    expect(await lane.submit({ n: 1 }, { n: 2 })).toEqual(['here', 'here'])
    expect(await everything()).toEqual(before)
  })

  test('within one batch it is one submission', async () => {
    await lane.join('w')
    expect(await lane.submit({ n: 1 }, { n: 1 })).toEqual(['placed', 'here'])
    expect(await lane.leases('w')).toEqual([keyOf(1)])
  })

  test('a submission answered while its sender was cut off is not run a second time', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    await lane.settle('w', [keyOf(1)])
    expect(await lane.submitAgain({ n: 1 })).toEqual(['here'])
    expect(await lane.leases('w')).toEqual([])
    expect(await lane.records()).toHaveLength(1)
  })

  test('another attempt of the same invocation is another submission', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    await lane.settle('w', [keyOf(1)])
    expect(await lane.submitAgain({ n: 1, attempt: 2 })).toEqual(['placed'])
  })

  test('a settle changes nothing', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 }, { n: 2 })
    expect(await lane.settle('w', [keyOf(1)])).toEqual([1])
    const before = await everything()
    expect(await lane.settle('w', [keyOf(1)])).toEqual([0])
    expect(await everything()).toEqual(before)
  })

  test('a cancel of what waits changes nothing, nor one of what has settled', async () => {
    await lane.join('w', 64)
    await lane.submit({ n: 1 }, { n: 2 })
    expect(await lane.cancel(keyOf(2), keyOf(2))).toEqual(['removed', 'not here'])
    await lane.settle('w', [keyOf(1)])
    const before = await everything()
    expect(await lane.cancel(keyOf(1), keyOf(2), keyOf(3))).toEqual(['not here', 'not here', 'not here'])
    expect(await everything()).toEqual(before)
  })

  test('a settle within one batch counts once', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    expect(await lane.settle('w', [keyOf(1), keyOf(1)])).toEqual([1, 0])
    expect(await lane.records()).toHaveLength(1)
    expect(await lane.free('w')).toMatchObject({ freeMb: 1_024, freeCpuMilli: 1_000, running: 0 })
  })
})

describe('a worker settles only what it holds', () => {
  test('not what another holds', async () => {
    await lane.join('a')
    await lane.submit({ n: 1 })
    await lane.join('b')
    expect(await lane.settle('b', [keyOf(1)])).toEqual([0])
    expect(await lane.leases('a')).toEqual([keyOf(1)])
  })

  test('and from an old epoch hears `gone`, as do its beats and its leaving', async () => {
    const old = await lane.join('w')
    await lane.submit({ n: 1 })
    await lane.join('w')
    const before = await everything()
    expect(await lane.settle('w', [keyOf(1)], { epoch: old })).toBe('gone')
    expect(await lane.beat('w', { epoch: old })).toBe('gone')
    expect(await lane.leave('w', old)).toBe('gone')
    expect(await everything()).toEqual(before)
  })
})

describe('a worker that ends', () => {
  for (const [how, end, reason] of [
    ['leaves', () => lane.leave('w'), 'the worker left before it answered'],
    ['joins anew', () => lane.join('w'), 'the worker that ran it started anew'],
    ['dies', () => dieAndReap('w'), 'the worker that ran it died'],
  ] as const) {
    test(`${how}: what it held is answered \`lost\`, with a record each that bills nothing`, async () => {
      await lane.join('w')
      await lane.submit({ n: 1 }, { n: 2, fn: 'acme/other' })
      await lane.read('w')
      await end()
      const lost = { kind: 'lost', reason, started: 'maybe' }
      expect((await lane.replies()).sort()).toEqual([
        [keyOf(1), lost],
        [keyOf(2), lost],
      ])
      const records = await lane.records()
      expect(records).toHaveLength(2)
      for (const record of records) expect(parseUsageRecord(record)).toMatchObject({ outcome: 'lost', billedMs: 0, worker: 'w', start: 'none' })
    })

    test(`${how}: function slots and sums come back, and what waited for a slot starts elsewhere`, async () => {
      await lane.configure(HELLO, 2, 1)
      await lane.join('w')
      await lane.submit({ n: 1 }, { n: 2 })
      await lane.read('w')
      await lane.join('next')
      await end()
      const [{ running, sync }, next] = [await lane.fn(HELLO), await lane.leases('next')]
      const w = await lane.leases('w')
      expect([...w, ...next]).toEqual([keyOf(2)])
      expect([running, sync.queued]).toEqual([1, 0])
      expect(await lane.sum('inFlight')).toBe(1)
      expect(await lane.sum('inFlightMb')).toBe(64)
      expect(await lane.sum('inFlightCpu')).toBe(250)
      expect(await lane.redis.hgetall(`${PREFIX}inv`)).toEqual({ [keyOf(2)]: w.length > 0 ? 'w' : 'next' })
    })
  }

  test('leaves nothing of itself', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    await lane.read('w')
    expect(await lane.leave('w')).toBe(1)
    expect(await lane.redis.exists(`${PREFIX}cap`, `${PREFIX}info`, `${PREFIX}inbox:w`, `${PREFIX}lease:w`)).toBe(0)
  })

  test('with more than a reap ends at once is ended by the next ones, and heard no more meanwhile', async () => {
    await lane.configure(HELLO, 2, 1_000)
    await lane.teach(VERSION, 0, 100)
    await lane.join('w')
    await lane.submit(...Array.from({ length: 128 }, (_, n) => ({ n, mb: 1 })))
    expect(await lane.sum('inFlight')).toBe(128)
    await lane.read('w')
    await lane.trustReap()
    await lane.silence('w', 2_001)
    expect(await lane.reap()).toMatchObject({ lost: 100 })
    expect(await lane.beat('w')).toBe('gone')
    expect(await lane.reap()).toMatchObject({ lost: 28 })
    expect(await lane.free('w')).toBeUndefined()
    expect(new Set((await lane.records()).map(({ id }) => id)).size).toBe(128)
    expect(await lane.sum('inFlight')).toBe(0)
  })
})

describe('reap', () => {
  test('spares a worker that has not beaten for less than two seconds', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    await lane.trustReap()
    await lane.silence('w', 1_900)
    expect(await lane.reap()).toEqual({ lost: 0, expired: 0, grace: false })
    expect(await lane.free('w')).toBeDefined()
  })

  test('only sets grace when it runs for the first time', async () => {
    await lane.join('w')
    await lane.silence('w', 10_000)
    expect(await lane.reap()).toMatchObject({ lost: 0, grace: true })
    expect(await lane.free('w')).toBeDefined()
  })

  test('only sets grace after a gap of its own', async () => {
    await lane.join('w')
    await lane.trustReap()
    await lane.redis.hincrby(`${PREFIX}reap`, 'at', -1_001)
    await lane.silence('w', 10_000)
    expect(await lane.reap()).toMatchObject({ grace: true })
    expect(await lane.reap()).toMatchObject({ grace: true })
    await lane.redis.hset(`${PREFIX}reap`, 'grace', (await lane.now()) - 1)
    expect(await lane.reap()).toMatchObject({ grace: false })
    expect(await lane.free('w')).toBeUndefined()
  })

  test('only sets grace after a restart of Redis', async () => {
    await lane.join('w')
    await lane.trustReap()
    const dump = await lane.redis.dumpBuffer(`${PREFIX}reap`)
    const cap = await lane.redis.dumpBuffer(`${PREFIX}cap`)
    await using restarted = await startRedis()
    const redis = new Redis(restarted.url)
    const after = new LaneDriver(restarted.url)
    try {
      await redis.restore(`${PREFIX}reap`, 0, dump as Buffer)
      await redis.restore(`${PREFIX}cap`, 0, cap as Buffer)
      await redis.hset(`${PREFIX}reap`, 'at', await after.now())
      await after.silence('w', 10_000)
      expect(await after.reap()).toMatchObject({ grace: true })
      expect(await after.free('w')).toBeDefined()
    } finally {
      redis.disconnect()
      after.close()
    }
  })

  test('pokes the controller again while work waits', async () => {
    await lane.submit({ n: 1 })
    await lane.redis.del(`${PREFIX}poke`)
    await lane.redis.hset(`${PREFIX}sum`, 'poked', 0)
    await lane.reap()
    expect(await lane.redis.xlen(`${PREFIX}poke`)).toBe(1)
  })
})

async function dieAndReap(worker: string): Promise<void> {
  await lane.trustReap()
  await lane.silence(worker, 2_001)
  await lane.reap()
}
