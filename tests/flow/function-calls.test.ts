import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
  await platform.deploy('double', 'export default (event) => { if (event.n < 0) throw new RangeError("below zero"); return { n: event.n * 2 } }')
  await platform.deploy(
    'page',
    `export default { async fetch(request) {
      const { pathname } = new URL(request.url)
      if (pathname === '/big') return new Response(new Uint8Array(300_000).fill(7))
      if (pathname === '/bytes') return new Response(new Uint8Array([0, 255, 128]))
      return new Response(request.method + ' ' + pathname + ' ' + await request.text(), { status: 201, headers: { 'x-from': request.headers.get('x-to') ?? 'nobody' } })
    } }`,
  )
})
afterAll(async () => void (await platform.stop()))

let made = 0
/** What an expression gives inside a function of the same tenant. */
async function inside(expression: string): Promise<unknown> {
  const name = `caller-${++made}`
  await platform.deploy(name, `export default async (event, { env }) => { ${expression} }`, 'timeoutMs=10000')
  const answer = await platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: 'null' })
  return await answer.json()
}

test('env.invoke passes a value in and the result out, and both leave a record', async () => {
  expect(await inside(`return await env.invoke('double', { n: 21 })`)).toEqual({ n: 42 })
  const triggers = await vi.waitUntil(
    async () => {
      const text = await (await platform.fetch('/v1/usage/records')).text()
      const lines = text
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as { function: string; trigger: string; subrequests: number }]))
      const nested = lines.find((line) => line.function === 'double' && line.trigger === 'invoke')
      const caller = lines.find((line) => line.function === `caller-${made}` && line.trigger === 'rpc')
      return nested !== undefined && caller !== undefined ? { nested, caller } : undefined
    },
    { timeout: 5_000 },
  )
  expect(triggers.caller.subrequests).toBe(1)
})

test('env.invoke of a function that answers in HTTP gives status, headers and body', async () => {
  expect(await inside(`return await env.invoke('page', { a: 1 })`)).toMatchObject({
    status: 201,
    headers: { 'x-from': 'nobody' },
    body: 'POST / {"a":1}',
  })
})

test('env.<name>.fetch is a fetch to that function', async () => {
  expect(
    await inside(`const answer = await env.page.fetch('https://any.host/some/path', { method: 'PUT', body: 'hello', headers: { 'x-to': 'me' } })
      return { status: answer.status, from: answer.headers.get('x-from'), text: await answer.text() }`),
  ).toEqual({ status: 201, from: 'me', text: 'PUT /some/path hello' })
})

test('answers that do not fit the lane come as streams, bytes stay bytes', async () => {
  expect(await inside(`const bytes = await (await env.page.fetch('https://x/big')).bytes(); return [bytes.length, bytes[299_999]]`)).toEqual([
    300_000, 7,
  ])
  expect(await inside(`return [...await (await env.page.fetch('https://x/bytes')).bytes()]`)).toEqual([0, 255, 128])
})

test('what goes wrong in the other function is an error with a code', async () => {
  expect(await inside(`try { await env.invoke('double', { n: -1 }) } catch (error) { return [error.code, error.message] }`)).toEqual([
    'function_threw',
    expect.stringContaining('RangeError: below zero'),
  ])
  expect(await inside(`try { await env.invoke('nobody', 1) } catch (error) { return error.code }`)).toBe('function_not_found')
})

test('functions that call each other in a circle are stopped by depth, soon', async () => {
  await platform.deploy(
    'again',
    `export default async (event, { env }) => { try { return await env.again.invoke(event + 1) } catch (error) { return [event, error.code] } }`,
  )
  const answer = await platform.fetch('/v1/functions/again/invocations', { method: 'POST', body: '0' })
  expect(await answer.json()).toEqual([8, 'invoke_too_deep'])
})

test('one invocation may make fifty calls', async () => {
  expect(
    await inside(`let made = 0
      try { for (;;) { await env.invoke('double', { n: 1 }); made++ } } catch (error) { return [made, error.message] }`),
  ).toEqual([50, expect.stringContaining('50')])
})

test('a function of another tenant is as good as none', async () => {
  await platform.fetch('/v1/tenants', { method: 'POST', body: '{"name":"other"}' })
  const { key } = (await (await platform.fetch('/v1/keys', { method: 'POST', body: '{"tenant":"other","scopes":["deploy","invoke"]}' })).json()) as {
    key: string
  }
  const headers = { authorization: `Bearer ${key}` }
  const source = `export default async (event, { env }) => { try { return await env.invoke('double', { n: 1 }) } catch (error) { return error.code } }`
  expect((await platform.fetch('/v1/functions/spy', { method: 'PUT', body: source, headers })).status).toBe(201)
  expect(await (await platform.fetch('/v1/functions/spy/invocations', { method: 'POST', body: 'null', headers })).json()).toBe('function_not_found')
})
