import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'

/** Does what it is told to, key by key, and answers what came of it. */
const KEEPER = `export default async ([method, ...args], { env }) => {
  const kv = env.KV
  switch (method) {
    case 'fill': return await kv.put(args[0], 'x'.repeat(args[1]))
    case 'length': return (await kv.get(args[0]))?.length ?? null
    case 'share': return await kv.tenant.put(...args)
    case 'shared': return await kv.tenant.get(...args)
    case 'copy': return await kv.put(args[1], await kv.get(args[0], 'stream'))
    case 'same': {
      const [a, b] = await Promise.all(args.map((key) => kv.get(key, 'arrayBuffer')))
      return a.byteLength === b.byteLength && new Uint8Array(a).every((byte, at) => byte === new Uint8Array(b)[at])
    }
    case 'name of failure': try { return await kv.put('big', 'x'.repeat(1048577)) } catch (error) { return error.name }
    default: return await kv[method](...args)
  }
}`

let dataDir: string
let platform: Platform
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'isolane-kv-'))
  platform = await startPlatform({ dataDir, env: { ISOLANE_MAX_WORKERS: '2' } })
  await Promise.all([platform.deploy('keeper', KEEPER), platform.deploy('other', KEEPER)])
})
afterAll(async () => {
  await platform?.stop()
  if (dataDir) await rm(dataDir, { recursive: true, force: true })
})

async function ask(name: string, ...event: unknown[]): Promise<unknown> {
  const response = await platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: JSON.stringify(event) })
  const text = await response.text()
  if (!response.ok && response.status !== 204) throw new Error(`${response.status} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}

async function files(): Promise<number> {
  const entries = await readdir(join(dataDir, 'kv'), { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).length
}

test('what one call puts another gets; functions have their own keys, and the tenant’s are shared', async () => {
  await ask('keeper', 'put', 'k', '{"n":1}', { metadata: { m: 1 }, expirationTtl: 600 })
  expect(await ask('keeper', 'get', 'k', 'json')).toEqual({ n: 1 })
  expect(await ask('keeper', 'getWithMetadata', 'k')).toEqual({ value: '{"n":1}', metadata: { m: 1 }, cacheStatus: null })
  expect(await ask('other', 'get', 'k')).toBeNull()
  await ask('keeper', 'share', 'k', 'for all')
  expect(await ask('other', 'shared', 'k')).toBe('for all')
  expect(await ask('keeper', 'name of failure')).toBe('TypeError')
  expect(await ask('keeper', 'list', { prefix: 'k' })).toMatchObject({ keys: [{ name: 'k', metadata: { m: 1 } }], list_complete: true })
})

test('large values go through pipes and files, also as streams, and outlive a kill -9 of everything', async () => {
  await ask('keeper', 'fill', 'large', 1_000_000)
  await ask('keeper', 'copy', 'large', 'copy')
  expect(await ask('keeper', 'same', 'large', 'copy')).toBe(true)
  await ask('keeper', 'put', 'small', 'kept')
  await platform.kill()
  platform = await startPlatform({ dataDir, env: { ISOLANE_MAX_WORKERS: '2' } })
  expect(await ask('keeper', 'length', 'large')).toBe(1_000_000)
  expect(await ask('keeper', 'same', 'large', 'copy')).toBe(true)
  expect(await ask('keeper', 'get', 'small')).toBe('kept')
})

test('deleting a function deletes its keys: one of the same name begins with none', async () => {
  await ask('other', 'fill', 'large', 100_000)
  await ask('other', 'put', 'k', 'v')
  const before = await files()
  expect((await platform.fetch('/v1/functions/other', { method: 'DELETE' })).ok).toBe(true)
  expect(await files()).toBe(before - 1)
  await platform.deploy('other', KEEPER)
  expect(await ask('other', 'list')).toMatchObject({ keys: [], list_complete: true })
  expect(await ask('other', 'shared', 'k')).toBe('for all')
})
