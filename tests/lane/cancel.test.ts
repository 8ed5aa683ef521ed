import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseUsageRecord } from '../../platform/billing/parse-usage-record.ts'
import { Submitter } from '../../runtime/lane/submitter.ts'
import type { TestRedis } from '../redis-server.ts'
import { idOf } from '../unit/billing/usage-fixture.ts'
import { keyOf, type LaneDriver, PREFIX } from './lane-driver.ts'
import { laneOfItsOwn } from './lane-of-its-own.ts'
import { StandInWorker, submission } from './stand-in-worker.ts'

let server: TestRedis
let lane: LaneDriver

laneOfItsOwn((opened, redis) => {
  lane = opened
  server = redis
})

describe('what is queued', () => {
  test('is taken out: one record that bills nothing, one reply, nothing else left of it', async () => {
    await lane.submit({ n: 1 }, { n: 2 })
    expect(await lane.cancel(keyOf(1))).toEqual(['removed'])
    expect(await lane.replies()).toEqual([[keyOf(1), { kind: 'cancelled' }]])
    const [record, ...more] = await lane.records()
    expect(more).toEqual([])
    expect(parseUsageRecord(record)).toMatchObject({ id: idOf(1), outcome: 'cancelled', billedMs: 0, startedAt: 0, start: 'none', worker: '' })
    expect(await lane.sum('queued')).toBe(1)
    await lane.join('w')
    expect(await lane.leases('w')).toEqual([keyOf(2)])
  })

  test('makes way: what is behind a head that did not fit starts at once', async () => {
    await lane.join('w', 128)
    await lane.submit({ n: 1, mb: 512 }, { n: 2, mb: 64 })
    expect(await lane.leases('w')).toEqual([])
    await lane.cancel(keyOf(1))
    expect(await lane.leases('w')).toEqual([keyOf(2)])
  })

  test('frees its place in a full queue', async () => {
    lane.gateway.mostQueued = 1
    expect(await lane.submit({ n: 1 }, { n: 2 })).toEqual(['queued', 'full'])
    await lane.cancel(keyOf(1))
    expect(await lane.submit({ n: 3 })).toEqual(['queued'])
  })

  test('the last of a flow leaves `ready`', async () => {
    await lane.submit({ n: 1 })
    expect(await lane.ready()).toEqual(['s:acme'])
    await lane.cancel(keyOf(1))
    expect(await lane.ready()).toEqual([])
  })
})

describe('what runs', () => {
  test('goes on until its worker settles it, which is told through its inbox, after the hand-over', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    expect(await lane.cancel(keyOf(1))).toEqual(['running'])
    expect(await lane.leases('w')).toEqual([keyOf(1)])
    expect(await lane.records()).toEqual([])
    const told = await lane.inbox('w')
    expect(told.map(({ name, key }) => (name.startsWith('abort') ? name : key)).slice(1)).toEqual([keyOf(1), `abort|${keyOf(1)}`])
    expect(await lane.settle('w', [keyOf(1)])).toEqual([1])
  })

  test('on a worker that is gone is lost like the rest: there is no inbox to tell', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    await lane.read('w')
    await lane.leave('w')
    expect(await lane.cancel(keyOf(1))).toEqual(['not here'])
    expect(await lane.redis.exists(`${PREFIX}inbox:w`)).toBe(0)
  })
})

test('many at once are as many answers, in order', async () => {
  await lane.join('w', 64)
  await lane.submit({ n: 1 }, { n: 2 }, { n: 3 })
  expect(await lane.cancel(keyOf(3), keyOf(9), keyOf(1), keyOf(2))).toEqual(['removed', 'not here', 'running', 'removed'])
})

describe('a submitter', () => {
  let cleanup: AsyncDisposableStack
  let submitter: Submitter
  beforeEach(async () => {
    cleanup = new AsyncDisposableStack()
    submitter = new Submitter({ url: server.url, gatewayId: 'g', onError: () => {} })
    cleanup.defer(() => submitter.close())
    await submitter.open()
  })
  afterEach(() => cleanup.disposeAsync())

  async function startWorker(): Promise<StandInWorker> {
    const worker = new StandInWorker(server.url, 'w', { holdMs: () => 'for ever' })
    cleanup.defer(() => worker.lane.leave())
    await worker.lane.join()
    return worker
  }

  test('hears of what was queued that it is cancelled', async () => {
    const reply = submitter.submit(submission(1))
    while ((await lane.sum('queued')) === 0);
    submitter.cancel(idOf(1), 1)
    expect(await reply).toEqual({ kind: 'verdict', outcome: { kind: 'cancelled' } })
    expect(submitter.inFlight).toBe(0)
    expect(await lane.sum('queued')).toBe(0)
  })

  test('that cancels in the turn in which it submits has sent nothing', async () => {
    const reply = submitter.submit(submission(1))
    submitter.cancel(idOf(1), 1)
    expect(await reply).toEqual({ kind: 'verdict', outcome: { kind: 'cancelled' } })
    expect(await lane.sum('arrivals')).toBe(0)
  })

  test('has the worker told of what runs, and gets what the worker makes of it', async () => {
    const worker = await startWorker()
    const reply = submitter.submit(submission(1))
    await worker.claimed
    submitter.cancel(idOf(1), 1)
    submitter.cancel(idOf(1), 1)
    expect(await worker.aborted).toBe(keyOf(1))
    expect(submitter.inFlight).toBe(1)
    worker.settleFirst()
    expect(await reply).toMatchObject({ kind: 'answered' })
    expect(await lane.aborts('w')).toHaveLength(1)
  })

  test('that was cut off says it again, and does not submit again what nobody waits for', async () => {
    const worker = await startWorker()
    const reply = submitter.submit(submission(1))
    await worker.claimed
    // No script runs, so that neither can have been heard before the cut.
    await lane.redis.call('CLIENT', 'PAUSE', '20000', 'WRITE')
    submitter.cancel(idOf(1), 1)
    const unheard = submitter.submit(submission(2))
    await lane.redis.ping()
    submitter.cancel(idOf(2), 1)
    await lane.redis.ping()
    for (const line of String(await lane.redis.client('LIST')).split('\n')) {
      const [, id] = /(?:^| )id=(\d+)/.exec(line) ?? []
      if (id !== undefined && line.includes(' name=gateway:g')) await lane.redis.call('CLIENT', 'KILL', 'ID', id)
    }
    while (submitter.connected) await new Promise((resolve) => setImmediate(resolve))
    await lane.redis.call('CLIENT', 'UNPAUSE')
    expect(await worker.aborted).toBe(keyOf(1))
    expect(await unheard).toMatchObject({ kind: 'verdict', outcome: { kind: 'cancelled' } })
    worker.settleFirst()
    expect(await reply).toMatchObject({ kind: 'answered' })
    expect(worker.claims.size).toBe(1)
  })

  test('changes nothing by cancelling what has been answered, or what it never sent', async () => {
    const worker = new StandInWorker(server.url, 'w')
    cleanup.defer(() => worker.lane.leave())
    await worker.lane.join()
    expect(await submitter.submit(submission(1))).toMatchObject({ kind: 'answered' })
    submitter.cancel(idOf(1), 1)
    submitter.cancel(idOf(7), 1)
    expect(await submitter.submit(submission(2))).toMatchObject({ kind: 'answered' })
    expect(await lane.aborts('w')).toEqual([])
  })
})
