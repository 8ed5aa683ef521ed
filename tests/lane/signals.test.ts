import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type LaneSignals, LaneView } from '../../runtime/lane/lane-view.ts'
import { startRedis, type TestRedis } from '../redis-server.ts'
import { keyOf, LaneDriver, PREFIX } from './lane-driver.ts'

let server: TestRedis
let lane: LaneDriver
let view: LaneView

beforeAll(async () => {
  server = await startRedis()
  lane = new LaneDriver(server.url)
  view = await new LaneView({
    url: server.url,
    onError: (error) => {
      throw error
    },
  }).open()
})
afterAll(async () => {
  view.close()
  lane.close()
  await server.stop()
})
beforeEach(() => lane.reset())

/** As if nothing had been said to the lane for so long. */
async function pass(ms: number): Promise<void> {
  await lane.redis.hincrby(`${PREFIX}sum`, 'at', -ms)
}

const EMPTY = { queued: 0, queuedMb: 0, queuedCpuMilli: 0, inFlight: 0, inFlightMb: 0, inFlightCpuMilli: 0 }

test('an empty lane has had nothing', async () => {
  const { now, ...signals } = await view.signals()
  expect(Math.abs(now - (await lane.now()))).toBeLessThan(1_000)
  expect(signals).toEqual({
    ...EMPTY,
    arrivals: 0,
    settled: 0,
    refused: 0,
    runMs: 0,
    cpuMs: 0,
    queuedMs: 0,
    inFlightMs: 0,
    inFlightMbMs: 0,
    inFlightCpuMilliMs: 0,
  })
})

test('gauges and counters say what is there, and what has been', async () => {
  await lane.join('w', 100)
  await lane.submit({ n: 1 }, { n: 2 }, { n: 3, mb: 10 })
  expect(await view.signals()).toMatchObject({
    arrivals: 3,
    settled: 0,
    inFlight: 1,
    inFlightMb: 64,
    inFlightCpuMilli: 250,
    queued: 2,
    queuedMb: 74,
    queuedCpuMilli: 500,
  })
  await lane.settle('w', [keyOf(1)], { cpuMs: 2.5, runMs: 12.25 })
  await lane.settle('w', [keyOf(2), keyOf(3)], { cpuMs: 1, runMs: 2 })
  expect(await view.signals()).toMatchObject({ ...EMPTY, arrivals: 3, settled: 3, runMs: 16.25, cpuMs: 4.5 })
})

test('integrals weigh each gauge by how long it stood', async () => {
  await lane.join('w', 64)
  const start = await view.signals()
  await lane.submit({ n: 1 }, { n: 2 }, { n: 3 })
  await pass(10_000)
  await lane.settle('w', [keyOf(1)])
  await pass(5_000)
  await lane.settle('w', [keyOf(2)])
  await pass(1_000)
  const end = await view.signals()

  const grown = (name: keyof LaneSignals): number => end[name] - start[name]
  const around = (value: number, gauge: number): { least: number; most: number } => ({ least: value, most: value + gauge * SLACK_MS })
  expectWithin(grown('queuedMs'), around(2 * 10_000 + 1 * 5_000, 2))
  expectWithin(grown('inFlightMs'), around(16_000, 1))
  expectWithin(grown('inFlightMbMs'), around(64 * 16_000, 64))
})

test('integrals go on between two verbs', async () => {
  await lane.submit({ n: 1 })
  await pass(7_000)
  const { queuedMs } = await view.signals()
  expectWithin(queuedMs, { least: 7_000, most: 7_000 + SLACK_MS })
  expect(await lane.sum('queuedMs')).toBe(0)
})

test('the share of a core in flight is weighed like the rest', async () => {
  await lane.join('w')
  await lane.submit({ n: 1 }, { n: 2 })
  await pass(2_000)
  await lane.settle('w', [keyOf(1), keyOf(2)])
  await pass(60_000)
  expectWithin((await view.signals()).inFlightCpuMilliMs, { least: 500 * 2_000, most: 500 * (2_000 + SLACK_MS) })
})

/** Real time goes on while a test runs: the integrals may be more by this, and never less. */
const SLACK_MS = 500

function expectWithin(value: number, { least, most }: { least: number; most: number }): void {
  expect(value).toBeGreaterThanOrEqual(least)
  expect(value).toBeLessThanOrEqual(most)
}
