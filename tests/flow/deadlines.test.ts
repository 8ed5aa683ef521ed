import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
})
afterAll(async () => void (await platform.stop()))

function call(name: string, deadlineMs: number): Promise<Response> {
  return platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: 'null', headers: { 'isolane-deadline-ms': String(deadlineMs) } })
}

test('a function sees what its caller left it, and functions it calls have the rest', async () => {
  await platform.deploy('left', 'export default (event, ctx) => ctx.getRemainingTimeInMillis()', 'timeoutMs=60000')
  await platform.deploy(
    'passes-on',
    `export default async (event, ctx) => {
      const mine = ctx.getRemainingTimeInMillis()
      await new Promise((resolve) => setTimeout(resolve, 200))
      return [mine, await ctx.env.invoke('left')]
    }`,
    'timeoutMs=60000',
  )
  const [mine, rest] = (await (await call('passes-on', 8_000)).json()) as [number, number]
  expect(mine).toBeLessThanOrEqual(8_000)
  expect(mine).toBeGreaterThan(6_000)
  // Not 200: on its way to a worker an invocation's time stands still.
  expect(rest).toBeLessThanOrEqual(mine - 100)
  expect(rest).toBeGreaterThan(mine - 2_000)
})

test('a function that starts too slowly for a deadline is ended unstarted: nobody pays, and the next caller finds it well', async () => {
  await platform.deploy(
    'slow-start',
    `for (const end = Date.now() + 600; Date.now() < end; );
    export default { fetch: () => new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(1)) })) }`,
    'concurrency=1&timeoutMs=30000',
  )
  // Holds the one sandbox that is warm.
  const holder = await call('slow-start', 30_000)
  const { status, headers } = await call('slow-start', 250)
  const told = ['isolane-outcome', 'isolane-start', 'isolane-billed-ms'].map((name) => headers.get(name))
  expect([status, ...told]).toEqual([503, 'expired', 'cold', '0'])
  await holder.body?.cancel()
  const next = await call('slow-start', 30_000)
  expect(next.status).toBe(200)
  await next.body?.cancel()
})

test.each([
  ['waits', 'await new Promise((resolve) => setTimeout(resolve, 20_000))'],
  ['computes', 'for (const end = Date.now() + 20_000; Date.now() < end; );'],
])('what still %s at its deadline is ended then, in words that say whose limit it was', async (name, body) => {
  await platform.deploy(name, `export default async () => { ${body} }`, 'timeoutMs=30000&memoryMb=2048')
  const startedAt = performance.now()
  const answer = await call(name, 700)
  expect(performance.now() - startedAt).toBeLessThan(1_400)
  expect([answer.status, answer.headers.get('isolane-outcome')]).toEqual([504, 'exceeded'])
  const problem = (await answer.json()) as { code: string; allowed: number; detail: string }
  expect(problem).toMatchObject({ code: 'exceeded_wall', limit: 'wall', unit: 'ms' })
  expect(problem.allowed).toBeLessThanOrEqual(700)
  expect(problem.detail).toMatch(
    /^default\/\w+ was ended: it did not end within the \d+ ms that its caller's deadline left it \(its own timeoutMs is 30000\)$/,
  )
})
