import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
})
afterAll(async () => void (await platform.stop()))

const url = (name: string, path = ''): string => `/fn/default/${name}${path}`

/** A call whose answer is read by hand. */
async function open(path: string): Promise<{ answer: IncomingMessage; cut: () => void }> {
  const outgoing = request(`${platform.url}${path}`, { headers: { authorization: `Bearer ${platform.key}` } })
  outgoing.on('error', () => {})
  outgoing.end()
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
  return { answer, cut: () => outgoing.destroy() }
}

interface UsageLine {
  readonly id: string
  readonly outcome: string
  readonly billedMs: number
  readonly runMs: number
  readonly cpuMs: number
  readonly responseBytes: number
}

async function records(name: string, count: number): Promise<UsageLine[]> {
  return await vi.waitUntil(
    async () => {
      const text = await (await platform.fetch('/v1/usage/records')).text()
      const lines = text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as UsageLine & { function: string; trigger: string })
        .filter((line) => line.function === name && line.trigger !== 'deploy')
      return lines.length >= count ? lines : undefined
    },
    { timeout: 10_000, interval: 50 },
  )
}

async function logs(name: string): Promise<string> {
  return await (await platform.fetch(`/v1/functions/${name}/logs`)).text()
}

test('the first byte of a stream comes before its handler ends, and the trailers tell how it ended', async () => {
  await platform.deploy(
    'ticker',
    `export default { fetch(request) {
      let n = 0
      const next = () => new Promise((resolve) => { globalThis.release = resolve; setTimeout(resolve, new URL(request.url).searchParams.get('ms')) })
      return new Response(new ReadableStream({ async pull(c) { if (n > 0) await next(); if (n === 3) c.close(); else c.enqueue(new TextEncoder().encode('tick ' + n++ + '\\n')) } }))
    } }`,
  )
  const { answer } = await open(url('ticker', '/?ms=150'))
  expect(answer.headers).toMatchObject({ 'transfer-encoding': 'chunked', 'isolane-version': '1', 'isolane-start': 'warm' })
  expect(answer.headers['isolane-invocation-id']).toMatch(/^[0-9a-f-]{36}$/)
  const arrivals: number[] = []
  let text = ''
  for await (const piece of answer) {
    arrivals.push(performance.now())
    text += piece
  }
  expect(text).toBe('tick 0\ntick 1\ntick 2\n')
  expect((arrivals.at(-1) as number) - (arrivals[0] as number)).toBeGreaterThan(100)
  expect(answer.trailers).toMatchObject({ 'isolane-outcome': 'returned' })
  const [record] = await records('ticker', 1)
  expect(record).toMatchObject({ outcome: 'returned', responseBytes: expect.any(Number) })
  expect(String(record?.billedMs)).toBe(answer.trailers['isolane-billed-ms'])
  expect(record?.billedMs).toBeGreaterThan(400)
})

test('a stream that fails is cut, not ended', async () => {
  await platform.deploy(
    'breaks',
    `export default { fetch() { let n = 0; return new Response(new ReadableStream({ async pull(c) { await new Promise((r) => setTimeout(r, 50)); if (n++ < 2) c.enqueue(new Uint8Array(1000)); else throw new Error('half way') } })) } }`,
  )
  const { answer } = await open(url('breaks'))
  let bytes = 0
  const whole = (async () => {
    for await (const piece of answer) bytes += (piece as Buffer).length
  })()
  await expect(whole).rejects.toThrow()
  expect(bytes).toBeLessThanOrEqual(2000)
  expect((await records('breaks', 1))[0]).toMatchObject({ outcome: 'threw' })
  expect(await logs('breaks')).toContain('half way')
})

test('a body of 6 MiB comes back as it was sent, and one byte more is refused', async () => {
  await platform.deploy(
    'echo',
    `export default { async fetch(request) { return new Response(await request.arrayBuffer(), { headers: { 'content-type': 'application/x-echo' } }) } }`,
    'timeoutMs=30000',
  )
  const sent = randomBytes(6 * 1024 * 1024)
  const answer = await platform.fetch(url('echo'), { method: 'POST', body: sent })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-length')).toBe(String(sent.length))
  const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
  expect(hash(new Uint8Array(await answer.arrayBuffer()))).toBe(hash(sent))
  const more = await platform.fetch(url('echo'), { method: 'POST', body: randomBytes(6 * 1024 * 1024 + 1) })
  expect(more.status).toBe(502)
  expect(await more.json()).toMatchObject({ code: 'exceeded_output', allowed: 6 * 1024 * 1024 })
})

test('an upload streams through a function without being held', async () => {
  await platform.deploy('pass', `export default { fetch(request) { return new Response(request.body) } }`, 'timeoutMs=60000')
  const sent = randomBytes(20 * 1024 * 1024)
  const answer = await platform.fetch(url('pass'), { method: 'POST', body: sent })
  expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), sent)).toBe(0)
})

test('a slow reader stops the function that feeds it', async () => {
  await platform.deploy(
    'fountain',
    `let given = 0
    export default { fetch(request) {
      if (new URL(request.url).pathname === '/given') return Response.json(given)
      return new Response(new ReadableStream({ pull(c) { if (given >= 2000) c.close(); else { given++; c.enqueue(new Uint8Array(65536)) } } }, { highWaterMark: 0 }))
    } }`,
    'timeoutMs=60000',
  )
  const { answer, cut } = await open(url('fountain'))
  const given = async (): Promise<number> => (await (await platform.fetch(url('fountain', '/given'))).json()) as number
  answer.once('readable', () => {})
  // It stands still when two looks apart see the same.
  const stopped = await vi.waitUntil(
    async () => {
      const before = await given()
      await new Promise((resolve) => setTimeout(resolve, 200))
      return before > 0 && before === (await given()) ? before : undefined
    },
    { timeout: 10_000 },
  )
  expect(stopped * 64).toBeLessThan(16 * 1024)
  let bytes = 0
  for await (const piece of answer) bytes += (piece as Buffer).length
  expect(bytes).toBe(2000 * 65_536)
  cut()
}, 60_000)

test('a caller who leaves ends what waits for him: the signal fires, nothing runs on', async () => {
  await platform.deploy(
    'waits',
    `export default { async fetch(request) {
      request.signal.addEventListener('abort', () => console.log('told: ' + request.signal.reason.name))
      console.log('waiting')
      await new Promise((resolve) => setTimeout(resolve, 20_000))
      console.log('ran on')
      return new Response('late')
    } }`,
    'timeoutMs=30000',
  )
  const outgoing = request(`${platform.url}${url('waits')}`, { headers: { authorization: `Bearer ${platform.key}` } })
  outgoing.on('error', () => {})
  outgoing.end()
  await vi.waitUntil(async () => (await logs('waits')).includes('waiting'), { timeout: 5_000 })
  outgoing.destroy()
  const [record] = await records('waits', 1)
  expect(record).toMatchObject({ outcome: 'cancelled' })
  expect(record?.runMs).toBeLessThan(6_000)
  await vi.waitUntil(async () => (await logs('waits')).includes('told: AbortError'), { timeout: 5_000 })
  expect(await logs('waits')).not.toContain('ran on')
})

test('a caller who leaves a stream ends it', async () => {
  await platform.deploy(
    'endless',
    `export default { fetch(request) {
      request.signal.addEventListener('abort', () => console.log('told'))
      return new Response(new ReadableStream({ async pull(c) { await new Promise((r) => setTimeout(r, 10)); c.enqueue(new Uint8Array(10)) } }))
    } }`,
    'timeoutMs=30000',
  )
  const { answer, cut } = await open(url('endless'))
  await once(answer, 'data')
  cut()
  expect((await records('endless', 1))[0]).toMatchObject({ outcome: 'cancelled' })
  await vi.waitUntil(async () => (await logs('endless')).includes('told'), { timeout: 5_000 })
})

test('waitUntil goes on after the answer, is billed, and ends with its promises', async () => {
  await platform.deploy(
    'after',
    `export default { fetch(request, env, ctx) {
      ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 300)).then(() => console.log('done after')))
      return new Response('now')
    } }`,
  )
  const startedAt = performance.now()
  const answer = await platform.fetch(url('after'))
  expect(await answer.text()).toBe('now')
  expect(performance.now() - startedAt).toBeLessThan(300)
  const [record] = await records('after', 1)
  expect(record).toMatchObject({ outcome: 'returned' })
  expect(record?.billedMs).toBeGreaterThanOrEqual(300)
  expect(await logs('after')).toContain('done after')
})

test('riders that go down with their sandbox are paid for by the one that ended it', async () => {
  await platform.deploy(
    'crowd',
    `export default { async fetch(request) {
      if (new URL(request.url).pathname === '/end') for (;;) {}
      const until = Date.now() + 60; while (Date.now() < until) {}
      console.log('waits')
      await new Promise((resolve) => setTimeout(resolve, 20_000))
    } }`,
    'concurrency=16&timeoutMs=20000&memoryMb=64',
  )
  const riders = Array.from({ length: 3 }, () => platform.fetch(url('crowd', '/ride'), { method: 'POST' }))
  // All three have burned and wait: a newcomer finds their cell free, and rides along.
  await vi.waitUntil(async () => (await logs('crowd')).split('waits').length > 3, { timeout: 10_000 })
  const ended = await platform.fetch(url('crowd', '/end'), { method: 'POST' })
  expect(ended.status).toBe(502)
  for (const rider of await Promise.all(riders)) expect(rider.status).toBe(503)
  const all = await records('crowd', 4)
  const payer = all.find(({ outcome }) => outcome === 'exceeded')
  expect(all.filter(({ outcome }) => outcome === 'lost').every(({ billedMs }) => billedMs === 0)).toBe(true)
  // Its own budget, and what three riders had burned.
  expect(payer?.cpuMs).toBeGreaterThan(724 + 3 * 20)
})
