import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Door, readSlowly, upload } from '../bench/bodies/callers.ts'
import { type Growth, MemoryWatch, PARTS } from '../bench/bodies/memory-watch.ts'
import { type Platform, startPlatform } from '../platform.ts'

/**
 * Whatever passes through, no process holds it. `npm run bench:bodies` measures the same with 200 MiB, and what other tenants
 * notice of it.
 */
const MIB = 1_048_576
const BYTES = 160 * MIB
/**
 * Gateway and worker: buffers on the way, and garbage not yet collected. The cell: what its function may hold, its memoryMb. A
 * process that held the body would grow by all of it.
 */
const FLAT_MIB = { gateway: 96, worker: 96, cell: 128, Redis: 8 } as const

let platform: Platform
let memory: MemoryWatch
beforeAll(async () => {
  platform = await startPlatform({ env: { ISOLANE_MIN_WORKERS: '1', ISOLANE_MAX_WORKERS: '1' } })
  const [worker] = await platform.workers()
  const folder = join(platform.dataDir, 'redis')
  const sockets = readdirSync(folder).filter((name) => name.endsWith('.sock'))
  memory = new MemoryWatch({ gateway: platform.pid, worker: worker?.pid as number, sockets: sockets.map((name) => join(folder, name)) })
})
afterAll(async () => {
  memory[Symbol.dispose]()
  await platform.stop()
})

const door = (name: string): Door => ({ url: `${platform.url}/fn/default/${name}`, key: platform.key })

function expectFlat(growth: Growth): void {
  for (const part of PARTS) {
    const most = Math.max(growth[part].first, growth[part].second)
    expect(most, `${part}, in MiB`).toBeLessThan(FLAT_MIB[part])
  }
}

test('160 MiB to a reader slower than the function that makes them are held nowhere', async () => {
  await platform.deploy(
    'fountain',
    `export default { fetch() {
      let left = ${BYTES / 65_536}
      return new Response(new ReadableStream({ pull(c) { if (left-- > 0) c.enqueue(new Uint8Array(65536)); else c.close() } }))
    } }`,
    'timeoutMs=60000',
  )
  await memory.begin()
  const { growth } = await memory.during(() =>
    readSlowly(door('fountain'), { bytes: BYTES, mibPerSecond: Number.POSITIVE_INFINITY, stillMs: 100, stillEveryMib: 16 }),
  )
  expectFlat(growth)
})

test('160 MiB for a function slower than the caller that sends them are held nowhere', async () => {
  await platform.deploy(
    'sink',
    `export default { async fetch(request) {
      let bytes = 0, next = 0
      for await (const piece of request.body) {
        if (bytes >= next) { next += 16 * ${MIB}; await new Promise((resolve) => setTimeout(resolve, 100)) }
        bytes += piece.length
      }
      return new Response(String(bytes))
    } }`,
    'timeoutMs=60000',
  )
  await memory.begin()
  const { result, growth } = await memory.during(() => upload(door('sink'), BYTES))
  expect(Number(result)).toBe(BYTES)
  expectFlat(growth)
})
