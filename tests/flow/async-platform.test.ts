import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'
import type { EventView } from './async-world.ts'

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1', ISOLANE_EGRESS_ALLOW: '127.0.0.1' } })
}, 30_000)
afterAll(async () => void (await platform.stop()))

async function send(path: string, init: RequestInit = {}): Promise<string> {
  const headers = { prefer: 'respond-async', ...(init.headers as object) }
  const answer = await platform.fetch(path, { method: 'POST', ...init, headers })
  const text = await answer.text()
  expect(answer.status, text).toBe(202)
  return (JSON.parse(text) as { id: string }).id
}

async function until(id: string, status: string): Promise<EventView> {
  return await vi.waitFor(
    async () => {
      const view = await platform.json<EventView>(`/v1/invocations/${id}`)
      expect(view.status, JSON.stringify(view)).toBe(status)
      return view
    },
    { timeout: 15_000, interval: 30 },
  )
}

test('an event runs in a sandbox, its usage is in its status and on the bill, and its result comes by callback', async () => {
  const bodies: string[] = []
  const server = createServer((incoming, outgoing) => {
    incoming.setEncoding('utf8').on('data', (text: string) => bodies.push(text))
    incoming.on('end', () => outgoing.writeHead(200).end())
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  try {
    await platform.deploy(
      'sum',
      'export default ({ a, b }, ctx) => ({ sum: a + b, id: ctx.invocationId, enough: ctx.getRemainingTimeInMillis() > 3000 })',
    )
    const callback = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const id = await send('/v1/functions/sum/invocations', { body: '{"a":1,"b":2}', headers: { 'isolane-callback-url': callback } })
    const view = await until(id, 'succeeded')
    expect(view.result).toEqual({ sum: 3, id, enough: true })
    expect(view.attempts).toMatchObject([{ outcome: 'returned', usage: { start: expect.stringMatching(/cold|warm/) } }])
    await vi.waitFor(() => expect(JSON.parse(bodies.join(''))).toMatchObject({ id, status: 'succeeded', result: { sum: 3 } }), { timeout: 10_000 })
    await vi.waitFor(
      async () => {
        const records = await (await platform.fetch(`/v1/usage/records?id=${id}`)).text()
        expect(JSON.parse(records)).toMatchObject({ id, attempt: 1, trigger: 'async', outcome: 'returned' })
      },
      { timeout: 10_000 },
    )
  } finally {
    server.close()
  }
})

test('a handler that throws is tried again, and its error is told with the place in its source', async () => {
  await platform.deploy('thrower', 'export default () => {\n  throw new RangeError("out of luck")\n}', 'retries=1')
  const view = await until(await send('/v1/functions/thrower/invocations'), 'dead')
  expect(view.attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
    [1, 'threw'],
    [2, 'threw'],
  ])
  expect(view.error).toMatchObject({
    code: 'function_threw',
    error: { name: 'RangeError', message: 'out of luck', stack: expect.stringMatching(/:2:/) },
  })
})

test('a fetch handler gets the request as it was sent, and its answer is kept', async () => {
  await platform.deploy(
    'site',
    'export default { async fetch(request) { return new Response([request.method, new URL(request.url).pathname, (await request.text()).length].join(" "), { status: 202, headers: { "x-a": "1" } }) } }',
  )
  const view = await until(await send('/fn/default/site/a/b', { method: 'PUT', body: 'x'.repeat(100_000) }), 'succeeded')
  expect(view.result).toMatchObject({ status: 202, headers: { 'x-a': '1' }, body: 'PUT /a/b 100000' })
})

test('DELETE ends a handler that runs', async () => {
  await platform.deploy('sleeper', 'export default () => new Promise(() => setTimeout(() => {}, 60000))', 'timeoutMs=120000')
  const id = await send('/v1/functions/sleeper/invocations')
  await until(id, 'running')
  const answer = await platform.fetch(`/v1/invocations/${id}`, { method: 'DELETE' })
  expect([200, 202]).toContain(answer.status)
  await until(id, 'cancelled')
})

test('a flood of events leaves calls that are waited for their place', async () => {
  await platform.deploy('work', 'export default () => { const until = Date.now() + 20; while (Date.now() < until); return 1 }')
  const ids = await Promise.all(Array.from({ length: 200 }, () => send('/v1/functions/work/invocations')))
  const times: number[] = []
  for (let i = 0; i < 10; i++) {
    const startedAt = performance.now()
    expect((await platform.fetch('/v1/functions/work/invocations', { method: 'POST' })).status).toBe(200)
    times.push(performance.now() - startedAt)
  }
  const over = await Promise.all(ids.map(async (id) => (await platform.json<EventView>(`/v1/invocations/${id}`)).status === 'succeeded'))
  // The events take four seconds of CPU and more; ten calls do not wait for them.
  expect(over.filter((is) => is).length).toBeLessThan(ids.length)
  expect(Math.max(...times)).toBeLessThan(3_000)
  for (const id of ids) await until(id, 'succeeded')
}, 60_000)
