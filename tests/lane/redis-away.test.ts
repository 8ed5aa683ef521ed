import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { LaneView } from '../../runtime/lane/lane-view.ts'
import { Submitter } from '../../runtime/lane/submitter.ts'
import { DurableRedis } from '../durable-redis.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { differences, NO_DIFFERENCES } from './differences.ts'
import { keyOf, LaneDriver, PREFIX } from './lane-driver.ts'
import { type Call, callUntil } from './lane-load.ts'
import { StandInWorker } from './stand-in-worker.ts'

const CAPACITY_MB = 100_000
const DEADLINE_MS = 10_000
/** A submitter answers by the deadline and half a second; the rest is the machine's. */
const LATEST_MS = DEADLINE_MS + 1_500

interface Kit extends AsyncDisposable {
  readonly redis: DurableRedis
  readonly proxy: CuttingProxy
  readonly lane: LaneDriver
  readonly workers: readonly StandInWorker[]
  readonly submitters: readonly Submitter[]
}

/** Two gateways and two workers, who reach a Redis of their own through a proxy, and somebody who reaps. */
async function setUp(): Promise<Kit> {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await DurableRedis.start())
  const proxy = stack.use(await CuttingProxy.start({ target: redis.url }))
  const lane = stack.adopt(new LaneDriver(redis.url), (it) => it.close())
  const onError = (): void => {}
  lane.redis.on('error', onError)
  const view = await new LaneView({ url: proxy.url, onError }).open()
  const stop = new AbortController()
  const reaping = (async () => {
    for (; !stop.signal.aborted; await pause(100)) await view.reap().catch(onError)
  })()
  stack.defer(async () => {
    stop.abort()
    view.close()
    await reaping
  })
  const holdMs = (): number => Math.floor(Math.random() * 60)
  const workers = ['w1', 'w2'].map((id) => new StandInWorker(proxy.url, id, { capacityMb: CAPACITY_MB, holdMs }))
  for (const worker of workers) {
    await worker.lane.join()
    stack.defer(() => worker.lane.leave())
  }
  const submitters = ['g1', 'g2'].map((gatewayId) => new Submitter({ url: proxy.url, gatewayId, onError }))
  for (const submitter of submitters) {
    await submitter.open()
    stack.defer(() => submitter.close())
  }
  const opened = stack.move()
  return { redis, proxy, lane, workers, submitters, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** A second of calm, trouble, and two seconds of calm: everything that was called meanwhile. */
function callThrough({ submitters }: Kit, trouble: () => Promise<unknown>): Promise<Call[]> {
  const story = async (): Promise<void> => {
    await pause(1_000)
    await trouble()
    await pause(2_000)
  }
  return callUntil(story(), submitters, DEADLINE_MS)
}

async function expectBooksToBeRight({ lane, workers }: Kit, calls: readonly Call[], { oneLife }: Pick<Accounts, 'oneLife'>): Promise<void> {
  expect(calls.length).toBeGreaterThan(100)
  expect(calls.filter(({ reply }) => reply.kind !== 'answered')).toEqual([])
  await expectAccountsToBeRight({ lane, workers }, calls, { oneLife })
  expect(Math.max(...calls.map(({ tookMs }) => tookMs))).toBeLessThan(LATEST_MS)
  expect(workers.map(({ gone }) => gone)).toEqual([0, 0])
  await expectToBeEmpty(lane)
}

interface Accounts {
  /** Redis lived through it; else a record may have been written again, word for word, in case it had been forgotten. */
  readonly oneLife: boolean
  /** Calls that may have run and be on record, or not. */
  readonly mayHaveRun?: readonly Call[]
}

/** Nothing ran twice, what ran was called, and every call has its one record. */
async function expectAccountsToBeRight({ lane, workers }: Pick<Kit, 'lane' | 'workers'>, calls: readonly Call[], how: Accounts): Promise<void> {
  const { oneLife, mayHaveRun = [] } = how
  const all = calls.map(({ n }) => keyOf(n))
  const perhaps = new Set(mayHaveRun.map(({ n }) => keyOf(n)))
  const claims = workers.flatMap((worker) => [...worker.claims])
  const ran = differences(
    all,
    claims.flatMap(([key, times]) => Array.from({ length: times }, () => key)),
  )
  expect({ twice: ran.twice, strange: ran.strange.filter((key) => !perhaps.has(key)) }).toEqual({ twice: [], strange: [] })
  const records = (await lane.records()).map((record) => [`${record.id}/${record.attempt}`, JSON.stringify(record)] as const)
  const written = [...(oneLife ? records.map(([key]) => key) : new Map(records.map(([key, text]) => [text, key])).values())]
  expect(
    differences(
      all,
      written.filter((key) => !perhaps.has(key)),
    ),
  ).toEqual(NO_DIFFERENCES)
}

/** Within a second after the last answer, and without anybody's dying for it. */
async function expectToBeEmpty(lane: LaneDriver): Promise<void> {
  await vi.waitFor(async () => {
    expect([...(await lane.leases('w1')), ...(await lane.leases('w2'))]).toEqual([])
    expect([await lane.sum('queued'), await lane.sum('inFlight')]).toEqual([0, 0])
    expect(await lane.redis.exists(...['inv', 'job', 'due'].map((name) => PREFIX + name))).toBe(0)
    for (const id of ['w1', 'w2']) expect(await lane.free(id)).toMatchObject({ freeMb: CAPACITY_MB, freeCpuMilli: 1_000, running: 0 })
  }, 1_000)
}

describe.concurrent('every call gets its answer, runs once and leaves one record', () => {
  test('while Redis stands still for five seconds, and no worker dies of it', async () => {
    await using kit = await setUp()
    await expectBooksToBeRight(kit, await callThrough(kit, () => kit.redis.freeze(5_000)), { oneLife: true })
  })

  test('while Redis is stopped and started again', async () => {
    await using kit = await setUp()
    const { redis } = kit
    const calls = await callThrough(kit, async () => {
      await redis.stop()
      await redis.startAgain()
    })
    await expectBooksToBeRight(kit, calls, { oneLife: false })
  })

  test('while Redis is killed and started again on what it has written', async () => {
    await using kit = await setUp()
    const { redis } = kit
    const calls = await callThrough(kit, async () => {
      await redis.kill()
      await redis.startAgain()
    })
    await expectBooksToBeRight(kit, calls, { oneLife: false })
  })

  test('while Redis is killed and forgets its last second', async () => {
    await using kit = await setUp()
    const { redis } = kit
    const calls = await callThrough(kit, async () => {
      // What is forgotten is calls, not who is there.
      await pause(500)
      const written = await redis.writtenBytes()
      await pause(1_000)
      await redis.kill()
      expect(await redis.forget((await redis.writtenBytes()) - written)).toBeGreaterThan(10_000)
      await redis.startAgain()
    })
    // What was neither answered nor in any worker's hands is gone with the memory of it, and its caller hears so.
    const lost = calls.filter(({ reply }) => reply.kind === 'verdict' && reply.outcome.kind === 'lost')
    expect(lost.length).toBeLessThan(calls.length / 10)
    const kept = calls.filter((call) => !lost.includes(call))
    expect(kept.filter(({ reply }) => reply.kind !== 'answered')).toEqual([])
    await expectAccountsToBeRight(kit, kept, { oneLife: false, mayHaveRun: lost })
    expect(kit.workers.map(({ gone }) => gone)).toEqual([0, 0])
    await expectToBeEmpty(kit.lane)
  })

  for (const [what, trouble, patienceMs] of [
    ['nothing passes for five seconds, nobody is told, and then all of it arrives', (proxy) => proxy.blackHole(5_000), LATEST_MS],
    // Half of that time it takes to find out that nobody answers.
    ['all connections die and nobody is told', async (proxy) => proxy.strandAll(), 5_000],
  ] as [string, (proxy: CuttingProxy) => Promise<void>, number][]) {
    test(`or is lost and said to be, while ${what}`, async () => {
      await using kit = await setUp()
      const calls = await callThrough(kit, () => trouble(kit.proxy))
      // Longer than a worker may be silent: what it held then is lost.
      const lost = calls.filter(({ reply }) => reply.kind === 'verdict' && reply.outcome.kind === 'lost')
      expect(calls.filter((call) => call.reply.kind !== 'answered' && !lost.includes(call))).toEqual([])
      await expectAccountsToBeRight(kit, calls, { oneLife: true })
      expect(Math.max(...calls.map(({ tookMs }) => tookMs))).toBeLessThan(patienceMs)
    })
  }
})
