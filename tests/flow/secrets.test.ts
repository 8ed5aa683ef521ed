import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openStore, type Store } from '../../platform/registry/open-store.ts'
import { MAX_SECRET_BYTES, MAX_SECRETS } from '../../runtime/contract/secrets.ts'
import { type Platform, startPlatform } from '../platform.ts'
import { startRedis, type TestRedis } from '../redis-server.ts'
import { dumpStore } from '../store-dump.ts'

/** Answers what it finds under the names it is asked for, and how often its sandbox was used before. */
const TELLS = {
  event: `let uses = 0
export default (names, { env }) => ({ found: names.map((name) => env[name] ?? null), uses: uses++ })`,
  fetch: `let uses = 0
export default { async fetch(request, env) {
  const names = await request.json()
  return Response.json({ found: names.map((name) => env[name] ?? null), uses: uses++ })
} }`,
  lambda: `let uses = 0
exports.handler = async (names, context) => ({ found: names.map((name) => context.env[name] ?? null), uses: uses++ })`,
}

let redis: TestRedis
let dataDir: string
let platform: Platform
let store: Store
beforeAll(async () => {
  redis = await startRedis()
  dataDir = await mkdtemp(join(tmpdir(), 'isolane-secrets-'))
  platform = await startPlatform({
    dataDir,
    env: { ISOLANE_MAX_WORKERS: '2', ISOLANE_MIN_WORKERS: '2', ISOLANE_LOG_LEVEL: 'trace', REDIS_URL: redis.url },
  })
  store = await openStore(redis.url)
})
afterAll(async () => {
  store?.disconnect()
  await platform?.stop()
  await redis?.stop()
  if (dataDir) await rm(dataDir, { recursive: true, force: true })
})

let name: string
let count = 0
beforeEach(() => {
  name = `holder-${++count}`
})

const set = (secret: string, text: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Response> =>
  platform.fetch(`/v1/functions/${name}/secrets/${secret}`, { method: 'PUT', body: text, headers })
const remove = (secret: string): Promise<Response> => platform.fetch(`/v1/functions/${name}/secrets/${secret}`, { method: 'DELETE' })
const list = () => platform.json<{ secrets: { name: string; setAt: string; hidesSetting: boolean }[] }>(`/v1/functions/${name}/secrets`)

interface Told {
  readonly found: (string | null)[]
  readonly uses: number
}

async function ask(names: string[], { query = '', headers = {} }: { query?: string; headers?: Record<string, string> } = {}): Promise<Told> {
  const response = await platform.fetch(`/v1/functions/${name}/invocations${query}`, { method: 'POST', body: JSON.stringify(names), headers })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return (await response.json()) as Told
}

describe('a secret', () => {
  test.each(['event', 'fetch', 'lambda'] as const)('appears in env like a setting, in the style %s', async (style) => {
    const deployed = await platform.deploy(name, TELLS[style], 'env.PLAIN=hello')
    expect(deployed).toMatchObject({ style })
    expect((await ask(['PLAIN', 'API_KEY'])).found).toEqual(['hello', null])
    expect((await set('API_KEY', 'one')).status).toBe(204)
    expect((await ask(['PLAIN', 'API_KEY'])).found).toEqual(['hello', 'one'])
  })

  test('that was changed or removed is so for the very next call, every time', async () => {
    await platform.deploy(name, TELLS.event)
    for (let round = 1; round <= 15; round++) {
      expect((await set('A', `text ${round}`)).status).toBe(204)
      expect((await ask(['A'])).found).toEqual([`text ${round}`])
      if (round % 5 > 0) continue
      expect((await remove('A')).status).toBe(204)
      expect((await ask(['A'])).found).toEqual([null])
    }
  })

  test('keeps sandboxes warm: calls between two changes ride in one', async () => {
    await platform.deploy(name, TELLS.fetch, 'concurrency=1')
    await set('A', 'one')
    const used: number[] = []
    for (let i = 0; i < 6; i++) used.push((await ask(['A'])).uses)
    expect(Math.max(...used)).toBeGreaterThanOrEqual(2)
  })

  test('may be changed while many call: each sees what was there when it came, or something newer', async () => {
    await platform.deploy(name, TELLS.fetch)
    await set('N', '0')
    let answered = 0
    const calls: Promise<void>[] = []
    for (let next = 1; next <= 10; next++) {
      for (let i = 0; i < 8; i++) {
        const least = answered
        calls.push(ask(['N']).then(({ found }) => expect(Number(found[0])).toBeGreaterThanOrEqual(least)))
      }
      await set('N', String(next))
      answered = next
    }
    await Promise.all(calls)
  })

  test('does not belong to a version: a new one has it, and so has one that was rolled back to', async () => {
    await platform.deploy(name, TELLS.event)
    await set('A', 'one')
    await platform.deploy(name, `${TELLS.event} // 2`)
    expect((await ask(['A'])).found).toEqual(['one'])
    await set('A', 'two')
    await platform.fetch(`/v1/functions/${name}/aliases/live`, { method: 'PUT', body: '{"version":1}' })
    expect((await ask(['A'])).found).toEqual(['two'])
    expect((await ask(['A'], { query: '?qualifier=2' })).found).toEqual(['two'])
  })

  test('wins over a setting of its name; the list and the next deploy say so, and without it the setting is back', async () => {
    await platform.deploy(name, TELLS.event, 'env.MODE=plain')
    await set('MODE', 'hidden')
    expect((await ask(['MODE'])).found).toEqual(['hidden'])
    expect((await list()).secrets).toEqual([{ name: 'MODE', setAt: expect.any(String), hidesSetting: true }])
    const { warnings } = await platform.deploy(name, TELLS.event)
    expect(warnings).toContain('env.MODE is a setting and a secret: calls see the secret')
    await remove('MODE')
    expect((await ask(['MODE'])).found).toEqual(['plain'])
  })

  test('goes with its function, and is its tenant’s alone', async () => {
    await platform.deploy(name, TELLS.event)
    await set('A', 'mine')
    await platform.fetch('/v1/tenants', { method: 'POST', body: JSON.stringify({ name: `other-${name}` }) })
    const other = { 'isolane-tenant': `other-${name}` }
    await platform.fetch(`/v1/functions/${name}`, { method: 'PUT', body: TELLS.event, headers: other })
    expect((await ask(['A'], { headers: other })).found).toEqual([null])
    await set('A', 'theirs', other)
    expect((await ask(['A'])).found).toEqual(['mine'])

    expect((await platform.fetch(`/v1/functions/${name}`, { method: 'DELETE' })).status).toBe(204)
    expect(await store.exists(`isolane:secrets:default/${name}`)).toBe(0)
    expect((await platform.fetch(`/v1/functions/${name}/secrets`)).status).toBe(404)
    await platform.deploy(name, TELLS.event)
    expect((await list()).secrets).toEqual([])
    expect((await ask(['A'])).found).toEqual([null])
    expect((await ask(['A'], { headers: other })).found).toEqual(['theirs'])
  })

  test('is text to the last byte', async () => {
    await platform.deploy(name, TELLS.event)
    const text = `\u{feff}"quoted" \\ \0 \r\n${'ü'.repeat(1_000)}😀\n`
    await set('A', text)
    expect((await ask(['A'])).found).toEqual([text])
  })

  test(`may be ${MAX_SECRET_BYTES} bytes long and one of ${MAX_SECRETS}, and a function gets them all`, async () => {
    await platform.deploy(name, TELLS.event)
    const names = Array.from({ length: MAX_SECRETS }, (_, at) => `A${at}`)
    for (const secret of names) expect((await set(secret, secret.padEnd(MAX_SECRET_BYTES, '\u0001'))).status).toBe(204)
    expect((await ask(names)).found).toEqual(names.map((secret) => secret.padEnd(MAX_SECRET_BYTES, '\u0001')))
    const refused = await set('B', 'one more')
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([409, 'secrets_full'])
    expect((await set('A7', 'in place of the old')).status).toBe(204)
  })
})

describe('a secret that cannot be set', () => {
  test.each([
    ['a name in lower case', 'apiKey', 'x', 400, 'secret_invalid'],
    ['the name of the store', 'KV', 'x', 400, 'secret_invalid'],
    ['the name of what every object has', '__proto__', 'x', 400, 'secret_invalid'],
    ['a path for a name', '..%2f..%2fA', 'x', 400, 'secret_invalid'],
    ['no text', 'A', '', 400, 'secret_invalid'],
    ['no UTF-8', 'A', new Uint8Array([0x41, 0xff]), 400, 'secret_invalid'],
    ['too much text', 'A', 'x'.repeat(MAX_SECRET_BYTES + 1), 413, 'body_too_large'],
  ])('%s', async (_, secret, text, status, code) => {
    await platform.deploy(name, TELLS.event)
    const response = await set(secret, text)
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([status, code])
    expect((await list()).secrets).toEqual([])
  })

  test('of a function that does not exist, or by a key without the scope, and nothing is left behind', async () => {
    expect((await set('A', 'x')).status).toBe(404)
    await platform.deploy(name, TELLS.event)
    expect((await remove('A')).status).toBe(404)
    const body = JSON.stringify({ tenant: 'default', scopes: ['read', 'invoke', 'usage'] })
    const { key } = await platform.json<{ key: string }>('/v1/keys', { method: 'POST', body })
    const headers = { authorization: `Bearer ${key}` }
    expect((await set('A', 'x', headers)).status).toBe(403)
    expect((await platform.fetch(`/v1/functions/${name}/secrets`, { headers })).status).toBe(403)
    expect(await store.exists(`isolane:secrets:default/${name}`)).toBe(0)
  })
})

describe('what a secret says', () => {
  const TEXT = 'correct-horse-battery-staple'
  /** As it is, and in each way in which base64 and hex might hide it. */
  const traces = [
    TEXT,
    ...[0, 1, 2].map((pad) =>
      Buffer.from('x'.repeat(pad) + TEXT)
        .toString('base64')
        .slice(4, 32),
    ),
    Buffer.from(TEXT).toString('hex'),
  ]
  const leaks = (text: string): string[] => traces.filter((trace) => text.includes(trace))

  test('is in no answer, log, record or key of the store, also when the function fails', async () => {
    await platform.deploy(name, 'export default ([fails]) => { if (fails) throw new Error("as asked"); return 1 }')
    await set('A', TEXT)
    await ask([])
    await platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: '["fails"]' })
    await platform.deploy(name, 'export default () => 2')
    const texts: string[] = []
    for (const path of ['', '/versions', '/secrets', '/logs']
      .map((rest) => `/v1/functions/${name}${rest}`)
      .concat('/v1/functions', '/v1/usage/records', '/v1/workers')) {
      const response = await platform.fetch(path)
      expect(response.status, path).toBe(200)
      texts.push(await response.text())
    }
    expect(texts.join()).toContain('as asked')
    expect(leaks(texts.join())).toEqual([])
    expect(leaks(platform.output())).toEqual([])
    const dump = JSON.stringify(await dumpStore(store))
    expect(dump).toContain(`isolane:secrets:default/${name}`)
    expect(leaks(dump)).toEqual([])
  })

  test('is sealed for its place: copied to another function or name it opens for nobody, and the log says which', async () => {
    await platform.deploy(name, TELLS.event)
    await set('A', TEXT)
    await set('B', 'other')
    const hash = `isolane:secrets:default/${name}`
    await store.hset(hash, 'B', (await store.hget(hash, 'A')) as string)
    const response = await platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: '["A","B"]' })
    const text = await response.text()
    expect(response.status).toBe(503)
    expect(JSON.parse(text)).toMatchObject({ code: 'lost', started: 'no' })
    expect(leaks(text + platform.output())).toEqual([])
    expect(platform.output()).toContain(`Cannot open the secret B of default/${name}`)
    await set('B', 'again')
    expect((await ask(['A', 'B'])).found).toEqual([TEXT, 'again'])
  })

  test('needs the key of the data directory, which its owner alone can read', async () => {
    const path = join(dataDir, 'secrets-key')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(Buffer.from(await readFile(path, 'utf8'), 'base64').length).toBe(32)
  })
})

test('secrets outlive a restart; with another key their functions are refused, and the log says why, until they are set again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'isolane-secrets-'))
  const first = platform
  const env = { ISOLANE_MAX_WORKERS: '1' }
  try {
    platform = await startPlatform({ dataDir: folder, env })
    await platform.deploy(name, TELLS.event)
    await set('A', 'one')
    await platform.stop()

    platform = await startPlatform({ dataDir: folder, env })
    expect((await ask(['A'])).found).toEqual(['one'])
    await platform.stop()

    platform = await startPlatform({ dataDir: folder, env: { ...env, ISOLANE_SECRETS_KEY: 'ab'.repeat(32) } })
    expect((await platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: '["A"]' })).status).toBe(503)
    expect(platform.output()).toContain(`Cannot open the secret A of default/${name}: it was sealed with the key`)
    await set('A', 'two')
    expect((await ask(['A'])).found).toEqual(['two'])
    await platform.stop()

    await writeFile(join(folder, 'secrets-key'), 'scribbled over')
    await expect(startPlatform({ dataDir: folder, env })).rejects.toThrow(`Cannot use ${join(folder, 'secrets-key')}: wanted 32 bytes`)
  } finally {
    if (platform !== first) await platform.stop()
    platform = first
    await rm(folder, { recursive: true, force: true })
  }
})
