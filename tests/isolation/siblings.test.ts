import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'
import { CellWatch } from './cell-watch.ts'
import { percentile, Traffic } from './traffic.ts'

/** Functions of one tenant on a machine with a single worker: one that answers at once, called forty times a second, and what the tests put beside it. */
let platform: Platform
let hello: Traffic
let watch: CellWatch

const call = (name: string): Promise<Response> => platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: 'null' })

beforeAll(async () => {
  platform = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
  await platform.deploy('hello', 'export default () => 1')
  const [worker] = await platform.workers()
  watch = new CellWatch(worker?.pid as number)
  hello = new Traffic(25, () => call('hello'))
})
afterAll(async () => {
  await hello[Symbol.asyncDispose]()
  watch[Symbol.dispose]()
  await platform.stop()
})

test('ten plain endless loops cost their sandboxes and no cell', async () => {
  for (let i = 0; i < 10; i++) await platform.deploy(`loop-${i}`, 'export default () => { for (;;); }', 'memoryMb=64&timeoutMs=3000')
  watch.begin()
  // `lost` is what it may be called where the machine is too crowded to say whose the time was.
  const from = performance.now()
  for (let i = 0; i < 10; i++) expect(['exceeded', 'lost']).toContain((await call(`loop-${i}`)).headers.get('isolane-outcome'))
  await hello.settled()
  expect(watch.gone()).toEqual([])
  expect([...new Set(hello.since(from).map(({ ending }) => ending))]).toEqual(['200'])
})

test('a function that answers at once hardly waits beside one that legally burns 300 ms at a time, once that is known', async () => {
  const burn = 'export default () => { const end = Date.now() + 300; while (Date.now() < end); return 1 }'
  await platform.deploy('burn', burn, 'memoryMb=1024&timeoutMs=5000')
  for (let i = 0; i < 3; i++) await call('burn')
  await pause(300)
  const from = performance.now()
  for (let i = 0; i < 12; i++) expect((await call('burn')).status).toBe(200)
  const seen = hello.samples.filter(({ startedAt }) => startedAt >= from)
  expect([...new Set(seen.map(({ ending }) => ending))]).toEqual(['200'])
  // The aim is a p99 of 15 ms, which a quiet machine keeps; behind the burner in one thread or in the lane half of them waited 150 ms and more.
  const ms = seen.map(({ ms }) => ms)
  expect(percentile(ms, 0.5)).toBeLessThan(100)
})
