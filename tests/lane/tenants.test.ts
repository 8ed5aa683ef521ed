import { describe, expect, test } from 'vitest'
import { keyOf, type LaneDriver } from './lane-driver.ts'
import { laneOfItsOwn } from './lane-of-its-own.ts'

let lane: LaneDriver

laneOfItsOwn((opened) => {
  lane = opened
})

describe('the settings of a tenant', () => {
  test('of an older revision change nothing', async () => {
    expect(await lane.tenant('acme', 5, { weight: 2 })).toBe(5)
    expect(await lane.tenant('acme', 4, { movedTo: 'elsewhere' })).toBe(5)
    await lane.join('w')
    expect(await lane.submit({ n: 1 })).toEqual(['placed'])
  })

  test('that the lane does not know yet are asked for', async () => {
    expect(await lane.submit({ n: 1, tenantRevision: 1 })).toEqual(['stale settings'])
    await lane.tenant('acme', 1)
    expect(await lane.submit({ n: 1, tenantRevision: 1 })).toEqual(['queued'])
  })

  test('change the weight of what waits already', async () => {
    await lane.submit({ n: 1 }, { n: 2, trigger: 'async' })
    expect(await lane.sum('backlogWeight')).toBe(1.25)
    await lane.tenant('acme', 1, { weight: 4 })
    expect(await lane.sum('backlogWeight')).toBe(5)
    await lane.cancel(keyOf(1))
    expect(await lane.sum('backlogWeight')).toBe(1)
    await lane.cancel(keyOf(2))
    expect(await lane.sum('backlogWeight')).toBe(0)
  })
})

describe('a tenant that has moved', () => {
  test('is told where to, and leaves nothing new here', async () => {
    await lane.join('w')
    await lane.tenant('acme', 1, { movedTo: 'blue' })
    expect(await lane.submitInFull([{ n: 1 }])).toEqual([['moved', 'blue']])
    expect(await lane.sum('arrivals')).toBe(0)
    expect(await lane.sum('refused')).toBe(0)
  })

  test('has what waits and runs here ended here', async () => {
    await lane.join('w', 64)
    await lane.submit({ n: 1 }, { n: 2 })
    await lane.tenant('acme', 1, { movedTo: 'blue' })
    expect(await lane.submitAgain({ n: 1 }, { n: 2 })).toEqual(['here', 'here'])
    await lane.settle('w', [keyOf(1)])
    expect(await lane.leases('w')).toEqual([keyOf(2)])
  })

  test('may come back', async () => {
    await lane.tenant('acme', 1, { movedTo: 'blue' })
    await lane.tenant('acme', 2)
    expect(await lane.submit({ n: 1 })).toEqual(['queued'])
  })
})

describe('a tenant that has to wait', () => {
  async function paused(): Promise<void> {
    await lane.pass(0)
    await lane.configure('beta/f', 1, 10)
    await lane.join('w')
    await lane.trustReap()
    await lane.tenant('acme', 1, { waitMs: 1_000 })
  }

  test('is queued; others are not', async () => {
    await paused()
    expect(await lane.submit({ n: 1 }, { n: 2, fn: 'beta/f' })).toEqual(['queued', 'placed'])
    expect(await lane.ready()).toEqual([])
    await lane.beat('w')
    expect(await lane.leases('w')).toEqual([keyOf(2)])
  })

  test('what it had waiting does not start either', async () => {
    await lane.join('w', 64)
    await lane.submit({ n: 1 }, { n: 2 })
    await lane.tenant('acme', 1, { waitMs: 60_000 })
    await lane.settle('w', [keyOf(1)])
    expect(await lane.leases('w')).toEqual([])
    await lane.tenant('acme', 2)
    expect(await lane.leases('w')).toEqual([keyOf(2)])
  })

  test('goes on when it is told so', async () => {
    await paused()
    await lane.submit({ n: 1 }, { n: 2, trigger: 'async' })
    await lane.tenant('acme', 1)
    expect((await lane.leases('w')).sort()).toEqual([keyOf(1), keyOf(2)])
  })

  test('goes on by itself when its time is over: with the next reap, whoever is silent', async () => {
    await paused()
    await lane.submit({ n: 1 })
    await lane.pass(999)
    await lane.silence('w', 0)
    await lane.reap()
    expect(await lane.leases('w')).toEqual([])
    await lane.pass(1)
    await lane.reap()
    expect(await lane.leases('w')).toEqual([keyOf(1)])
  })
})
