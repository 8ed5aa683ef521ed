import { describe, expect, test } from 'vitest'
import { lanePrefix, runVerb } from '../../runtime/lane/scripts.ts'
import { keyOf, type LaneDriver, PREFIX } from './lane-driver.ts'
import { laneOfItsOwn } from './lane-of-its-own.ts'

let lane: LaneDriver

laneOfItsOwn((opened) => {
  lane = opened
})

/** Redis ends and begins anew with what it held before `since`. */
async function rolledBack(since: () => Promise<unknown>): Promise<void> {
  const beginAnew = await lane.onDisk()
  await since()
  await beginAnew()
}

describe('after Redis has begun anew', () => {
  test('nothing is handed out until every worker has spoken', async () => {
    await lane.join('a')
    await lane.join('b')
    await lane.restart()
    expect(await lane.submit({ n: 1 })).toEqual(['queued'])
    await lane.beat('a')
    expect(await lane.reconcile('a', [], [])).toEqual([])
    expect(await lane.leases('a')).toEqual([])
    await lane.reconcile('b', [], [])
    expect([...(await lane.leases('a')), ...(await lane.leases('b'))]).toEqual([keyOf(1)])
  })

  test('nor for longer than two seconds', async () => {
    await lane.pass(0)
    await lane.join('a')
    await lane.restart()
    await lane.submit({ n: 1 })
    await lane.pass(1_999)
    await lane.beat('a')
    expect(await lane.leases('a')).toEqual([])
    await lane.pass(1)
    await lane.beat('a')
    expect(await lane.leases('a')).toEqual([keyOf(1)])
  })

  test('a worker that leaves, dies or joins anew has spoken too', async () => {
    await lane.pass(0)
    for (const worker of ['a', 'b', 'c']) await lane.join(worker)
    await lane.restart()
    await lane.submit({ n: 1 })
    await lane.leave('a')
    await lane.trustReap()
    await lane.silence('b', 2_001)
    await lane.reap()
    expect(await lane.sum('heldUntil')).toBeGreaterThan(0)
    await lane.join('c')
    expect(await lane.leases('c')).toEqual([keyOf(1)])
  })

  test('a lane with nobody in it waits for nobody', async () => {
    await lane.restart()
    await lane.submit({ n: 1 })
    await lane.join('w')
    expect(await lane.leases('w')).toEqual([keyOf(1)])
  })

  test('each lane on it finds that out with its own first verb', async () => {
    const blue = lanePrefix('blue')
    await lane.redis.script('FLUSH')
    for (const prefix of [PREFIX, blue]) await lane.redis.set(`${prefix}run`, 'before')
    await lane.join('w')
    expect(await lane.redis.get(`${blue}run`)).toBe('before')
    await runVerb(lane.redis, blue, 'join', ['w', 64, 1_000, '{}', 'r'])
    expect(await lane.redis.get(`${blue}run`)).toBe(await lane.redis.get(`${PREFIX}run`))
  })

  test('that is found out once: the same run is no news', async () => {
    await lane.join('w')
    expect(await lane.verb('wake')).toMatch(/^\w{40}$/)
    expect(await lane.submit({ n: 1 })).toEqual(['placed'])
  })
})

describe('a lane that has forgotten its last seconds', () => {
  test('knows again what its workers run, at the cost of nothing else', async () => {
    await lane.join('w')
    let lease = ''
    await rolledBack(async () => {
      await lane.submit({ n: 1 })
      await lane.read('w')
      lease = await lane.lease('w', keyOf(1))
    })
    expect(await lane.known(keyOf(1))).toEqual([0])
    expect(await lane.reconcile('w', [lease], [])).toEqual([1])
    expect(await lane.known(keyOf(1))).toEqual([1])
    expect(await lane.submitAgain({ n: 1 })).toEqual(['here'])
    expect(await lane.free('w')).toMatchObject({ freeMb: 1_024 - 64, freeCpuMilli: 750, running: 1 })
    expect(await lane.tenantState('acme')).toMatchObject({ mb: 64, cpu: 250, running: 1 })
    expect(await lane.settle('w', [keyOf(1)])).toEqual([1])
  })

  test('does not hand out again what was queued in its memory and runs by now', async () => {
    await lane.join('w', 64, 'd')
    await lane.submit({ n: 1 })
    let lease = ''
    await rolledBack(async () => {
      await lane.undrain('w')
      await lane.read('w')
      lease = await lane.lease('w', keyOf(1))
    })
    expect(await lane.redis.hget(`${PREFIX}inv`, keyOf(1))).toBe('q')
    expect(await lane.reconcile('w', [lease], [])).toEqual([1])
    expect(await lane.leases('w')).toEqual([keyOf(1)])
    expect(await lane.sum('queued')).toBe(0)
    expect(await lane.redis.exists(`${PREFIX}job`, `${PREFIX}due`, `${PREFIX}q:s:acme/hello`, `${PREFIX}ready`)).toBe(0)
  })

  test('takes the settlements of those seconds: running, queued or unknown in its memory', async () => {
    await lane.join('w', 192)
    await lane.submit({ n: 1, mb: 192 }, { n: 2 })
    await lane.read('w')
    const leases: string[] = [await lane.lease('w', keyOf(1))]
    await rolledBack(async () => {
      await lane.settle('w', [keyOf(1)])
      leases.push(await lane.lease('w', keyOf(2)))
      await lane.submit({ n: 3 })
      leases.push(await lane.lease('w', keyOf(3)))
      await lane.settle('w', [keyOf(2), keyOf(3)])
    })
    expect(await lane.reconcile('w', [], leases)).toEqual([])
    expect((await lane.records()).map(({ id }) => id).sort()).toEqual([1, 2, 3].map((n) => keyOf(n).split('/')[0]))
    expect((await lane.replies()).map(([key]) => key).sort()).toEqual([1, 2, 3].map((n) => keyOf(n)))
    expect(await lane.redis.exists(`${PREFIX}inv`, `${PREFIX}job`, `${PREFIX}lease:w`)).toBe(0)
    expect(await lane.free('w')).toMatchObject({ freeMb: 192, freeCpuMilli: 1_000, running: 0 })
  })

  test('takes them in parts, and what they make room for starts with the last', async () => {
    await lane.configure('acme/hello', 2, 1)
    await lane.join('w')
    await lane.submit({ n: 1 }, { n: 2 })
    const lease = await lane.lease('w', keyOf(1))
    expect(await lane.reconcile('w', [], [lease], { more: true })).toEqual([])
    expect(await lane.leases('w')).toEqual([])
    expect(await lane.reconcile('w', [], [])).toEqual([])
    expect(await lane.leases('w')).toEqual([keyOf(2)])
  })

  test('gives those who joined what was queued in its memory its answer', async () => {
    await lane.join('w', 64, 'd')
    await lane.submit({ n: 1, idem: 'k', print: 'p' }, { n: 2, idem: 'k', print: 'p' })
    let lease = ''
    await rolledBack(async () => {
      await lane.undrain('w')
      lease = await lane.lease('w', keyOf(1))
      await lane.settle('w', [keyOf(1)])
    })
    await lane.reconcile('w', [], [lease])
    expect((await lane.replays()).map(([key]) => key)).toEqual([keyOf(2)])
    expect(await lane.submit({ n: 3, idem: 'k', print: 'p' })).toEqual(['replayed'])
  })

  test('answers what it thinks is running and its worker has never heard of: lost, but not what still waits in its inbox', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    const [, { key: read } = { key: '' }] = await lane.read('w')
    const lastRead = (await lane.redis.xrange(`${PREFIX}inbox:w`, '-', '+')).at(-1)?.[0] ?? ''
    await lane.submit({ n: 2 })
    await lane.restart()
    expect(await lane.reconcile('w', [], [], { lastRead })).toEqual([])
    expect(read).toBe(keyOf(1))
    expect((await lane.replies()).map(([key, outcome]) => [key, outcome?.kind])).toEqual([[keyOf(1), 'lost']])
    expect(await lane.leases('w')).toEqual([keyOf(2)])
  })

  test('repeats nothing of a worker that dies before it has spoken: how far that had read may be forgotten too', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    await rolledBack(() => lane.read('w'))
    await lane.leave('w')
    expect((await lane.replies()).map(([key, outcome]) => [key, outcome?.kind, outcome?.started])).toEqual([[keyOf(1), 'lost', 'maybe']])
    await lane.join('next')
    expect(await lane.leases('next')).toEqual([])
  })

  test('believes a worker that has spoken, however late', async () => {
    await lane.pass(0)
    await lane.join('w')
    await lane.restart()
    await lane.pass(5_000)
    await lane.reconcile('w', [], [])
    await lane.beat('w')
    await lane.submit({ n: 1 })
    await lane.leave('w')
    expect(await lane.replies()).toEqual([])
    expect(await lane.sum('queued')).toBe(1)
  })

  test('tells a worker of what another holds by now', async () => {
    await lane.join('a')
    await lane.submit({ n: 1 })
    const lease = await lane.lease('a', keyOf(1))
    await lane.join('b')
    expect(await lane.reconcile('b', [lease], [])).toEqual([0])
    expect(await lane.leases('a')).toEqual([keyOf(1)])
  })

  test('hears nothing from an old epoch', async () => {
    const old = await lane.join('w')
    await lane.join('w')
    expect(await lane.reconcile('w', [], [], { epoch: old })).toBe('gone')
  })

  test('knows what is answered and unread as well as what waits and runs', async () => {
    await lane.join('w', 64)
    await lane.submit({ n: 1 }, { n: 2 })
    await lane.settle('w', [keyOf(1)])
    expect(await lane.known(keyOf(1), keyOf(2), keyOf(3))).toEqual([1, 1, 0])
    lane.gateway.lastReply = (await lane.redis.xrange(`${PREFIX}replies:g`, '-', '+')).at(-1)?.[0] ?? ''
    expect(await lane.known(keyOf(1), keyOf(2))).toEqual([0, 1])
  })
})
