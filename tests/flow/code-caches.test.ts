import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'

let platform: Platform

beforeAll(async () => {
  platform = await startPlatform({ env: { ISOLANE_MIN_WORKERS: '1', ISOLANE_MAX_WORKERS: '1' } })
}, 60_000)

afterAll(async () => {
  await platform?.stop()
})

/** A few hundred functions, of which none runs at the load and two in a call; exported, or the bundler would drop them. */
const large = (answer: string): string =>
  `export default { fetch: () => new Response(f0() + f7()) }\n${Array.from({ length: 400 }, (_, n) => `export const f${n} = () => '${answer}'.slice(${n})`).join('\n')}`

function files(): string[] {
  const folder = join(platform.dataDir, 'code-caches')
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter((file) => statSync(file).isFile())
}

/** The files that came since, once there are any. */
async function newFiles(before: readonly string[]): Promise<string[]> {
  return await vi.waitFor(
    () => {
      const fresh = files().filter((file) => !before.includes(file) && /\/[0-9a-f]{32}\.[0-9a-f]{32}$/.test(file))
      expect(fresh).not.toEqual([])
      return fresh
    },
    { timeout: 20_000, interval: 50 },
  )
}

async function text(name: string): Promise<string> {
  const response = await platform.fetch(`/fn/default/${name}`)
  return `${response.status} ${await response.text()}`
}

async function withNewWorker(): Promise<void> {
  const old = (await platform.workers()).find(({ state }) => state === 'ready')
  process.kill(old?.pid as number, 'SIGKILL')
  await vi.waitFor(
    async () => {
      const ready = (await platform.workers()).filter(({ id, state }) => id !== old?.id && state === 'ready')
      expect(ready).toHaveLength(1)
    },
    { timeout: 20_000, interval: 50 },
  )
}

test('a deploy leaves a code cache behind, from which a new worker starts the function', async () => {
  const before = files()
  await platform.deploy('cached', large('from a cache'))
  const [file] = await newFiles(before)
  expect(statSync(file as string).size).toBeGreaterThan(4_096)
  await withNewWorker()
  expect(await text('cached')).toBe('200 from a cachecache')
})

test('a small function gets none', async () => {
  const before = files()
  await platform.deploy('small', `export default { fetch: () => new Response('small') }`)
  await platform.deploy('after-small', large('after small'))
  await newFiles(before)
  expect(files().length).toBe(before.length + 1)
})

test('a damaged cache is not used, and made anew', async () => {
  const before = files()
  await platform.deploy('damaged', large('in spite of damage'))
  const [file] = (await newFiles(before)) as [string]
  const bad = readFileSync(file)
  bad.fill(0xff, 1_000, 2_000)
  writeFileSync(file, bad)
  await withNewWorker()
  expect(await text('damaged')).toBe('200 in spite of damagee of damage')
  await vi.waitFor(() => expect(readFileSync(file).equals(bad)).toBe(false), { timeout: 20_000, interval: 50 })
})

test('a cache goes with its artifact', async () => {
  const before = files()
  await platform.deploy('removed', large('removed'))
  const [file] = (await newFiles(before)) as [string]
  const response = await platform.fetch('/v1/functions/removed', { method: 'DELETE' })
  expect(response.ok).toBe(true)
  expect(existsSync(file)).toBe(false)
})
