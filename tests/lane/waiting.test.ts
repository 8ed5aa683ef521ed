import { describe, expect, test } from 'vitest'
import { keyOf, type LaneDriver, PREFIX, VERSION } from './lane-driver.ts'
import { laneOfItsOwn } from './lane-of-its-own.ts'

let lane: LaneDriver

laneOfItsOwn((opened) => {
  lane = opened
})

const SMALL = 'acme/other'
const reserved = async (): Promise<string> => ((await lane.redis.hget(`${PREFIX}sum`, 'reserved')) ?? '').split('|').slice(0, 2).join(' ')

describe('a head that is too big for what is free', () => {
  /** Four small ones run on `w`; a big one waits, and behind it more small ones. */
  async function bigOneWaits(): Promise<void> {
    await lane.pass(0)
    await lane.teach(VERSION, 0, 100)
    await lane.join('w', 640)
    await lane.submit(...[1, 2, 3, 4].map((n) => ({ n, mb: 150, fn: SMALL })))
    await lane.submit({ n: 100, mb: 600 })
    await lane.submit(...[5, 6, 7, 8].map((n) => ({ n, mb: 150, fn: SMALL })))
  }
  /** Time passes, and one is done. */
  async function settleAfter(ms: number, n: number): Promise<void> {
    await lane.pass(ms)
    await lane.beat('w', { capacityMb: 640 })
    await lane.settle('w', [keyOf(n)])
  }

  test('is passed over at first', async () => {
    await bigOneWaits()
    await settleAfter(99, 1)
    expect((await lane.leases('w')).sort()).toEqual([2, 3, 4, 5].map((n) => keyOf(n)))
    expect(await reserved()).toBe('')
  })

  test('is kept a worker after 100 ms, and starts when that has room', async () => {
    await bigOneWaits()
    await settleAfter(100, 1)
    expect(await reserved()).toBe(`w ${keyOf(100)}`)
    await lane.settle('w', [keyOf(2), keyOf(3)])
    expect(await lane.leases('w')).toEqual([keyOf(4)])
    expect(await lane.submit({ n: 9, mb: 1, fn: SMALL })).toEqual(['queued'])
    await lane.settle('w', [keyOf(4)])
    expect(await lane.leases('w')).toEqual([keyOf(100)])
    expect(await reserved()).toBe('')
  })

  test('is kept the emptiest of those that can hold it', async () => {
    await bigOneWaits()
    await lane.join('little', 300)
    await lane.join('half', 700, 'd')
    await lane.undrain('half')
    expect(await lane.leases('half')).toEqual(expect.arrayContaining([keyOf(100)]))
    await lane.submit({ n: 101, mb: 600 })
    await settleAfter(150, 1)
    await lane.beat('half', { capacityMb: 700 })
    expect(await reserved()).toBe(`half ${keyOf(101)}`)
  })

  test('lets go of it when it is cancelled: what fits starts in the same step', async () => {
    await bigOneWaits()
    await settleAfter(100, 1)
    await lane.cancel(keyOf(100))
    expect(await reserved()).toBe('')
    expect(await lane.leases('w')).toContain(keyOf(5))
  })

  test('lets go of it when the worker drains', async () => {
    await bigOneWaits()
    await settleAfter(100, 1)
    await lane.drain('w')
    expect(await reserved()).toBe('')
  })

  test('lets go of it when the worker dies', async () => {
    await bigOneWaits()
    await settleAfter(100, 1)
    await lane.leave('w')
    expect(await reserved()).toBe('')
  })

  test('has it for a second, and no longer when it cannot start', async () => {
    await bigOneWaits()
    await settleAfter(100, 1)
    await lane.configure('acme/hello', 2, 0)
    await lane.configure('acme/hello', 3, 100)
    expect(await reserved()).toBe('')
    await lane.reset()

    await bigOneWaits()
    await settleAfter(100, 1)
    await lane.tenant('acme', 1, { waitMs: 5_000 })
    await lane.configure('beta/f', 1, 10)
    expect(await lane.submit({ n: 50, fn: 'beta/f', mb: 1 })).toEqual(['queued'])
    await lane.pass(999)
    await lane.beat('w', { capacityMb: 640 })
    expect(await lane.leases('w')).not.toContain(keyOf(50))
    await lane.pass(1)
    await lane.beat('w', { capacityMb: 640 })
    expect(await lane.leases('w')).toContain(keyOf(50))
  })
})

test('nobody is placed past a head that waits: who comes later queues, and the head takes what is free', async () => {
  await lane.pass(0)
  await lane.join('w', 64)
  await lane.silence('w', 751)
  expect(await lane.submit({ n: 1 })).toEqual(['queued'])
  await lane.silence('w', 0)
  expect(await lane.submit({ n: 2, fn: SMALL })).toEqual(['queued'])
  expect(await lane.leases('w')).toEqual([keyOf(1)])
})

test('a look goes past as many tenants as heads: what fits starts, though the heads of 15 others do not', async () => {
  await lane.pass(0)
  await lane.join('w', 64)
  for (let n = 1; n <= 15; n++) {
    await lane.configure(`t${n}/f`, 1, 10)
    await lane.submit({ n, fn: `t${n}/f`, mb: 65 })
  }
  expect(await lane.submit({ n: 99 })).toEqual(['placed'])
})

test('a beat goes past 95 of them', async () => {
  await lane.pass(0)
  await lane.join('w', 64)
  for (let n = 1; n <= 95; n++) {
    await lane.configure(`t${n}/f`, 1, 10)
    await lane.submit({ n, fn: `t${n}/f`, mb: 65 })
  }
  expect(await lane.submit({ n: 99 })).toEqual(['queued'])
  await lane.beat('w', { capacityMb: 64 })
  expect(await lane.leases('w')).toEqual([keyOf(99)])
})

describe('who would wait too long is told so at once', () => {
  /** One runs, five of 100 ms each wait; each takes the whole worker. */
  async function halfASecondOfWork(): Promise<void> {
    await lane.pass(0)
    await lane.teach(VERSION, 100, 0)
    await lane.join('w', 64)
    await lane.submit(...[0, 1, 2, 3, 4, 5].map((n) => ({ n })))
  }

  test('with how long it would have been: work before it, over capacity', async () => {
    await halfASecondOfWork()
    expect(await lane.submitInFull([{ n: 9, maxWaitMs: 400 }])).toEqual([['late', '500']])
    expect(await lane.submitInFull([{ n: 9, maxWaitMs: 500 }])).toEqual([['queued']])
    expect(await lane.sum('refused')).toBe(1)
    expect(await lane.redis.xlen(`${PREFIX}poke`)).toBe(1)
  })

  test('with its own run counted against its deadline', async () => {
    await halfASecondOfWork()
    expect(await lane.submitInFull([{ n: 9, deadlineMs: 590 }])).toEqual([['late', '500']])
    expect(await lane.submitInFull([{ n: 9, deadlineMs: 600 }])).toEqual([['queued']])
  })

  test('and at once, when it would have to wait and its own run alone is longer than its deadline', async () => {
    await halfASecondOfWork()
    await lane.settle('w', (await lane.leases('w')).slice(0, 1))
    expect(await lane.submitInFull([{ n: 9, deadlineMs: 50 }])).toMatchObject([['late', expect.any(String)]])
    expect((await lane.records()).filter(({ outcome }) => outcome === 'expired')).toEqual([])
  })

  test('twice as much capacity, there or coming, is half the wait', async () => {
    await halfASecondOfWork()
    await lane.redis.hset(`${PREFIX}sum`, { starting: 1, startingAt: await lane.now() })
    expect(await lane.submitInFull([{ n: 9, maxWaitMs: 100 }])).toEqual([['late', '250']])
    await lane.pass(10_000)
    await lane.silence('w', 0)
    expect(await lane.submitInFull([{ n: 9, maxWaitMs: 100 }])).toEqual([['late', '500']])
  })

  test('by its own share of it: what others have waiting counts as far as their turns come before', async () => {
    await halfASecondOfWork()
    await lane.configure('beta/f', 1, 10)
    await lane.submit({ n: 20, fn: 'beta/f' })
    expect(await lane.submitInFull([{ n: 21, fn: 'beta/f', maxWaitMs: 150 }])).toEqual([['late', '200']])
  })

  test('by the cap of its function', async () => {
    await lane.pass(0)
    await lane.teach(VERSION, 1, 99)
    await lane.configure('acme/hello', 2, 2)
    await lane.join('w')
    await lane.submit(...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => ({ n })))
    expect(await lane.submitInFull([{ n: 9, maxWaitMs: 200 }])).toEqual([['late', '300']])
  })

  test('with no worker there: what one takes to start', async () => {
    expect(await lane.submitInFull([{ n: 1, maxWaitMs: 1_500 }])).toEqual([['late', '2000']])
    expect(await lane.submitInFull([{ n: 1, maxWaitMs: 2_000 }])).toEqual([['queued']])
  })
})

describe('full', () => {
  test('is said of whom, with when there may be room', async () => {
    await lane.pass(0)
    await lane.teach(VERSION, 100, 0)
    await lane.join('w', 64)
    lane.gateway.mostQueued = 2
    await lane.submit({ n: 0 }, { n: 1 }, { n: 2 })
    expect(await lane.submitInFull([{ n: 3 }])).toEqual([['full', 'function', '200']])
    lane.gateway.mostQueued = 10
    lane.gateway.mostBytes = 3
    expect(await lane.submitInFull([{ n: 3, payload: '12' }])).toEqual([['full', 'lane', '200']])
  })

  test('counts both classes of a function', async () => {
    lane.gateway.mostQueued = 2
    expect(await lane.submit({ n: 1 }, { n: 2, trigger: 'async' }, { n: 3 }, { n: 4, trigger: 'async' })).toEqual([
      'queued',
      'queued',
      'full',
      'full',
    ])
  })

  test('of bytes is a tenant by itself', async () => {
    await lane.configure('beta/f', 1, 10)
    lane.gateway.mostTenantBytes = 10
    const payload = '12345678'
    expect(await lane.submit({ n: 1, payload }, { n: 2, payload }, { n: 3, payload, fn: 'beta/f' })).toEqual(['queued', 'full', 'queued'])
    await lane.cancel(keyOf(1))
    expect(await lane.submit({ n: 2, payload })).toEqual(['queued'])
    expect(await lane.tenantState('acme')).toMatchObject({ bytes: 8 })
  })
})
