import { describe, expect, test } from 'vitest'
import { HELLO, type Item, keyOf, type LaneDriver, PREFIX, VERSION } from './lane-driver.ts'
import { laneOfItsOwn } from './lane-of-its-own.ts'

let lane: LaneDriver

laneOfItsOwn((opened) => {
  lane = opened
})

const BETA = 'beta/f'

async function betaToo(): Promise<void> {
  await lane.configure(BETA, 1, 100)
}

/** A worker with room for one of 64 MB at a time. */
async function oneAtATime(): Promise<void> {
  await betaToo()
  await lane.pass(0)
  await lane.join('w', 64)
}

/** Settles what runs, one after the other, each `ms` after it began; returns the order in which they ran. */
async function runs(count: number, ms = 50): Promise<string[]> {
  const order: string[] = []
  for (let i = 0; i < count; i++) {
    const [key] = await lane.leases('w')
    if (key === undefined) return order
    order.push(key)
    await lane.pass(ms)
    await lane.beat('w', { capacityMb: 64 })
    await lane.settle('w', [key])
  }
  return order
}

function items(from: number, count: number, rest: Omit<Item, 'n'> = {}): Item[] {
  return Array.from({ length: count }, (_, i) => ({ n: from + i, ...rest }))
}

const keys = (...ns: number[]): string[] => ns.map((n) => keyOf(n))

describe('between tenants', () => {
  test('the least start tag goes first: who has had less goes before who came first', async () => {
    await oneAtATime()
    await lane.submit(...items(1, 5))
    await lane.submit(...items(11, 2, { fn: BETA }))
    expect(await runs(7)).toEqual(keys(1, 11, 2, 12, 3, 4, 5))
  })

  test('a weight of two is two starts for each one of the other', async () => {
    await oneAtATime()
    await lane.tenant('beta', 1, { weight: 2 })
    await lane.submit(...items(1, 9))
    await lane.submit(...items(11, 9, { fn: BETA }))
    const order = (await runs(10)).slice(1)
    expect(order.filter((key) => keys(11, 12, 13, 14, 15, 16, 17, 18, 19).includes(key))).toHaveLength(6)
  })

  test('a tenant with 2 000 functions delays another no more than one with a single function', async () => {
    await oneAtATime()
    await Promise.all(Array.from({ length: 2_000 }, (_, i) => lane.configure(`acme/f${i}`, 1, 100)))
    lane.gateway.mostQueued = 10_000
    await lane.submit({ n: 1 })
    for (let from = 0; from < 2_000; from += 100)
      await lane.submit(...items(100 + from, 100).map((item, i) => ({ ...item, fn: `acme/f${from + i}` })))
    await lane.submit({ n: 11, fn: BETA })
    expect(await runs(2)).toEqual(keys(1, 11))
  })

  test('what ran longer than expected is charged for what it took', async () => {
    await oneAtATime()
    await lane.submit(...items(1, 2), ...items(11, 5, { fn: BETA }))
    // Expected: 50 ms. Taken: five times as much.
    const [first] = await runs(1, 250)
    expect([first, ...(await runs(6))]).toEqual(keys(1, 11, 12, 13, 14, 15, 2))
  })

  test('a nested call is charged for the CPU it used, though it books none', async () => {
    await betaToo()
    await lane.pass(0)
    await lane.join('w', 1_024)
    await lane.submit({ n: 1, trigger: 'invoke' })
    await lane.pass(400)
    await lane.beat('w')
    await lane.settle('w', keys(1), { cpuMs: 390 })
    await lane.drain('w')
    await lane.submit({ n: 2 }, { n: 11, fn: BETA })
    const [first] = await lane.ready()
    expect(first).toBe('s:beta')
    expect(Number(await lane.redis.zscore(`${PREFIX}ready`, 's:acme'))).toBeGreaterThan(380)
  })

  test('what ran shorter gets the rest back', async () => {
    await oneAtATime()
    await lane.submit(...items(1, 4), ...items(11, 4, { fn: BETA }))
    expect(await runs(4, 0)).toEqual(keys(1, 11, 2, 12).map((_, i) => keys(1, 2, 3, 4)[i]))
  })

  test('who was idle has saved up nothing', async () => {
    await oneAtATime()
    await lane.submit(...items(1, 10))
    await runs(9)
    await lane.submit(...items(21, 3), ...items(11, 3, { fn: BETA }))
    const order = await runs(7)
    expect(order.slice(0, 5)).toEqual(keys(10, 11, 21, 12, 22))
  })

  test('what found room at once is charged like the rest', async () => {
    await betaToo()
    await lane.pass(0)
    await lane.teach(VERSION, 1, 49)
    await lane.join('w', 320)
    expect(await lane.submit(...items(1, 6))).toEqual(['placed', 'placed', 'placed', 'placed', 'placed', 'queued'])
    await lane.submit({ n: 11, fn: BETA })
    await lane.pass(50)
    await lane.settle('w', [keyOf(1)])
    expect(await lane.leases('w')).toContain(keyOf(11))
    expect(await lane.leases('w')).not.toContain(keyOf(6))
  })

  test('among equals who came first goes first', async () => {
    for (const tenant of ['d', 'c', 'b', 'a']) await lane.configure(`${tenant}/f`, 1, 10)
    await lane.pass(0)
    await lane.submit({ n: 1, fn: 'd/f' }, { n: 2, fn: 'c/f' }, { n: 3, fn: 'b/f' }, { n: 4, fn: 'a/f' })
    await lane.join('w', 64)
    expect(await runs(4)).toEqual(keys(1, 2, 3, 4))
  })
})

test('a large head that never fits keeps a worker from the others for half a minute, and no longer', async () => {
  await betaToo()
  await lane.pass(0)
  const light = 'b'.repeat(16)
  await lane.teach(light, 0, 50)
  await lane.join('w', 1_024)
  await lane.submit({ n: 1, deadlineMs: 900_000 })
  await lane.submit({ n: 2, mb: 1_000, trigger: 'async', maxWaitMs: 900_000, deadlineMs: 900_000 })
  await lane.pass(30_000)
  await lane.beat('w')
  for (let n = 100; n < 110; n++) {
    await lane.submit({ n, fn: BETA, versionId: light })
    await lane.pass(200)
    await lane.beat('w')
    expect(await lane.leases('w')).toContain(keyOf(n))
    await lane.settle('w', [keyOf(n)])
  }
})

test('inside a flow no function holds back another', async () => {
  await oneAtATime()
  await lane.submit(...items(1, 4), ...items(11, 2, { fn: 'acme/other' }))
  expect(await runs(6)).toEqual(keys(1, 11, 2, 12, 3, 4))
})

describe('among the first eight functions of a flow, one that is warm goes first', () => {
  for (const [position, first] of [
    [8, 8],
    [9, 1],
  ] as const) {
    test(`the warm one is at place ${position}`, async () => {
      const versionOf = (n: number): string => n.toString(16).padStart(16, '0')
      await lane.pass(0)
      for (let n = 1; n <= 9; n++) await lane.configure(`acme/f${n}`, 1, 10)
      await lane.join('w', 64, 'd')
      await lane.beat('w', { capacityMb: 64, resident: `${versionOf(position)}=1` })
      for (let n = 1; n <= 9; n++) await lane.submit({ n, fn: `acme/f${n}`, versionId: versionOf(n) })
      await lane.undrain('w')
      expect(await lane.leases('w')).toEqual([keyOf(first)])
    })
  }
})

describe('at most three quarters of the lane for one tenant', () => {
  /** Another has asked just now, so that acme is not alone. */
  async function notAlone(): Promise<void> {
    await betaToo()
    await lane.pass(0)
    await lane.teach(VERSION, 0, 100)
    await lane.join('w', 1_000)
    await lane.submit({ n: 999, fn: BETA })
    await lane.settle('w', [keyOf(999)])
    await lane.teach(VERSION, 0, 100)
  }
  const placed = (answers: string[]): number => answers.filter((answer) => answer === 'placed').length

  test('the rest waits, and leaves room for the next who comes', async () => {
    await notAlone()
    expect(placed(await lane.submit(...items(1, 10, { mb: 100 })))).toBe(8)
    expect(await lane.submit({ n: 11, mb: 100, fn: BETA })).toEqual(['placed'])
    await lane.beat('w', { capacityMb: 1_000 })
    expect(await lane.sum('inFlight')).toBe(9)
  })

  test('counts what it holds, not what is added: who holds less may have one more, of whatever size', async () => {
    await notAlone()
    expect(await lane.submit({ n: 1, mb: 740 }, { n: 2, mb: 260 })).toEqual(['placed', 'placed'])
    await lane.settle('w', [keyOf(1), keyOf(2)])
    expect(await lane.submit({ n: 3, mb: 750 }, { n: 4, mb: 1 })).toEqual(['placed', 'queued'])
  })

  test('of CPU as well as of memory', async () => {
    await notAlone()
    await lane.teach(VERSION, 10, 90)
    expect(placed(await lane.submit(...items(1, 10, { mb: 1 })))).toBe(8)
  })

  test('but one with nothing running may have whatever fits', async () => {
    await notAlone()
    expect(await lane.submit({ n: 1, mb: 1_000 })).toEqual(['placed'])
  })

  test('but one who has been alone from the beginning, or for ten minutes, may have it all', async () => {
    await lane.teach(VERSION, 0, 100)
    await lane.join('w', 1_000)
    expect(placed(await lane.submit(...items(1, 10, { mb: 100 })))).toBe(10)

    await lane.reset()
    await notAlone()
    const waits = { mb: 100, maxWaitMs: 3_600_000, deadlineMs: 3_600_000 }
    expect(placed(await lane.submit(...items(1, 10, waits)))).toBe(8)
    await lane.pass(599_999)
    await lane.beat('w', { capacityMb: 1_000 })
    expect(await lane.sum('inFlight')).toBe(8)
    await lane.pass(1)
    await lane.beat('w', { capacityMb: 1_000 })
    expect(await lane.sum('inFlight')).toBe(10)
  })

  test('who has all he may hides nobody behind what he has waiting', async () => {
    await betaToo()
    await lane.pass(0)
    await lane.join('w', 256)
    for (let i = 0; i < 8; i++) await lane.configure(`acme/f${i}`, 1, 100)
    const each = (from: number, trigger: Item['trigger'] = 'http') => items(from, 8, { trigger }).map((item, i) => ({ ...item, fn: `acme/f${i}` }))
    await lane.submit({ n: 99, fn: BETA })
    await lane.settle('w', keys(99))
    await lane.submit(...items(1, 3))
    await lane.submit(...each(10), ...each(20, 'async'))
    expect(await lane.submit({ n: 91, fn: BETA }, { n: 92, fn: BETA })).toEqual(['placed', 'queued'])
    await lane.pass(20)
    // No beat, which looks deeper than what everybody waits for.
    await lane.settle('w', keys(91))
    expect(await lane.leases('w')).toContain(keyOf(92))
  })

  test('but a function that another waits for is let in, on its share of CPU', async () => {
    await notAlone()
    await lane.submit(...items(1, 10, { mb: 100 }))
    await lane.cancel(...keys(9, 10))
    expect(await lane.submit({ n: 11, mb: 100, trigger: 'invoke' }, { n: 12, mb: 100 })).toEqual(['placed', 'queued'])
    expect(await lane.free('w')).toMatchObject({ freeCpuMilli: 1_000 - 8 * 5 })
  })
})

describe('asynchronous work', () => {
  test('weighs a quarter: four of the others for one of it', async () => {
    await oneAtATime()
    await lane.submit({ n: 99 })
    await lane.submit(...items(1, 9, { trigger: 'async' }), ...items(11, 9, { fn: BETA }))
    const order = (await runs(11)).slice(1)
    const background = order.map((key) => keys(1, 2, 3, 4, 5, 6, 7, 8, 9).includes(key))
    expect(background.filter(Boolean)).toHaveLength(2)
    expect(background.indexOf(true, background.indexOf(true) + 1) - background.indexOf(true)).toBe(5)
  })

  test('of a schedule is such work too', async () => {
    await oneAtATime()
    await lane.submit({ n: 1, trigger: 'schedule' }, { n: 2, trigger: 'schedule' })
    expect(await lane.fn(HELLO)).toMatchObject({ async: { queued: 1 }, sync: { queued: 0 } })
    expect(await lane.ready()).toEqual(['a:acme'])
  })

  test('of all tenants together takes three quarters of the lane, while others call', async () => {
    await betaToo()
    await lane.pass(0)
    await lane.teach(VERSION, 0, 100)
    await lane.join('w', 1_000)
    await lane.submit({ n: 999, fn: 'acme/other', mb: 1 })
    const long = { mb: 100, maxWaitMs: 3_600_000, deadlineMs: 3_600_000, trigger: 'async' as const }
    await lane.submit(...items(1, 5, long), ...items(11, 5, { ...long, fn: BETA }))
    expect(await lane.sum('asyncMb')).toBe(800)
    expect(await lane.submit({ n: 21, mb: 100 })).toEqual(['placed'])
    await lane.settle('w', [keyOf(999), keyOf(21)])
    await lane.pass(600_000)
    await lane.beat('w', { capacityMb: 1_000 })
    expect(await lane.sum('asyncMb')).toBe(1_000)
    expect(await lane.redis.hget(`${PREFIX}sum`, 'asyncCpu')).toBe('50')
  })
})
