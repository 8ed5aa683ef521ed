import { setTimeout as pause } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { LaneReply } from '../../runtime/lane/lane-reply.ts'
import { LaneView } from '../../runtime/lane/lane-view.ts'
import { Submitter } from '../../runtime/lane/submitter.ts'
import { LaneAway } from '../../runtime/lane/worker-lane.ts'
import { startRedis, type TestRedis } from '../redis-server.ts'
import { keyOf, LaneDriver, PREFIX } from './lane-driver.ts'
import { StandInWorker, submission } from './stand-in-worker.ts'

let server: TestRedis
let lane: LaneDriver
let redis: Redis
let cleanup: AsyncDisposableStack

beforeAll(async () => {
  server = await startRedis()
  lane = new LaneDriver(server.url)
  redis = lane.redis
})
afterAll(async () => {
  lane.close()
  await server.stop()
})
beforeEach(async () => {
  await redis.flushall()
  cleanup = new AsyncDisposableStack()
})
afterEach(() => cleanup.disposeAsync())

async function openSubmitter(gatewayId: string): Promise<Submitter> {
  // Cuts are reported to nobody here: they are the test.
  const submitter = new Submitter({ url: server.url, gatewayId, onError: () => {} })
  cleanup.defer(() => submitter.close())
  await submitter.open()
  return submitter
}

async function startWorker(id: string, options?: ConstructorParameters<typeof StandInWorker>[2]): Promise<StandInWorker> {
  const worker = new StandInWorker(server.url, id, options)
  cleanup.defer(() => worker.lane.leave())
  await worker.lane.join()
  return worker
}

/** Reaps on and on, as a controller does, until the test ends. */
async function keepReaping(): Promise<void> {
  const view = await new LaneView({ url: server.url, onError: () => {} }).open()
  const stop = new AbortController()
  const reaping = (async () => {
    while (!stop.signal.aborted) {
      await view.reap().catch(() => {})
      await pause(100, undefined, { signal: stop.signal }).catch(() => {})
    }
  })()
  cleanup.defer(async () => {
    stop.abort()
    await reaping
    view.close()
  })
}

/** Cuts connections for which `which` says so, and returns how many. */
async function cut(which: (name: string) => boolean): Promise<number> {
  const clients = String(await redis.client('LIST')).split('\n')
  let killed = 0
  for (const client of clients) {
    const id = /(?:^| )id=(\d+)/.exec(client)?.[1]
    const name = / name=(\S+)/.exec(client)?.[1]
    if (id !== undefined && name !== undefined && which(name)) killed += Number(await redis.call('CLIENT', 'KILL', 'ID', id))
  }
  return killed
}

/** How many calls are under way at once. */
const CALLERS = 100

/**
 * Calls `count` times while there is trouble, over and over, each time after so many more answers: never so fast that nothing
 * gets done, on a machine of any speed. A call refused for want of a connection was never accepted, and is made again.
 */
async function call(submitters: readonly Submitter[], count: number, everyAnswers: number, trouble: () => Promise<unknown>): Promise<LaneReply[]> {
  const replies: LaneReply[] = []
  let next = 0
  let answers = 0
  let calm = true
  const caller = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const submitter = submitters[n % submitters.length] as Submitter
      let reply = await submitter.submit(submission(n))
      while (reply.kind === 'refused' && reply.reason === 'unreachable') {
        await pause(5)
        reply = await submitter.submit(submission(n))
      }
      replies[n] = reply
      if (++answers % everyAnswers !== 0 || !calm) continue
      calm = false
      await trouble()
      calm = true
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  return replies
}

async function expectBooksToBeRight(replies: readonly LaneReply[], workers: readonly StandInWorker[]): Promise<void> {
  const all = replies.map((_, n) => keyOf(n)).sort()
  // Nobody died, so nothing is lost.
  expect(replies.filter(({ kind }) => kind !== 'answered')).toEqual([])
  const claims = workers.flatMap((worker) => [...worker.claims])
  expect(claims.filter(([, times]) => times > 1)).toEqual([])
  expect(claims.map(([key]) => key).sort()).toEqual(all)
  expect((await lane.records()).map(({ id, attempt }) => `${id}/${attempt}`).sort()).toEqual(all)
  expect(
    await redis.exists(`${PREFIX}inv`, `${PREFIX}job`, `${PREFIX}due`, `${PREFIX}ready`, ...['w1', 'w2'].map((id) => `${PREFIX}lease:${id}`)),
  ).toBe(0)
  expect([await lane.sum('queued'), await lane.sum('inFlight')]).toEqual([0, 0])
}

const holdMs = (): number => Math.floor(Math.random() * 6)

describe('every submission gets one answer, runs once and leaves one record', () => {
  test('while all connections are cut again and again', async () => {
    const workers = [await startWorker('w1', { holdMs }), await startWorker('w2', { holdMs })]
    const submitters = [await openSubmitter('g1'), await openSubmitter('g2')]
    await keepReaping()
    let cuts = 0
    const replies = await call(submitters, 3_000, 70, async () => {
      cuts += Number(await redis.call('CLIENT', 'KILL', 'TYPE', 'normal'))
    })
    expect(cuts).toBeGreaterThan(50)
    await expectBooksToBeRight(replies, workers)
  })

  for (const [what, which] of [
    ['submissions', (name) => name.startsWith('gateway:')],
    ['replies', (name) => name.startsWith('replies:')],
    ['a worker', (name) => name.startsWith('worker:')],
    ['an inbox', (name) => name.startsWith('inbox:')],
  ] as [string, (name: string) => boolean][]) {
    test(`while only the connection of ${what} is cut`, async () => {
      const workers = [await startWorker('w1', { holdMs })]
      const submitters = [await openSubmitter('g1')]
      let cuts = 0
      const replies = await call(submitters, 1_000, 70, async () => {
        cuts += await cut(which)
      })
      expect(cuts).toBeGreaterThan(4)
      await expectBooksToBeRight(replies, workers)
    })
  }

  test('while Redis stands still for three seconds: a pause kills no worker', async () => {
    const workers = [await startWorker('w1', { holdMs }), await startWorker('w2', { holdMs })]
    const submitters = [await openSubmitter('g1')]
    await keepReaping()
    const pid = Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1])
    let paused = false
    const replies = await call(submitters, 2_000, 500, async () => {
      if (paused) return
      paused = true
      process.kill(pid, 'SIGSTOP')
      try {
        await pause(1_700)
        expect(workers.map(({ lane }) => lane.fresh)).toEqual([false, false])
        await pause(1_300)
      } finally {
        process.kill(pid, 'SIGCONT')
      }
    })
    expect(paused).toBe(true)
    expect(workers.map(({ gone }) => gone)).toEqual([0, 0])
    await expectBooksToBeRight(replies, workers)
  })
})

describe('a submitter', () => {
  test('holds what is submitted while the connection is away for a moment, and sends it when it is back', async () => {
    await startWorker('w1')
    const submitter = await openSubmitter('g1')
    await cut((name) => name.startsWith('gateway:'))
    await expect.poll(() => submitter.connected, { interval: 1 }).toBe(false)
    expect(submitter.reachable).toBe(true)
    const given = submitter.submit(submission(2))
    submitter.cancel(submission(2).invocation.id, 1)
    const [answered, cancelled] = await Promise.all([submitter.submit(submission(1)), given])
    expect(answered).toMatchObject({ kind: 'answered' })
    expect(cancelled).toEqual({ kind: 'verdict', outcome: { kind: 'cancelled' } })
  })

  test('refuses what could not be sent within a second', async () => {
    await using own = await startRedis()
    const submitter = new Submitter({ url: own.url, gatewayId: 'g', onError: () => {} })
    cleanup.defer(() => submitter.close())
    await submitter.open()
    await own.stop()
    await expect.poll(() => submitter.connected, { interval: 1 }).toBe(false)
    const startedAt = performance.now()
    expect(await submitter.submit(submission(1))).toEqual({ kind: 'refused', reason: 'unreachable' })
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1_000)
    expect(submitter.reachable).toBe(false)
  })

  test('answers two calls of the same attempt with the one answer', async () => {
    const worker = await startWorker('w1', { holdMs })
    const submitter = await openSubmitter('g1')
    const [first, second] = await Promise.all([submitter.submit(submission(1)), submitter.submit(submission(1))])
    expect(first.kind).toBe('answered')
    expect(second).toBe(first)
    expect(worker.claims.get(keyOf(1))).toBe(1)
  })

  test('stops while its lane is away', async () => {
    await using own = await startRedis()
    const submitter = new Submitter({ url: own.url, gatewayId: 'g', onError: () => {} })
    await submitter.open()
    const waiting = submitter.submit(submission(1))
    await own.stop()
    await submitter.close()
    expect(['refused', 'verdict']).toContain((await waiting).kind)
  })

  test('waits for a lane that is away for a moment to say where a gateway is, and not for ever', async () => {
    await using own = await startRedis()
    const worker = new StandInWorker(own.url, 'w1')
    cleanup.defer(() => worker.lane.leave())
    await worker.lane.join()
    await own.stop()
    await expect(worker.lane.dataAddress('g')).rejects.toThrow(LaneAway)
  })

  test('outlives an answer it cannot read', async () => {
    const errors: Error[] = []
    const submitter = new Submitter({ url: server.url, gatewayId: 'g1', onError: (error) => errors.push(error) })
    cleanup.defer(() => submitter.close())
    await submitter.open()
    const spoilt = submitter.submit(submission(1))
    await expect.poll(() => lane.sum('queued')).toBe(1)
    await redis.xadd(`${PREFIX}replies:g1`, '*', `f:${keyOf(1)}`, 'no frame')
    expect(await spoilt).toMatchObject({ kind: 'verdict', outcome: { kind: 'lost' } })
    expect(errors).toHaveLength(1)
    await startWorker('w1')
    expect(await submitter.submit(submission(2))).toMatchObject({ kind: 'answered' })
  })
})

describe('a worker that the lane gave up', () => {
  test('joins again, hands on nothing twice, and drops what it had', async () => {
    let first = true
    const holdFirst = (): number | 'for ever' => {
      const held = first
      first = false
      return held ? 'for ever' : 0
    }
    const worker = await startWorker('w1', { holdMs: holdFirst })
    const submitter = await openSubmitter('g1')
    const lost = submitter.submit(submission(0))
    await worker.claimed
    await lane.trustReap()
    await lane.silence('w1', 2_001)
    await lane.reap()
    expect(await lost).toMatchObject({ kind: 'verdict', outcome: { kind: 'lost', started: 'maybe' } })

    const waiting = Array.from({ length: 20 }, (_, n) => submitter.submit(submission(n + 1)))
    expect((await Promise.all(waiting)).map(({ kind }) => kind)).toEqual(waiting.map(() => 'answered'))
    expect(worker.gone).toBe(1)
    expect([...worker.claims.values()]).toEqual(Array.from({ length: 21 }, () => 1))
    expect(await lane.records()).toHaveLength(21)
  })

  test('and that is about to stop joins again only to finish: it is handed nothing', async () => {
    const worker = await startWorker('w1')
    await worker.lane.drain()
    await redis.hdel(`${PREFIX}cap`, 'w1')
    await expect.poll(() => worker.gone).toBe(1)
    await expect.poll(async () => (await lane.free('w1'))?.state).toBe('d')
    const submitter = await openSubmitter('g1')
    void submitter.submit(submission(1))
    await expect.poll(() => lane.sum('queued')).toBe(1)
    expect(worker.claims.size).toBe(0)
  })

  test('and that waits for its settlements to be heard does not wait for ever', async () => {
    const worker = await startWorker('w1', { holdMs: () => 20 })
    const submitter = await openSubmitter('g1')
    void submitter.submit(submission(1))
    await worker.claimed
    await redis.hdel(`${PREFIX}cap`, 'w1')
    await cut((name) => name === 'worker:w1')
    await expect.poll(() => worker.gone).toBe(1)
    await worker.lane.flushed()
  })
})
