import { createHmac } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { createDeliverCallback } from '../../../platform/async/callback-delivery.ts'
import { callbackSecret } from '../../../platform/async/callback-secret.ts'
import { parseEgressAllow } from '../../../runtime/contract/egress-allow.ts'
import { parseSecretsKey, type SecretsKey } from '../../../runtime/contract/secrets-key.ts'
import { EgressGuard } from '../../../runtime/egress/egress-guard.ts'
import { createResolveName } from '../../../runtime/egress/resolve-name.ts'
import { selfSigned } from '../host/self-signed.ts'
import { storyOf } from './story-fixture.ts'

const NOW = Date.parse('2026-01-31T12:00:00Z')
const secretsKey = parseSecretsKey('5'.repeat(64)) as SecretsKey
const trusted = getCACertificates('default')

const servers: Server[] = []
afterEach(async () => {
  setDefaultCACertificates(trusted)
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  }
})

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return (server.address() as AddressInfo).port
}

async function receiver(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(listener))}`
}

function deliver(url: string, attempt = 1, { timeoutMs = 2_000, allow = '127.0.0.1, localhost' } = {}) {
  const guard = new EgressGuard({ allow: parseEgressAllow(allow) as never })
  const dialer = { guard, resolve: createResolveName(), timeoutMs }
  const story = storyOf({ status: 'succeeded', result: '"ü"', endedAt: NOW })
  const with_ = { ...story, event: { ...story.event, callback: url } }
  return createDeliverCallback({ secretsKey, dialer, timeoutMs, now: () => NOW, random: () => 0.5 })(with_, attempt)
}

test('what is sent is signed with its time, and 200 to 299 is a receipt', async () => {
  let seen: { method: unknown; host: unknown; path: unknown; signature: unknown; body: string } | undefined
  const url = await receiver((incoming, outgoing) => {
    const pieces: Buffer[] = []
    incoming.on('data', (piece: Buffer) => pieces.push(piece))
    incoming.on('end', () => {
      const { host, 'isolane-signature': signature } = incoming.headers
      seen = { method: incoming.method, host, path: incoming.url, signature, body: Buffer.concat(pieces).toString() }
      outgoing.writeHead(201).end()
    })
  })
  expect(await deliver(`${url}/a?b=1`)).toEqual({ state: { status: 'delivered', attempts: 1 } })
  const hmac = createHmac('sha256', callbackSecret(secretsKey, 'acme')).update(`1769860800.${seen?.body}`).digest('hex')
  expect(seen).toMatchObject({ method: 'POST', host: new URL(url).host, path: '/a?b=1', signature: `t=1769860800,v1=${hmac}` })
  expect(JSON.parse(seen?.body ?? '')).toMatchObject({ status: 'succeeded', result: 'ü' })
})

test.each([
  [500, {}, 'it answered with status 500', 1_000],
  [302, { location: 'http://127.0.0.1:1/' }, 'it answered with status 302', 1_000],
  [429, { 'retry-after': '30' }, 'it answered with status 429', 30_000],
  [503, { 'retry-after': '999999' }, 'it answered with status 503', 900_000],
])(
  'an answer of %i is none: it is tried again, no sooner than it asks and no later than in 15 minutes',
  async (status, headers, error, retryInMs) => {
    const url = await receiver((_, outgoing) => outgoing.writeHead(status, headers).end())
    expect(await deliver(url)).toEqual({ state: { status: 'waiting', attempts: 1, error }, retryInMs })
  },
)

test('the eighth try is the last', async () => {
  const url = await receiver((_, outgoing) => outgoing.writeHead(500).end())
  expect(await deliver(url, 8)).toEqual({ state: { status: 'failed', attempts: 8, error: 'it answered with status 500' } })
})

test('who takes long, hangs up or is not there is tried again', async () => {
  const slow = await receiver(() => {})
  expect(await deliver(slow, 1, { timeoutMs: 150 })).toMatchObject({ state: { status: 'waiting', error: 'there was no answer within 150 ms' } })
  const rude = await receiver((incoming) => incoming.socket.destroy())
  expect(await deliver(rude)).toMatchObject({ state: { status: 'waiting', error: expect.stringContaining('socket hang up') } })
  expect(await deliver('http://127.0.0.1:9')).toMatchObject({ state: { status: 'failed', error: expect.stringContaining('port 9') } })
})

test('who would rather speak another protocol has taken nothing, and nobody waits for it', async () => {
  const server = createServer()
  server.on('connection', (socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n')),
  )
  const { state } = await deliver(`http://127.0.0.1:${await listen(server)}`)
  expect(state).toEqual({ status: 'waiting', attempts: 1, error: 'it answered with status 101' })
})

test('an answer is read no further than its status', async () => {
  const url = await receiver((_, outgoing) => {
    outgoing.writeHead(200)
    const more = setInterval(() => outgoing.write('x'.repeat(10_000)), 1)
    outgoing.once('close', () => clearInterval(more))
  })
  expect(await deliver(url)).toEqual({ state: { status: 'delivered', attempts: 1 } })
})

test('what the guard closes is given up at once', async () => {
  const url = await receiver((_, outgoing) => outgoing.writeHead(200).end())
  const { state, retryInMs } = await deliver(url, 1, { allow: '' })
  expect([state.status, retryInMs]).toEqual(['failed', undefined])
  expect(state.error).toContain('may not reach')
})

test('https is spoken with whoever has a certificate that is trusted', async () => {
  const { key, cert } = selfSigned()
  const port = await listen(createSecureServer({ key, cert }, (_, outgoing) => outgoing.writeHead(200).end()))
  expect((await deliver(`https://localhost:${port}/`)).state).toMatchObject({ status: 'waiting', error: expect.stringContaining('self-signed') })
  setDefaultCACertificates([...trusted, cert])
  expect((await deliver(`https://localhost:${port}/`)).state).toEqual({ status: 'delivered', attempts: 1 })
})
