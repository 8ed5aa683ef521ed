import { describe, expect, test } from 'vitest'
import { parseUsageRecord } from '../../platform/billing/parse-usage-record.ts'
import { idOf } from '../unit/billing/usage-fixture.ts'
import { HELLO, keyOf, type LaneDriver, PREFIX, VERSION } from './lane-driver.ts'
import { laneOfItsOwn } from './lane-of-its-own.ts'

let lane: LaneDriver

laneOfItsOwn((opened) => {
  lane = opened
})

describe('queued work starts', () => {
  test('when a worker joins, oldest first', async () => {
    for (const n of [1, 2, 3]) {
      await lane.submit({ n, mb: 60, fn: n === 2 ? 'acme/other' : HELLO })
      await lane.pass(2)
    }
    await lane.join('w', 130)
    expect((await lane.leases('w')).sort()).toEqual([keyOf(1), keyOf(2)])
    expect(await lane.sum('queued')).toBe(1)
  })

  test('when running work settles: memory', async () => {
    await lane.join('w', 64)
    await lane.submit({ n: 1 }, { n: 2 })
    expect(await lane.settle('w', [keyOf(1)])).toEqual([1])
    expect(await lane.leases('w')).toEqual([keyOf(2)])
  })

  test('when running work settles: the cap of its function', async () => {
    await lane.configure(HELLO, 2, 1)
    await lane.join('w')
    await lane.submit({ n: 1 }, { n: 2 }, { n: 3 })
    await lane.settle('w', [keyOf(1)])
    expect(await lane.leases('w')).toEqual([keyOf(2)])
    await lane.settle('w', [keyOf(2)])
    expect(await lane.leases('w')).toEqual([keyOf(3)])
  })

  test('when the cap is raised', async () => {
    await lane.configure(HELLO, 2, 1)
    await lane.join('w')
    await lane.submit({ n: 1 }, { n: 2 }, { n: 3 })
    await lane.configure(HELLO, 3, 2)
    expect((await lane.leases('w')).sort()).toEqual([keyOf(1), keyOf(2)])
  })

  test('when a worker is taken back from draining', async () => {
    await lane.join('w')
    await lane.drain('w')
    await lane.submit({ n: 1 })
    expect(await lane.undrain('w')).toBe(1)
    expect(await lane.leases('w')).toEqual([keyOf(1)])
  })

  test('when a worker beats again, or offers more', async () => {
    await lane.join('w', 100)
    await lane.silence('w', 1_000)
    await lane.submit({ n: 1 }, { n: 2 })
    await lane.beat('w', { capacityMb: 100 })
    expect(await lane.leases('w')).toEqual([keyOf(1)])
    await lane.beat('w', { capacityMb: 128 })
    expect((await lane.leases('w')).sort()).toEqual([keyOf(1), keyOf(2)])
  })

  test('past a head that does not fit', async () => {
    await lane.submit({ n: 1, mb: 512 })
    await lane.pass(2)
    await lane.submit({ n: 2, mb: 64, fn: 'acme/other' })
    await lane.join('w', 128)
    expect(await lane.leases('w')).toEqual([keyOf(2)])
  })

  test('at most 16 at a time: a claim never holds up everybody else', async () => {
    await lane.teach(VERSION, 0, 100)
    await lane.submit(...Array.from({ length: 40 }, (_, n) => ({ n: n + 1, mb: 1 })))
    await lane.join('w')
    expect(await lane.leases('w')).toHaveLength(16)
    await lane.beat('w')
    expect(await lane.leases('w')).toHaveLength(32)
    await lane.beat('w')
    expect(await lane.leases('w')).toHaveLength(40)
  })
})

describe('a beat that offers less', () => {
  test('takes nothing from what runs: the worker is full until enough of it has settled', async () => {
    await lane.join('w', 128)
    await lane.submit({ n: 1 }, { n: 2 })
    await lane.beat('w', { capacityMb: 100 })
    expect(await lane.free('w')).toMatchObject({ freeMb: -28, running: 2 })
    await lane.submit({ n: 3 })
    await lane.settle('w', [keyOf(1)])
    expect(await lane.free('w')).toMatchObject({ freeMb: 36, running: 1 })
    await lane.settle('w', [keyOf(2)])
    expect(await lane.leases('w')).toEqual([keyOf(3)])
  })
})

describe('a deadline', () => {
  test('that passes in the queue: never handed over, answered `expired`, one record that bills nothing', async () => {
    await lane.submit({ n: 1, maxWaitMs: 3_000 }, { n: 2 })
    await lane.pass(3_000)
    await lane.join('w')
    expect(await lane.leases('w')).toEqual([keyOf(2)])
    expect(await lane.replies()).toEqual([[keyOf(1), { kind: 'expired' }]])
    const [record, ...more] = await lane.records()
    expect(more).toEqual([])
    expect(parseUsageRecord(record)).toMatchObject({
      id: idOf(1),
      outcome: 'expired',
      billedMs: 0,
      startedAt: 0,
      worker: '',
      tenant: 'acme',
      function: 'hello',
    })
  })

  test('is the shorter of deadline and longest wait', async () => {
    await lane.submit({ n: 1, maxWaitMs: 60_000, deadlineMs: 3_000 })
    await lane.pass(3_000)
    await lane.join('w')
    expect(await lane.replies()).toEqual([[keyOf(1), { kind: 'expired' }]])
  })

  test('that its run would outlast: it makes room for what can still be in time', async () => {
    await lane.pass(0)
    await lane.teach(VERSION, 1, 999)
    await lane.submit({ n: 1, deadlineMs: 4_000 }, { n: 2, deadlineMs: 4_001 })
    await lane.pass(3_001)
    await lane.join('w', 64)
    expect(await lane.replies()).toEqual([[keyOf(1), { kind: 'expired' }]])
    expect(await lane.leases('w')).toEqual([keyOf(2)])
  })

  test('is found by reap without anybody to claim, once', async () => {
    await lane.submit({ n: 1, maxWaitMs: 3_000 }, { n: 2 })
    await lane.pass(3_000)
    expect(await lane.reap()).toMatchObject({ lost: 0, expired: 1 })
    expect(await lane.reap()).toMatchObject({ lost: 0, expired: 0 })
    expect(await lane.records()).toHaveLength(1)
    expect(await lane.sum('queued')).toBe(1)
    await lane.join('w')
    expect(await lane.leases('w')).toEqual([keyOf(2)])
  })

  test('counts from acceptance: what waited has less left', async () => {
    await lane.pass(0)
    await lane.submit({ n: 1, deadlineMs: 10_000 })
    await lane.pass(20)
    await lane.join('w')
    const [, handed] = await lane.read('w')
    expect(handed).toMatchObject({ leftMs: 9_980, startedAt: (handed?.acceptedAt ?? 0) + 20 })
  })
})

describe('a refusal', () => {
  test('of a full queue leaves no record, counts, and pokes the controller', async () => {
    lane.gateway.mostQueued = 1
    expect(await lane.submit({ n: 1 }, { n: 2 })).toEqual(['queued', 'full'])
    expect(await lane.records()).toEqual([])
    expect(await lane.sum('refused')).toBe(1)
    expect(await lane.sum('arrivals')).toBe(1)
    expect(await lane.redis.xlen(`${PREFIX}poke`)).toBe(1)
    expect(await lane.redis.hexists(`${PREFIX}inv`, keyOf(2))).toBe(0)
  })

  test('for want of space in the lane counts bytes, not invocations', async () => {
    lane.gateway.mostBytes = 10
    expect(await lane.submit({ n: 1, payload: '12345678' }, { n: 2, payload: '123' }, { n: 3, payload: '12' })).toEqual(['queued', 'full', 'queued'])
  })

  test('of a function that is switched off is no demand', async () => {
    await lane.configure(HELLO, 2, 0)
    await lane.join('w')
    expect(await lane.submit({ n: 1 })).toEqual(['off'])
    expect(await lane.sum('refused')).toBe(0)
    expect(await lane.records()).toEqual([])
  })
})

describe('configure', () => {
  test('with a revision that is not newer changes nothing', async () => {
    expect(await lane.configure(HELLO, 5, 1)).toBe(5)
    expect(await lane.configure(HELLO, 4, 0)).toBe(5)
    expect(await lane.configure(HELLO, 5, 0)).toBe(5)
    await lane.join('w')
    expect(await lane.submit({ n: 1 }, { n: 2 })).toEqual(['placed', 'queued'])
  })

  test('cap 0 answers what waits `cancelled`, with a record each, and lets what runs finish', async () => {
    await lane.configure(HELLO, 2, 1)
    await lane.join('w')
    await lane.submit({ n: 1 }, { n: 2 }, { n: 3 })
    await lane.configure(HELLO, 3, 0)
    expect(await lane.replies()).toEqual([keyOf(2), keyOf(3)].map((key) => [key, { kind: 'cancelled' }]))
    expect((await lane.records()).map(({ id, outcome, billedMs }) => [id, outcome, billedMs])).toEqual([
      [idOf(2), 'cancelled', 0],
      [idOf(3), 'cancelled', 0],
    ])
    expect(await lane.settle('w', [keyOf(1)])).toEqual([1])
    expect(
      await lane.redis.exists(`${PREFIX}q:s:${HELLO}`, `${PREFIX}flow:s:acme`, `${PREFIX}job`, `${PREFIX}due`, `${PREFIX}inv`, `${PREFIX}ready`),
    ).toBe(0)
  })

  test('a lowered cap stops hand-overs until enough has settled', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 })
    await lane.configure(HELLO, 2, 2)
    await lane.submit({ n: 5 })
    await lane.settle('w', [keyOf(1), keyOf(2)])
    expect(await lane.sum('queued')).toBe(1)
    await lane.settle('w', [keyOf(3)])
    expect((await lane.leases('w')).sort()).toEqual([keyOf(4), keyOf(5)])
  })
})
