import { readdir, readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'

/** Every example, called as its head or the README says. */
const CALLS: Readonly<Record<string, () => Promise<void>>> = {
  async hello() {
    expect(await (await at('hello?name=you')).text()).toBe('hello, you\n')
  },
  async echo() {
    const response = await at('echo/any/path', { method: 'POST', body: 'words' })
    expect([response.headers.get('x-echo'), await response.text()]).toEqual(['POST /any/path', 'words'])
  },
  async greet() {
    expect(await invoke('greet', { name: 'you' })).toMatchObject({ greeting: 'hello, you' })
  },
  async router() {
    expect(await (await at('router/books/7')).json()).toEqual({ id: '7', title: 'Book 7' })
  },
  async slow() {
    expect(await (await at('slow?ms=20')).text()).toBe('waited 20 ms\n')
  },
  async primes() {
    expect(await invoke('primes', { limit: 1_000 })).toEqual({ limit: 1_000, primes: 168 })
  },
  async throws() {
    const problem = (await (await at('throws')).json()) as { error: { stack: string } }
    expect(problem.error.stack).toBe('RangeError: this function always fails\n    at throws (index.ts:3:9)')
  },
  async clock() {
    const response = await at('clock?ticks=3&ms=300')
    const pieces: string[] = []
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) pieces.push(piece)
    expect(pieces.join('').match(/^event: tick\nid: \d\ndata: .*Z\n\n/gm)).toHaveLength(3)
    expect(pieces.length).toBeGreaterThan(1)
  },
  async counter() {
    for (const calls of [1, 2]) expect(await (await at('counter/home')).json()).toEqual({ path: '/home', calls })
    expect(await (await at('counter/other')).json()).toEqual({ path: '/other', calls: 1 })
  },
  async notes() {
    expect((await at('notes', { method: 'POST', body: 'buy milk' })).status).toBe(202)
    await vi.waitFor(async () => expect(await (await at('notes')).text()).toBe('buy milk'), { timeout: 10_000 })
  },
  async proxy() {
    const { port } = outside.address() as AddressInfo
    const response = await at(`proxy?url=http://127.0.0.1:${port}/page`)
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([203, 'text/own', 'GET /page'])
    expect((await at('proxy?url=http://127.0.0.2/')).status).toBe(502)
    expect((await at('proxy')).status).toBe(400)
  },
  async team() {
    expect(await invoke('team', { name: 'ü' })).toEqual({ greet: 'hello, ü', hello: 'hello, ü' })
  },
  async heartbeat() {
    const schedule = { name: 'heartbeat', function: 'heartbeat', every: '1s' }
    expect((await platform.fetch('/v1/schedules', { method: 'POST', body: JSON.stringify(schedule) })).status).toBe(201)
    const beat = await vi.waitFor(async () => (await (await at('heartbeat')).json()) ?? expect.fail('no beat yet'), { timeout: 10_000 })
    expect(beat).toEqual({ schedule: 'heartbeat', due: expect.stringMatching(/Z$/), lateMs: expect.any(Number) })
    expect((await platform.fetch('/v1/schedules/heartbeat', { method: 'DELETE' })).status).toBe(204)
  },
  async hono() {
    expect(await (await at('hono/books/7')).json()).toEqual({ id: 7 })
  },
}

let outside: Server
let platform: Platform
beforeAll(async () => {
  outside = createServer(({ method, url }, response) => response.writeHead(203, { 'content-type': 'text/own' }).end(`${method} ${url}`))
  await new Promise<void>((listening) => outside.listen(0, '127.0.0.1', listening))
  platform = await startPlatform({ env: { ISOLANE_EGRESS_ALLOW: `127.0.0.1:${(outside.address() as AddressInfo).port}` } })
  await Promise.all(Object.keys(CALLS).map(async (name) => platform.deploy(name, await uploadOf(name))))
})
afterAll(async () => {
  outside?.close()
  await platform?.stop()
})

/** As it lies there, unless it needs a package. */
async function uploadOf(name: string): Promise<string> {
  const entry = `functions/${name}/handler.ts`
  const source = await readFile(entry, 'utf8')
  if (!/ from '[^.]/.test(source)) return source
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'esm', sourcemap: 'inline', sourcesContent: false, write: false })
  return outputFiles[0]?.text ?? ''
}

function at(path: string, init?: RequestInit): Promise<Response> {
  return platform.fetch(`/fn/default/${path}`, init)
}

function invoke(name: string, event: unknown): Promise<unknown> {
  return platform.json(`/v1/functions/${name}/invocations`, { method: 'POST', body: JSON.stringify(event) })
}

test.each(Object.entries(CALLS))('the example "%s" does what it says', async (_, call) => {
  await call()
})

test('no example is left out, here or in their README', async () => {
  const folders = (await readdir('functions', { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name)
  expect(Object.keys(CALLS).sort()).toEqual(folders.sort())
  const readme = await readFile('functions/README.md', 'utf8')
  for (const name of folders) expect(readme).toContain(`| \`${name}\` |`)
})
