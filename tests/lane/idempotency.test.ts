import { describe, expect, test } from 'vitest'
import { idOf } from '../unit/billing/usage-fixture.ts'
import { HELLO, type Item, keyOf, type LaneDriver, PREFIX } from './lane-driver.ts'
import { laneOfItsOwn } from './lane-of-its-own.ts'

let lane: LaneDriver

laneOfItsOwn((opened) => {
  lane = opened
})

const KEY = { idem: 'k', print: 'p' }
const DAY_MS = 86_400_000

/** From another gateway, which listens. */
async function elsewhere(item: Item, again = ''): Promise<unknown> {
  const { gateway } = lane
  if ((await lane.redis.exists(`${PREFIX}replies:h`)) === 0) await lane.redis.xadd(`${PREFIX}replies:h`, '0-1', 'opened', 'h')
  lane.gateway = { ...gateway, id: 'h', lastReply: '' }
  try {
    return await lane.submitInFull([item], again)
  } finally {
    lane.gateway = gateway
  }
}

describe('while one with the same key is under way', () => {
  test('others join it, from wherever they come, and get its answer', async () => {
    await lane.join('w')
    expect(await lane.submit({ n: 1, ...KEY })).toEqual(['placed'])
    expect(await lane.submit({ n: 2, ...KEY }, { n: 3, ...KEY })).toEqual(['joined', 'joined'])
    expect(await elsewhere({ n: 4, ...KEY })).toEqual([['joined']])
    expect(await lane.leases('w')).toEqual([keyOf(1)])

    await lane.settle('w', [keyOf(1)], { frame: 'the answer' })
    expect(await lane.replies()).toEqual([[keyOf(1), undefined]])
    expect(await lane.replays()).toEqual([
      [keyOf(2), 'f', idOf(1), 'the answer'],
      [keyOf(3), 'f', idOf(1), 'the answer'],
    ])
    expect(await lane.replays('h')).toEqual([[keyOf(4), 'f', idOf(1), 'the answer']])
    expect(await lane.records()).toHaveLength(1)
  })

  test('said twice is joined once', async () => {
    await lane.join('w')
    await lane.submit({ n: 1, ...KEY })
    await lane.submit({ n: 2, ...KEY })
    expect(await lane.submitAgain({ n: 2, ...KEY }, { n: 1, ...KEY })).toEqual(['joined', 'joined'])
    await lane.settle('w', [keyOf(1)])
    expect(await lane.replays()).toHaveLength(1)
    expect(await lane.replies()).toHaveLength(1)
  })

  test('64 wait for it; who comes after them is told to come again, and those who wait may say it twice', async () => {
    await lane.join('w')
    await lane.submit({ n: 1, ...KEY })
    const others = Array.from({ length: 64 }, (_, i) => ({ n: 10 + i, ...KEY }))
    expect(new Set(await lane.submit(...others))).toEqual(new Set(['joined']))
    expect(await lane.submitInFull([{ n: 99, ...KEY }])).toEqual([['full', 'function', '1000']])
    expect(await lane.submitAgain({ n: 10, ...KEY }, { n: 1, ...KEY })).toEqual(['joined', 'joined'])
    await lane.settle('w', [keyOf(1)])
    expect(await lane.replays()).toHaveLength(64)
    expect(await lane.submit({ n: 99, ...KEY })).toEqual(['replayed'])
  })

  test('it is remembered for as long as it may run, and a minute', async () => {
    await lane.submit({ n: 1, deadlineMs: 5_000, ...KEY })
    const ttl = await lane.redis.pttl(`${PREFIX}idem:${HELLO}:k`)
    expect(ttl).toBeGreaterThan(60_000)
    expect(ttl).toBeLessThanOrEqual(65_000)
  })

  test('also while it waits, and within one batch', async () => {
    expect(await lane.submit({ n: 1, ...KEY }, { n: 2, ...KEY })).toEqual(['queued', 'joined'])
    expect(await lane.sum('arrivals')).toBe(1)
  })

  test('one that outlives its own entry leaves the next one alone', async () => {
    await lane.join('w')
    await lane.submit({ n: 1, ...KEY })
    // As Redis does, a minute after it should have ended.
    await lane.redis.del(`${PREFIX}idem:${HELLO}:k`)
    await lane.submit({ n: 2, ...KEY })
    await lane.settle('w', [keyOf(1)])
    expect(await lane.submit({ n: 3, ...KEY })).toEqual(['joined'])
  })

  test('those who joined hear the verdict on it too', async () => {
    await lane.submit({ n: 1, ...KEY }, { n: 2, ...KEY })
    await lane.cancel(keyOf(1))
    expect(await lane.replays()).toEqual([[keyOf(2), 'v', idOf(1), '{"kind":"cancelled"}']])
  })
})

describe('afterwards', () => {
  async function answered(): Promise<void> {
    await lane.pass(0)
    await lane.join('w')
    await lane.submit({ n: 1, ...KEY })
    await lane.settle('w', [keyOf(1)], { frame: 'the answer' })
  }

  test('the answer is given again, and nothing runs', async () => {
    await answered()
    expect(await lane.submit({ n: 2, ...KEY })).toEqual(['replayed'])
    expect(await lane.replays()).toEqual([[keyOf(2), 'f', idOf(1), 'the answer']])
    expect(await lane.leases('w')).toEqual([])
    expect(await lane.sum('arrivals')).toBe(1)
  })

  test('for 24 hours', async () => {
    await answered()
    const entry = `${PREFIX}idem:${HELLO}:k`
    const ttl = await lane.redis.pttl(entry)
    expect(ttl).toBeGreaterThan(DAY_MS - 60_000)
    expect(ttl).toBeLessThanOrEqual(DAY_MS)
    expect(await lane.redis.pttl(`${PREFIX}kept:acme`)).toBeGreaterThan(DAY_MS)
  })

  test('the key with another request is refused', async () => {
    await answered()
    expect(await lane.submit({ n: 2, ...KEY, print: 'other' })).toEqual(['key reused'])
  })

  test('so it is while the first is under way', async () => {
    expect(await lane.submit({ n: 1, ...KEY }, { n: 2, ...KEY, print: 'other' })).toEqual(['queued', 'key reused'])
  })

  test('the same key of another function is another key', async () => {
    await answered()
    expect(await lane.submit({ n: 2, fn: 'acme/other', ...KEY, print: 'other' })).toEqual(['placed'])
  })

  test('an answer that went over a data connection was not kept: whose it was is said', async () => {
    await lane.join('w')
    await lane.submit({ n: 1, ...KEY }, { n: 2, ...KEY })
    await lane.settle('w', [keyOf(1)], { beside: true })
    expect(await lane.replays()).toEqual([[keyOf(2), 'l', idOf(1), '']])
    expect(await lane.submitInFull([{ n: 3, ...KEY }])).toEqual([['answer not kept', idOf(1)]])
  })
})

describe('a key is free again when its work never ran', () => {
  const cases: [string, () => Promise<unknown>][] = [
    ['cancelled in the queue', () => lane.cancel(keyOf(1))],
    ['expired in the queue', () => lane.pass(3_000).then(() => lane.reap())],
    ['switched off while it waited', () => lane.configure(HELLO, 2, 0).then(() => lane.configure(HELLO, 3, 100))],
  ]
  for (const [how, end] of cases) {
    test(how, async () => {
      await lane.trustReap()
      expect(await lane.submit({ n: 1, maxWaitMs: 3_000, ...KEY })).toEqual(['queued'])
      await end()
      expect(await lane.submit({ n: 2, ...KEY, print: 'other' })).toEqual(['queued'])
    })
  }

  test('its worker says that nothing of it ran', async () => {
    await lane.join('w')
    await lane.submit({ n: 1, ...KEY })
    await lane.verb('settle', ['w', lane.epochOf('w'), '', '', keyOf(1), '0|0|0|n', 'refused', '{}'])
    expect(await lane.submit({ n: 2, ...KEY })).toEqual(['placed'])
  })

  test('refused', async () => {
    lane.gateway.mostQueued = 0
    expect(await lane.submit({ n: 1, ...KEY })).toEqual(['full'])
    lane.gateway.mostQueued = 1
    expect(await lane.submit({ n: 2, ...KEY, print: 'other' })).toEqual(['queued'])
  })
})

describe('what was lost', () => {
  async function lost(): Promise<void> {
    await lane.pass(0)
    await lane.join('w')
    await lane.submit({ n: 1, ...KEY })
    await lane.read('w')
    await lane.leave('w')
    await lane.join('w')
  }

  test('may have had effects: others with its key get that verdict', async () => {
    await lost()
    expect(await lane.submit({ n: 2, ...KEY })).toEqual(['replayed'])
    expect((await lane.replays())[0]?.[3]).toContain('"lost"')
  })

  test('is taken over by its next attempt, which others join', async () => {
    await lost()
    expect(await lane.submit({ n: 1, attempt: 2, ...KEY })).toEqual(['placed'])
    expect(await lane.submit({ n: 2, ...KEY })).toEqual(['joined'])
    await lane.settle('w', [keyOf(1, 2)], { frame: 'at last' })
    expect(await lane.replays()).toEqual([[keyOf(2), 'f', idOf(1), 'at last']])
    expect(await lane.redis.zcard(`${PREFIX}kept:acme`)).toBe(1)
    expect(await lane.tenantState('acme')).toMatchObject({ kept: 300 + 'at last'.length })
  })

  test('is not taken over by an older attempt, nor by its next while it still runs', async () => {
    await lane.join('w')
    await lane.submit({ n: 1, attempt: 2, ...KEY })
    expect(await lane.submit({ n: 1, attempt: 3, ...KEY }, { n: 1, attempt: 1, ...KEY })).toEqual(['joined', 'joined'])
  })
})

test('kept answers come 256 KiB at a time, one at least: for the rest it is to be said again', async () => {
  await lane.join('w')
  await lane.submit({ n: 1, ...KEY })
  await lane.settle('w', [keyOf(1)], { frame: 'x'.repeat(100_000) })
  const five = [2, 3, 4, 5, 6].map((n) => ({ n, ...KEY }))
  expect(await lane.submit(...five)).toEqual(['replayed', 'replayed', 'again', 'again', 'again'])
  expect(await lane.submit(...five.slice(2))).toEqual(['replayed', 'replayed', 'again'])
  await lane.submit({ n: 11, idem: 'large', print: 'p' })
  await lane.settle('w', [keyOf(11)], { frame: 'x'.repeat(300_000) })
  expect(await lane.submit({ n: 12, idem: 'large', print: 'p' })).toEqual(['replayed'])
})

describe('kept answers of a tenant', () => {
  const BIG = 'x'.repeat(4_000_000)

  test('are at most 32 MiB: the oldest go first, and nobody else pays for it', async () => {
    await lane.configure('beta/f', 1, 100)
    await lane.pass(0)
    await lane.join('w', 100_000)
    await lane.submit({ n: 100, fn: 'beta/f', idem: 'b', print: 'p' })
    await lane.settle('w', [keyOf(100)])
    for (let n = 1; n <= 9; n++) {
      await lane.submit({ n, idem: `k${n}`, print: 'p' })
      await lane.settle('w', [keyOf(n)], { frame: BIG })
      await lane.pass(1)
      await lane.beat('w', { capacityMb: 100_000 })
    }
    expect(await lane.tenantState('acme')).toMatchObject({ kept: 8 * (BIG.length + 300) })
    expect(await lane.submit({ n: 11, idem: 'k1', print: 'p' })).toEqual(['placed'])
    expect(await lane.submit({ n: 12, idem: 'k2', print: 'p' })).toEqual(['replayed'])
    expect(await lane.submit({ n: 101, fn: 'beta/f', idem: 'b', print: 'p' })).toEqual(['replayed'])
  })

  test('weigh once, however often the same answer is kept under the same key', async () => {
    await lane.join('w')
    for (const n of [1, 2]) {
      await lane.submit({ n, ...KEY })
      await lane.settle('w', [keyOf(n)], { frame: 'same' })
      await lane.redis.del(`${PREFIX}idem:${HELLO}:k`)
    }
    expect(await lane.tenantState('acme')).toMatchObject({ kept: 304 })
  })

  test('weigh nothing any more once all have gone by themselves', async () => {
    await lane.join('w')
    await lane.submit({ n: 1, idem: 'gone', print: 'p' })
    await lane.settle('w', [keyOf(1)], { frame: 'long ago' })
    // As Redis does after a day without another one.
    await lane.redis.del(`${PREFIX}idem:${HELLO}:gone`, `${PREFIX}kept:acme`)
    await lane.submit({ n: 2, ...KEY })
    await lane.settle('w', [keyOf(2)], { frame: 'now' })
    expect(await lane.tenantState('acme')).toMatchObject({ kept: 303 })
  })

  for (const beside of [true, false]) {
    test(`that are over leave alone what came under the same key since: ${beside ? 'runs' : 'is kept too'}`, async () => {
      await lane.pass(0)
      await lane.join('w')
      await lane.submit({ n: 1, ...KEY })
      await lane.settle('w', [keyOf(1)], { frame: 'long ago', beside })
      // Redis forgets the entry after a day by itself; what it weighed goes with the next answer that is kept.
      await lane.redis.del(`${PREFIX}idem:${HELLO}:k`)
      await lane.pass(DAY_MS - 1)
      await lane.beat('w')
      await lane.submit({ n: 2, ...KEY }, { n: 3, idem: 'other', print: 'p' })
      if (!beside) await lane.settle('w', [keyOf(2)], { frame: 'just now, and longer' })
      await lane.pass(2)
      await lane.settle('w', [keyOf(3)], { frame: 'y' })
      expect(await lane.submit({ n: 4, ...KEY })).toEqual([beside ? 'joined' : 'replayed'])
      expect(await lane.tenantState('acme')).toMatchObject({ kept: beside ? 301 : 301 + 320 })
    })
  }
})

describe('an asynchronous invocation', () => {
  const event = (n: number, attempt = 1): Item => ({ n, attempt, trigger: 'async', idem: keyOf(n, attempt), print: 'event' })

  test('said again by another dispatcher joins the one that runs', async () => {
    await lane.join('w')
    await lane.submit(event(1))
    expect(await elsewhere(event(1))).toEqual([['joined']])
    await lane.settle('w', [keyOf(1)], { frame: 'done' })
    expect(await lane.replays('h')).toEqual([[keyOf(1), 'f', idOf(1), 'done']])
    expect(await lane.records()).toHaveLength(1)
  })

  test('that has ended is answered from what is kept, until it is forgotten', async () => {
    await lane.join('w')
    await lane.submit(event(1))
    await lane.settle('w', [keyOf(1)], { frame: 'done' })
    expect(await elsewhere(event(1))).toEqual([['replayed']])
    expect(await lane.forget(HELLO, keyOf(1), keyOf(7))).toBe(1)
    expect(await lane.redis.exists(`${PREFIX}idem:${HELLO}:${keyOf(1)}`, `${PREFIX}kept:acme`)).toBe(0)
    expect(await lane.tenantState('acme')).toMatchObject({ kept: 0 })
    expect(await lane.forget(HELLO, keyOf(1))).toBe(0)
  })

  test('under way is not forgotten', async () => {
    await lane.join('w')
    await lane.submit(event(1))
    expect(await lane.forget(HELLO, keyOf(1))).toBe(0)
    expect(await elsewhere(event(1))).toEqual([['joined']])
  })

  test('that never ran keeps its verdict: who asks again wants to know, and runs it under another number', async () => {
    await lane.submit(event(1))
    await lane.cancel(keyOf(1))
    expect(await elsewhere(event(1))).toEqual([['replayed']])
    expect(await lane.replays('h')).toEqual([[keyOf(1), 'v', idOf(1), '{"kind":"cancelled"}']])
    expect(await lane.submit(event(1, 2))).toEqual(['queued'])
  })
})
