import { createSocket, type Socket } from 'node:dgram'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { dial } from '../../../runtime/egress/dial.ts'
import { EgressGuard } from '../../../runtime/egress/egress-guard.ts'
import { createResolveName } from '../../../runtime/egress/resolve-name.ts'
import { fetchError } from '../../../runtime/host/fetch-error.ts'

const A = 1
const NXDOMAIN = 3
const open: Socket[] = []
afterEach(() => {
  for (const socket of open.splice(0)) socket.close()
})

/** A name server: `answer` gives the IPv4 addresses of a name, or a response code. Questions about IPv6 it leaves unanswered. */
async function nameServer(answer: (name: string) => readonly string[] | number): Promise<string> {
  const socket = createSocket('udp4')
  open.push(socket)
  socket.on('message', (query, from) => {
    const labels: string[] = []
    let at = 12
    for (; query[at] !== 0; at += (query[at] as number) + 1) labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] as number)))
    const question = query.subarray(12, at + 5)
    if (query.readUInt16BE(at + 1) !== A) return
    const found = answer(labels.join('.'))
    const addresses = typeof found === 'number' ? [] : found
    const head = Buffer.from(query.subarray(0, 12))
    head.writeUInt16BE(0x8180 | (typeof found === 'number' ? found : 0), 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(addresses.length, 6)
    head.fill(0, 8)
    const records = addresses.map((address) => Buffer.from([0xc0, 12, 0, A, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]))
    socket.send(Buffer.concat([head, question, ...records]), from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(socket.address() as AddressInfo).port}`
}

test('a public name that turns to a private address is refused when it is dialled', async () => {
  let asked = 0
  const resolve = createResolveName({ servers: [await nameServer(() => (asked++ === 0 ? ['93.184.216.34'] : ['127.0.0.1']))] })
  expect(await resolve('rebinding.example', false)).toEqual(['93.184.216.34'])
  const dialled = dial(
    { secure: true, host: 'rebinding.example', port: 443 },
    { guard: new EgressGuard({ allow: [] }), resolve, timeoutMs: 5_000 },
    new AbortController().signal,
  )
  await expect(dialled).rejects.toThrow('rebinding.example resolves to an address that functions may not reach')
})

test('a name that is not there is said to be so', async () => {
  const resolve = createResolveName({ servers: [await nameServer(() => NXDOMAIN)], attemptMs: 100 })
  const error = await resolve('nobody.example', false).catch((reason: unknown) => fetchError(reason, 'nobody.example'))
  expect(error).toMatchObject({ name: 'TypeError', message: 'fetch failed: the name nobody.example does not resolve' })
})

test('names that strangers choose are not looked for in the machine’s own files', async () => {
  const asked: string[] = []
  const server = await nameServer((name) => {
    asked.push(name)
    return NXDOMAIN
  })
  // Every machine has this one in its hosts file or nowhere; DNS is what gets the question.
  await expect(createResolveName({ servers: [server], attemptMs: 100 })('ip6-localhost', false)).rejects.toMatchObject({ code: 'ENOTFOUND' })
  expect(asked).toContain('ip6-localhost')
})

test('localhost is this machine, without a question to anyone', async () => {
  expect(await createResolveName({ servers: ['127.0.0.1:1'] })('localhost', false)).toEqual(['127.0.0.1', '::1'])
  expect(await createResolveName({ servers: ['127.0.0.1:1'] })('app.localhost', false)).toEqual(['127.0.0.1', '::1'])
})

test('many lookups that nobody answers leave libuv’s threads to others', async () => {
  const silent = createSocket('udp4')
  open.push(silent)
  await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve))
  const resolve = createResolveName({ servers: [`127.0.0.1:${(silent.address() as AddressInfo).port}`], attemptMs: 250 })
  let settled = 0
  const lookups = Array.from({ length: 50 }, (_, at) =>
    resolve(`slow-${at}.example`, false)
      .catch((error: unknown) => error)
      .finally(() => settled++),
  )
  const { readFile } = await import('node:fs/promises')
  await readFile(import.meta.filename)
  expect(settled).toBe(0)
  const [first] = await Promise.all(lookups)
  expect(fetchError(first, 'slow-0.example')).toMatchObject({ name: 'TimeoutError' })
})
