import { describe, expect, test } from 'vitest'
import { HELLO, keyOf, type LaneDriver, PREFIX } from './lane-driver.ts'
import { laneOfItsOwn } from './lane-of-its-own.ts'

let lane: LaneDriver

laneOfItsOwn((opened) => {
  lane = opened
})

async function die(worker: string): Promise<void> {
  await lane.trustReap()
  await lane.silence(worker, 2_001)
  await lane.reap()
}

const names = async (worker: string): Promise<string[]> => (await lane.inbox(worker)).slice(1).map(({ key }) => key)

describe('nack', () => {
  test('puts work back at the front of its line: no record, no reply, and it runs elsewhere', async () => {
    await lane.configure(HELLO, 2, 1)
    await lane.join('w', 64)
    await lane.submit({ n: 1, payload: 'bytes' }, { n: 2 })
    expect(await lane.nack('w', [keyOf(1)], { capacityMb: 0, payload: 'bytes' })).toEqual([1])
    expect(await lane.free('w')).toMatchObject({ freeMb: 0, running: 0 })
    expect(await lane.sum('queued')).toBe(2)
    await lane.join('next', 64)
    expect(await names('next')).toEqual([keyOf(1)])
    expect((await lane.inbox('next'))[1]?.payload).toBe('bytes')
    expect([await lane.records(), await lane.replies()]).toEqual([[], []])
  })

  test('gives the charge back: who could not be served has had nothing', async () => {
    await lane.pass(0)
    await lane.configure('beta/f', 1, 10)
    await lane.join('w', 64)
    const before = await lane.redis.hget(`${PREFIX}tenants`, 'acme')
    await lane.submit({ n: 1 })
    await lane.submit({ n: 2, fn: 'beta/f' })
    await lane.nack('w', [keyOf(1)], { capacityMb: 0 })
    const [, , , , , , , , , tag] = ((await lane.redis.hget(`${PREFIX}tenants`, 'acme')) ?? '').split(' ').map(Number)
    expect(before).toBeNull()
    expect(tag).toBeLessThan(0.001)
    expect(await lane.tenantState('acme')).toMatchObject({ mb: 0, cpu: 0, running: 0, bytes: 1 })
  })

  test('keeps its age: it expires when it would have', async () => {
    await lane.pass(0)
    await lane.join('w', 64)
    await lane.submit({ n: 1, maxWaitMs: 5_000 })
    await lane.pass(4_000)
    await lane.nack('w', [keyOf(1)], { capacityMb: 0 })
    await lane.pass(1_000)
    await lane.reap()
    expect(await lane.replies()).toEqual([[keyOf(1), { kind: 'expired' }]])
  })

  test('counts once in a call, and only what this worker holds under this epoch', async () => {
    const old = await lane.join('w', 64, 'r')
    await lane.submit({ n: 1 })
    expect(await lane.nack('w', [keyOf(1), keyOf(1), keyOf(9)], { capacityMb: 0 })).toEqual([1, 0, 0])
    expect(await lane.sum('queued')).toBe(1)
    expect(await lane.sum('inFlight')).toBe(0)
    await lane.join('w', 64)
    expect(await lane.nack('w', [keyOf(1)], { epoch: old })).toBe('gone')
    expect(await lane.leases('w')).toEqual([keyOf(1)])
  })
})

describe('a nack that is said again', () => {
  test('changes nothing: what it gave back may have come to the same worker anew', async () => {
    await lane.join('w', 64)
    await lane.submit({ n: 1 })
    expect(await lane.nack('w', [keyOf(1)], { capacityMb: 64, number: 1 })).toEqual([1])
    expect(await lane.leases('w')).toEqual([keyOf(1)])
    expect(await lane.nack('w', [keyOf(1)], { capacityMb: 0, number: 1 })).toEqual([])
    expect(await lane.leases('w')).toEqual([keyOf(1)])
    expect(await lane.free('w')).toMatchObject({ freeMb: 0, running: 1 })
    expect(await lane.nack('w', [keyOf(1)], { capacityMb: 0, number: 2 })).toEqual([1])
  })

  test('of an earlier life says nothing about this one', async () => {
    await lane.join('w', 64)
    await lane.submit({ n: 1 })
    await lane.nack('w', [keyOf(1)], { capacityMb: 64, number: 7 })
    await lane.join('w', 64)
    expect(await lane.nack('w', [keyOf(1)], { capacityMb: 0, number: 1 })).toEqual([1])
  })
})

describe('what a worker was handed and never read', () => {
  test('goes back in the order in which it left, when its worker dies, and nobody hears of it', async () => {
    await lane.join('w', 256)
    await lane.submit({ n: 1 })
    await lane.read('w')
    await lane.submit({ n: 2 }, { n: 3 }, { n: 4 }, { n: 5 })
    await die('w')
    expect((await lane.replies()).map(([key]) => key)).toEqual([keyOf(1)])
    expect(await lane.records()).toHaveLength(1)
    await lane.join('next', 1_000)
    expect(await names('next')).toEqual([keyOf(2), keyOf(3), keyOf(4), keyOf(5)])
  })

  test('of work that was read too is read once: what comes back is not also lost', async () => {
    await lane.join('w', 64)
    await lane.submit({ n: 1 })
    await lane.leave('w')
    expect(await lane.redis.hgetall(`${PREFIX}inv`)).toEqual({ [keyOf(1)]: 'q' })
    expect(await lane.sum('settled')).toBe(0)
  })

  test('and was cancelled meanwhile ends as cancelled, and does not run', async () => {
    await lane.join('w', 128)
    await lane.submit({ n: 1 }, { n: 2 })
    expect(await lane.cancel(keyOf(1))).toEqual(['running'])
    await die('w')
    expect(await lane.replies()).toEqual([[keyOf(1), { kind: 'cancelled' }]])
    await lane.join('next', 1_000)
    expect(await names('next')).toEqual([keyOf(2)])
  })

  test('goes back when the worker starts anew, and may come to it again', async () => {
    await lane.join('w', 64)
    await lane.submit({ n: 1 })
    await lane.join('w', 64)
    expect(await lane.replies()).toEqual([])
    expect(await names('w')).toEqual([keyOf(1)])
  })

  test('that expired meanwhile is answered so, once, and leaves nothing', async () => {
    await lane.pass(0)
    await lane.join('w', 64)
    await lane.submit({ n: 1, deadlineMs: 3_000 })
    await lane.pass(5_000)
    await lane.join('w', 64)
    expect(await lane.replies()).toEqual([[keyOf(1), { kind: 'expired' }]])
    expect(await lane.redis.exists(`${PREFIX}inv`, `${PREFIX}lease:w`, `${PREFIX}job`, `${PREFIX}due`)).toBe(0)
  })
})

describe('a function that was there when a worker died', () => {
  async function dieWith(n: number, fn = HELLO): Promise<void> {
    await lane.join('w')
    await lane.submit({ n, fn })
    await lane.read('w')
    await die('w')
  }
  const lastVerdict = async (): Promise<unknown> => (await lane.replies()).at(-1)?.[1]

  test('once is repeated; twice within a minute is not, and runs alone in its cell for a minute', async () => {
    await lane.pass(0)
    await dieWith(1)
    expect(await lastVerdict()).not.toHaveProperty('repeat')
    await lane.pass(59_999)
    await dieWith(2)
    expect(await lastVerdict()).toMatchObject({ kind: 'lost', repeat: false })
    await lane.join('w')
    await lane.submit({ n: 3 }, { n: 4, fn: 'acme/other' })
    expect((await lane.inbox('w')).slice(1).map(({ boxed }) => boxed)).toEqual([true, false])
    await lane.settle('w', [keyOf(3), keyOf(4)])
    await lane.pass(60_001)
    await lane.beat('w')
    await lane.submit({ n: 5 })
    expect((await lane.inbox('w')).at(-1)).toMatchObject({ key: keyOf(5), boxed: false })
  })

  test('a minute apart counts anew', async () => {
    await lane.pass(0)
    await dieWith(1)
    await lane.pass(60_000)
    await dieWith(2)
    expect(await lastVerdict()).not.toHaveProperty('repeat')
  })

  test('is struck once for each death, however much of it ran there, and however many reaps its end takes', async () => {
    await lane.configure(HELLO, 2, 1_000)
    await lane.teach('a'.repeat(16), 0, 100)
    await lane.pass(0)
    await lane.join('w')
    await lane.submit(...Array.from({ length: 128 }, (_, n) => ({ n, mb: 1 })))
    await lane.read('w')
    await die('w')
    await lane.reap()
    expect(await lane.free('w')).toBeUndefined()
    expect((await lane.replies()).filter(([, outcome]) => outcome?.repeat === false)).toEqual([])
    expect(await lane.fn(HELLO)).toMatchObject({ boxedUntil: 0 })
  })

  test('is not struck for what it had not begun, nor when its worker left', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    await die('w')
    expect(await lane.fn(HELLO)).toMatchObject({ struckAt: 0 })
    await lane.join('w')
    await lane.read('w')
    await lane.leave('w')
    expect(await lane.fn(HELLO)).toMatchObject({ struckAt: 0 })
  })
})
