import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FetchWorld } from './fetch-world.ts'
import { selfSigned } from './self-signed.ts'

const { key, cert } = selfSigned()
const seen: { name: unknown; protocol: unknown }[] = []
const server = createServer({ key, cert, ALPNProtocols: ['h2', 'http/1.1'] }, (request, response) => {
  const { servername, alpnProtocol } = request.socket as TLSSocket
  seen.push({ name: servername, protocol: alpnProtocol })
  response.end('over TLS')
})
let port: number
const trusted = getCACertificates('default')

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(() => {
  setDefaultCACertificates(trusted)
  server.closeAllConnections()
  server.close()
})

test('a certificate that nobody vouches for is not trusted, and one of another name neither', async () => {
  await using world = new FetchWorld()
  const refused = { name: 'TypeError', message: expect.stringContaining('has no certificate that can be trusted') }
  await expect(world.get({ url: `https://localhost:${port}/` })).rejects.toMatchObject(refused)
  setDefaultCACertificates([...trusted, cert])
  await expect(world.get({ url: `https://127.0.0.1:${port}/` })).rejects.toMatchObject(refused)
  expect(seen).toEqual([])
})

test('a trusted one is spoken to by name, in HTTP/1.1', async () => {
  await using world = new FetchWorld()
  setDefaultCACertificates([...trusted, cert])
  expect(await world.get({ url: `https://localhost:${port}/` })).toMatchObject({ status: 200, text: 'over TLS' })
  expect(seen).toEqual([{ name: 'localhost', protocol: 'http/1.1' }])
})
