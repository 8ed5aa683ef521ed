import { describe, expect, test } from 'vitest'
import { HELLO, keyOf, type LaneDriver, PREFIX, VERSION } from './lane-driver.ts'
import { laneOfItsOwn } from './lane-of-its-own.ts'

let lane: LaneDriver

laneOfItsOwn((opened) => {
  lane = opened
})

describe('submit', () => {
  test('places on the worker with an idle warm sandbox before one with more CPU to spare', async () => {
    await lane.join('a')
    await lane.join('b')
    const busy = 'b'.repeat(16)
    await lane.submit({ n: 1, versionId: busy }, { n: 2, versionId: busy }, { n: 3, versionId: busy })
    await lane.beat('a', { resident: `${VERSION}=1` })
    expect(await lane.free('a')).toMatchObject({ freeCpuMilli: 500 })
    expect(await lane.free('b')).toMatchObject({ freeCpuMilli: 750 })

    expect(await lane.submit({ n: 4 })).toEqual(['placed'])
    expect(await lane.leases('a')).toContain(keyOf(4))
  })

  test('a warm sandbox that is leased already attracts nothing more', async () => {
    await lane.join('a')
    await lane.join('b')
    await lane.beat('b', { resident: `${VERSION}=1` })
    await lane.submit({ n: 1 })
    expect(await lane.leases('b')).toEqual([keyOf(1)])

    await lane.submit({ n: 2 })
    expect(await lane.leases('a')).toEqual([keyOf(2)])
  })

  test('among cold workers takes the one with most CPU to spare', async () => {
    await lane.join('a')
    await lane.join('b')
    for (let n = 1; n <= 6; n++) await lane.submit({ n })
    expect(await lane.leases('a')).toHaveLength(3)
    expect(await lane.leases('b')).toHaveLength(3)
  })

  test('queues when no worker is there, and when none has the memory', async () => {
    expect(await lane.submit({ n: 1 })).toEqual(['queued'])
    await lane.reset()
    await lane.join('small', 100)
    expect(await lane.submit({ n: 1, mb: 64 }, { n: 2, mb: 64 })).toEqual(['placed', 'queued'])
    expect(await lane.free('small')).toMatchObject({ freeMb: 36, running: 1 })
  })

  test('queues when no worker has the CPU share, though memory is free', async () => {
    await lane.join('w')
    await lane.teach(VERSION, 6, 4)
    expect(await lane.submit({ n: 1 }, { n: 2 })).toEqual(['placed', 'queued'])
    expect(await lane.free('w')).toMatchObject({ freeCpuMilli: 400, freeMb: 960 })
  })

  test('an idle worker takes whatever it can hold', async () => {
    await lane.join('w', 64)
    await lane.teach(VERSION, 1_000, 0)
    expect(await lane.submit({ n: 1, mb: 64 })).toEqual(['placed'])
    expect(await lane.free('w')).toMatchObject({ freeCpuMilli: 100, freeMb: 0 })
    expect(await lane.submit({ n: 2, mb: 65, fn: 'acme/other' })).toEqual(['queued'])
  })

  test('what burns a whole core leaves room for what hardly uses one, and for no second of its kind', async () => {
    await lane.join('w')
    await lane.teach(VERSION, 1_000, 0)
    const light = 'f'.repeat(16)
    await lane.teach(light, 0.1, 0)
    expect(await lane.submit({ n: 1 }, { n: 2, fn: 'acme/other', versionId: light }, { n: 3 })).toEqual(['placed', 'placed', 'queued'])
    expect(await lane.free('w')).toMatchObject({ freeCpuMilli: 90 })
  })

  test('a short run is not taken for CPU-bound: the share is of at least 10 ms', async () => {
    await lane.join('w')
    await lane.teach(VERSION, 0.5, 0)
    await lane.submit({ n: 1 })
    expect(await lane.free('w')).toMatchObject({ freeCpuMilli: 950 })
  })

  test('an unknown version is assumed to take a quarter of a core', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    expect(await lane.free('w')).toMatchObject({ freeCpuMilli: 750 })
  })

  test('respects the cap of a function, and only of that one', async () => {
    await lane.join('w')
    await lane.configure(HELLO, 2, 1)
    expect(await lane.submit({ n: 1 }, { n: 2 }, { n: 3, fn: 'acme/other' })).toEqual(['placed', 'queued', 'placed'])
  })

  test('nothing overtakes what waits of the same function', async () => {
    await lane.join('w', 100)
    expect(await lane.submit({ n: 1, mb: 90 }, { n: 2, mb: 90 }, { n: 3, mb: 1 })).toEqual(['placed', 'queued', 'queued'])
  })

  test('gives a draining worker nothing', async () => {
    await lane.join('w')
    await lane.drain('w')
    expect(await lane.submit({ n: 1 })).toEqual(['queued'])
  })

  test('gives a worker that has not beaten for 750 ms nothing', async () => {
    await lane.join('w')
    await lane.silence('w', 751)
    expect(await lane.submit({ n: 1 })).toEqual(['queued'])
  })

  test('hands over the payload, and the time that is left, through the inbox', async () => {
    await lane.join('w')
    await lane.submit({ n: 1, payload: 'bytes', deadlineMs: 5_000 })
    const [handed] = await lane.read('w').then((all) => all.slice(1))
    expect(handed).toMatchObject({ key: keyOf(1), payload: 'bytes', leftMs: 5_000, boxed: false })
    expect(handed?.startedAt).toBe(handed?.acceptedAt)
  })

  test('asks for settings it does not know, and accepts nothing meanwhile', async () => {
    await lane.join('w')
    expect(await lane.submit({ n: 1, fn: 'acme/new' }, { n: 2, revision: 2 })).toEqual(['stale settings', 'stale settings'])
    expect(await lane.leases('w')).toEqual([])
    expect(await lane.sum('arrivals')).toBe(0)
  })
})

describe('what a lane learns of a version', () => {
  test('a run that mostly waits leaves room for many more of its kind', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    await lane.settle('w', [keyOf(1)], { cpuMs: 2, waitMs: 198 })
    await lane.submit({ n: 2 })
    expect(await lane.free('w')).toMatchObject({ freeCpuMilli: 990 })
  })

  test('nothing of a worker that has gone stays with the versions it ran', async () => {
    await lane.join('w')
    await lane.beat('w', { resident: `${VERSION}=3` })
    await lane.submit({ n: 1 })
    await lane.read('w')
    await lane.leave('w')
    await lane.join('next')
    await lane.submit({ n: 2 })
    expect(Object.keys(await lane.redis.hgetall(`${PREFIX}v:${VERSION}`)).filter((field) => field.includes(':'))).toEqual(['l:next'])
    await lane.settle('next', [keyOf(2)])
    expect(Object.keys(await lane.redis.hgetall(`${PREFIX}v:${VERSION}`)).sort()).toEqual(['cpu', 'n', 'run', 'wait'])
  })

  test('a version nobody speaks of any more is forgotten after a day', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    await lane.settle('w', [keyOf(1)])
    const ttl = await lane.redis.pttl(`${PREFIX}v:${VERSION}`)
    expect(ttl).toBeGreaterThan(86_000_000)
  })
})
