import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { AsyncWorld, type EventView, returns, throws } from './async-world.ts'

interface Notice {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

let world: AsyncWorld
beforeAll(async () => {
  world = await AsyncWorld.open({ egressAllow: '127.0.0.1' })
})
afterAll(async () => void (await world[Symbol.asyncDispose]()))

let server: Server
let notices: Notice[]
/** What it answers, one after the other; 204 from then on. */
let statuses: number[]
beforeEach(async () => {
  notices = []
  statuses = []
  server = createServer((incoming, outgoing) => {
    let body = ''
    incoming.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    incoming.on('end', () => {
      notices.push({ url: incoming.url ?? '', headers: incoming.headers, body })
      outgoing.writeHead(statuses.shift() ?? 204).end('thanks')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(async () => {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
})

function address(): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function untilNotified(count: number): Promise<Notice> {
  await vi.waitFor(() => expect(notices).toHaveLength(count), { timeout: 8_000 })
  return notices[count - 1] as Notice
}

async function untilCallback(id: string, status: string): Promise<void> {
  await vi.waitFor(
    async () => {
      const view = await world.json<EventView>(`/v1/invocations/${id}`)
      expect(view.callback).toMatchObject({ status })
    },
    { timeout: 8_000 },
  )
}

test('the result is sent to the address that came with the call, signed with the tenant’s secret', async () => {
  const { name } = await world.functionThat([returns({ done: true })])
  const id = await world.send(name, null, { 'isolane-callback-url': `${address()}/here?a=1` })
  const { url, headers, body } = await untilNotified(1)
  expect(url).toBe('/here?a=1')
  expect(headers['isolane-invocation-id']).toBe(id)
  expect(JSON.parse(body)).toMatchObject({ id, function: name, status: 'succeeded', result: { done: true } })

  const { secret } = await world.json<{ secret: string }>('/v1/callback-secret')
  const [, seconds, hmac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['isolane-signature'])) ?? []
  expect(Math.abs(Number(seconds) * 1_000 - Date.now())).toBeLessThan(10_000)
  expect(hmac).toBe(createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex'))
  await untilCallback(id, 'delivered')
})

test('one that is not taken is sent again', async () => {
  statuses = [500]
  const { name } = await world.functionThat([returns(1)])
  const id = await world.send(name, null, { 'isolane-callback-url': address() })
  await untilNotified(2)
  await untilCallback(id, 'delivered')
  expect((await world.json<EventView>(`/v1/invocations/${id}`)).callback).toMatchObject({ attempts: 2 })
})

test('dead and cancelled invocations are told of as well', async () => {
  const failing = await world.functionThat([throws], { settings: { retries: 0 } })
  await world.send(failing.name, null, { 'isolane-callback-url': address() })
  expect(JSON.parse((await untilNotified(1)).body)).toMatchObject({ status: 'dead', error: { code: 'function_threw' } })
  const off = await world.functionThat([returns(1)], { settings: { maxConcurrency: 0 } })
  const id = await world.send(off.name, null, { 'isolane-callback-url': address() })
  await vi.waitFor(async () => expect((await world.json<EventView>(`/v1/invocations/${id}`)).nextAttemptAt).toBeDefined(), { timeout: 5_000 })
  await world.call(`/v1/invocations/${id}`, { method: 'DELETE' })
  expect(JSON.parse((await untilNotified(2)).body)).toMatchObject({ id, status: 'cancelled' })
})

test('an address inside is not called, by number or by name, and the invocation says why', async () => {
  const { name } = await world.functionThat([returns(1)])
  for (const inside of ['http://127.0.0.2:9/', 'http://169.254.169.254/latest/', 'http://[::1]:9/']) {
    const id = await world.send(name, null, { 'isolane-callback-url': inside })
    await vi.waitFor(
      async () => {
        const { callback } = await world.json<EventView>(`/v1/invocations/${id}`)
        expect(callback).toMatchObject({ url: inside, status: 'failed', attempts: 1, error: expect.stringMatching(/may not reach|another protocol/) })
      },
      { timeout: 8_000 },
    )
  }
})

test.each([
  ['ftp://example.com/', 'respond-async'],
  ['not a url', 'respond-async'],
  ['https://user:secret@example.com/', 'respond-async'],
  ['https://example.com/', 'wait=5'],
])('the address %s with "Prefer: %s" is refused before anything is accepted', async (url, prefer) => {
  const { name, runs } = await world.functionThat([returns(1)])
  const answer = await world.post(name, null, { 'isolane-callback-url': url, prefer })
  expect([answer.status, ((await answer.json()) as EventView).code]).toEqual([400, 'header_invalid'])
  expect(runs).toEqual([])
})

test('the secret is for keys that may deploy, and another one for each tenant', async () => {
  await world.call('/v1/tenants', { method: 'POST', body: '{"name":"other"}' })
  const keyOf = async (tenant: string, scopes: string[]) =>
    (await world.json<{ key: string }>('/v1/keys', { method: 'POST', body: JSON.stringify({ tenant, scopes }) })).key
  const ask = async (key: string) => await world.call('/v1/callback-secret', { headers: { authorization: `Bearer ${key}` } })
  expect((await ask(await keyOf('other', ['invoke', 'read']))).status).toBe(403)
  const theirs = (await (await ask(await keyOf('other', ['deploy']))).json()) as { secret: string }
  const ours = await world.json<{ secret: string }>('/v1/callback-secret')
  expect(theirs.secret).toMatch(/^isl_cb_[\w-]{43}$/)
  expect(theirs.secret).not.toBe(ours.secret)
})
