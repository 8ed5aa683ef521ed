import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'
import { startRedis, type TestRedis } from '../redis-server.ts'

let far: TestRedis
let platform: Platform

beforeAll(async () => {
  far = await startRedis()
  platform = await startPlatform({ env: { ISOLANE_LANES: `main,near,far=${far.url}`, ISOLANE_MAX_WORKERS: '1' } })
}, 60_000)
afterAll(async () => {
  await platform.stop()
  await far.stop()
}, 40_000)

const SOURCE = `export default { async fetch() { await new Promise((resolve) => setTimeout(resolve, 10)); return new Response('ok') } }`

async function deployFor(tenant: string, lane: string): Promise<void> {
  await platform.fetch('/v1/tenants', { method: 'POST', body: JSON.stringify({ name: tenant, lane }) })
  const headers = { 'isolane-tenant': tenant }
  const answer = await platform.fetch('/v1/functions/shop?access=public', { method: 'PUT', body: SOURCE, headers })
  if (answer.status !== 201) throw new Error(`Cannot deploy for ${tenant}: ${answer.status} ${await answer.text()}`)
}

interface Seen {
  readonly id: string
  readonly status: number
  readonly code: string | undefined
  readonly tookMs: number
}

async function call(tenant: string): Promise<Seen> {
  const startedAt = performance.now()
  // What was under way in a lane that dies is waited for until its deadline: it may come back.
  const answer = await fetch(`${platform.url}/fn/${tenant}/shop`, { headers: { 'isolane-deadline-ms': '3000' } })
  const text = await answer.text()
  const id = answer.headers.get('isolane-invocation-id') ?? ''
  const code = answer.status === 200 ? undefined : (JSON.parse(text) as { code: string }).code
  return { id, status: answer.status, code, tookMs: performance.now() - startedAt }
}

/** `callers` who call again and again until they are told to stop. */
function load(tenant: string, callers: number): { readonly seen: Seen[]; stop(): Promise<void> } {
  const seen: Seen[] = []
  let going = true
  const done = Array.from({ length: callers }, async () => {
    while (going) seen.push(await call(tenant))
  })
  return {
    seen,
    async stop() {
      going = false
      await Promise.all(done)
    },
  }
}

async function records(tenant: string): Promise<string[]> {
  const answer = await platform.fetch('/v1/usage/records', { headers: { 'isolane-tenant': tenant } })
  const lines = (await answer.text()).trim().split('\n')
  return lines.map((line) => JSON.parse(line) as { id: string; trigger: string }).flatMap(({ id, trigger }) => (trigger === 'http' ? [id] : []))
}

test('every lane has workers of its own, and shows them', async () => {
  const read = async () => await platform.json<{ workers: { lane: string; state: string }[]; unreachable: string[] }>('/v1/workers')
  await vi.waitFor(async () => expect((await read()).workers.filter(({ state }) => state === 'ready').length).toBe(3), { timeout: 20_000 })
  const { workers, unreachable } = await read()
  expect([workers.map(({ lane }) => lane).sort(), unreachable]).toEqual([['far', 'main', 'near'], []])
  expect(await platform.json('/v1/autoscaler?lane=far')).toMatchObject({ lane: 'far', lanes: ['main', 'near', 'far'], config: { maxWorkers: 1 } })
})

test('a tenant moves between lanes under load: every call is answered, and each is on record once', { timeout: 60_000 }, async () => {
  await deployFor('mover', 'main')
  const calls = load('mover', 8)
  for (const lane of ['far', 'near', 'main']) {
    const before = calls.seen.length
    await vi.waitFor(() => expect(calls.seen.length).toBeGreaterThan(before + 50), { timeout: 15_000 })
    const answer = await platform.fetch('/v1/tenants/mover', { method: 'PATCH', body: JSON.stringify({ lane }) })
    expect(answer.status).toBe(200)
    await vi.waitFor(async () => expect(await platform.json('/v1/tenants/mover')).not.toHaveProperty('moving'), { timeout: 15_000, interval: 100 })
  }
  await calls.stop()
  expect(calls.seen.filter(({ status }) => status !== 200)).toEqual([])
  const listed = await records('mover')
  expect(new Set(listed).size).toBe(listed.length)
  expect(listed.sort()).toEqual(calls.seen.map(({ id }) => id).sort())
})

test('a lane whose Redis dies takes its own tenants with it and nobody else', { timeout: 60_000 }, async () => {
  await deployFor('safe', 'main')
  await deployFor('hit', 'far')
  await call('safe')
  expect((await call('hit')).status).toBe(200)
  const calls = load('safe', 4)
  const doomed = load('hit', 4)
  await vi.waitFor(() => expect(Math.min(calls.seen.length, doomed.seen.length)).toBeGreaterThan(50), { timeout: 15_000 })
  const before = calls.seen.length
  await far.stop()
  await vi.waitFor(() => expect(calls.seen.length).toBeGreaterThan(before + 300), { timeout: 20_000 })
  await calls.stop()
  await doomed.stop()
  expect(calls.seen.filter(({ status }) => status !== 200)).toEqual([])
  expect(Math.max(...calls.seen.slice(before).map(({ tookMs }) => tookMs))).toBeLessThan(1_000)
  expect(doomed.seen.every(({ status }) => status === 200 || status === 503)).toBe(true)
  expect(await call('hit')).toMatchObject({ status: 503, code: 'lane_unreachable' })
  expect((await fetch(`${platform.url}/readyz`)).status).toBe(200)
  expect(await platform.json('/v1/workers')).toMatchObject({ unreachable: ['far'] })
  await deployFor('late', 'near')
  await platform.fetch('/v1/tenants/hit', { method: 'PATCH', body: JSON.stringify({ lane: 'main' }) })
  // Five seconds for a lane that says nothing.
  await vi.waitFor(async () => expect((await call('hit')).status).toBe(200), { timeout: 15_000, interval: 100 })
  expect((await records('safe')).length).toBe(calls.seen.length + 1)
})
