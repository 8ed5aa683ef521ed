import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hono } from 'hono'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Builder } from '../../platform/builder/builder.ts'
import { createBuilder } from '../../platform/builder/builder.ts'
import { actFor } from '../../platform/gateway/acting-tenant.ts'
import type { Caller, GatewayEnv } from '../../platform/gateway/caller.ts'
import type { LoadResult } from '../../platform/gateway/deploy-function.ts'
import { createFunctionsRoutes } from '../../platform/gateway/functions-routes.ts'
import { HeldBodies, MAX_TENANT_HELD_BYTES } from '../../platform/gateway/held-bodies.ts'
import { createTenantsRoutes } from '../../platform/gateway/tenants-routes.ts'
import { Problem, problemResponse } from '../../platform/problem.ts'
import { FunctionRegistry } from '../../platform/registry/function-registry.ts'
import { KeyRegistry } from '../../platform/registry/key-registry.ts'
import { Keyring } from '../../platform/registry/keyring.ts'
import type { Store } from '../../platform/registry/open-store.ts'
import { openStore } from '../../platform/registry/open-store.ts'
import type { Tenant } from '../../platform/registry/tenant.ts'
import { TenantRegistry } from '../../platform/registry/tenant-registry.ts'
import type { FunctionVersion } from '../../runtime/contract/function-version.ts'
import { MAX_SOURCE_BYTES } from '../../runtime/contract/limits.ts'
import type { TestRedis } from '../redis-server.ts'
import { startRedis } from '../redis-server.ts'
import { dumpStore } from '../store-dump.ts'

const REPORT = { initMs: 1, cpuMs: 1, heapMb: 1, coldStartMs: 1 }
const HELLO = 'export default (event: { name: string }) => "hello " + event.name'

let redis: TestRedis
let store: Store
let dataDir: string
let builder: Builder
let caller: Caller
let loadResult: LoadResult
let bodies: HeldBodies
let loads: FunctionVersion[]
let removedLogs: string[]
let scheduled: string[]
/** What lanes were told of tenants. */
let told: Tenant[]

beforeAll(async () => {
  redis = await startRedis()
  store = await openStore(redis.url)
  dataDir = await mkdtemp(join(tmpdir(), 'isolane-data-'))
  builder = createBuilder({ log: { warn: () => {} } })
})

afterAll(async () => {
  builder?.[Symbol.dispose]()
  store?.disconnect()
  await redis?.stop()
  if (dataDir) await rm(dataDir, { recursive: true, force: true })
})

beforeEach(async () => {
  await store.flushall()
  caller = { keyId: 'key-1', tenant: 'default', scopes: ['admin'] }
  loadResult = { ok: true, style: 'event', report: REPORT }
  bodies = new HeldBodies()
  loads = []
  removedLogs = []
  scheduled = []
  told = []
  await new TenantRegistry({ store }).create({ name: 'default' })
})

function app(): Hono<GatewayEnv> {
  const registry = new FunctionRegistry({ store, dataDir })
  const tenants = new TenantRegistry({ store })
  const loadOnce = async (version: FunctionVersion) => {
    loads.push(version)
    return loadResult
  }
  const gateway = new Hono<GatewayEnv>()
  gateway.onError((error) => {
    if (error instanceof Problem) return problemResponse(error.init)
    throw error
  })
  gateway.use(async (c, next) => {
    c.set('caller', caller)
    await next()
  })
  gateway.use(actFor(tenants))
  gateway.route(
    '/v1',
    createFunctionsRoutes({
      registry,
      logs: { remove: async (_tenant, name) => void removedLogs.push(name) },
      builder,
      schedules: { namesFor: async () => scheduled },
      bodies,
      loadOnce,
    }),
  )
  gateway.route(
    '/v1',
    createTenantsRoutes({
      tenants,
      keys: new KeyRegistry({ store }),
      lanes: ['main', 'trusted'],
      mover: { tell: async (tenant) => void told.push(tenant) },
    }),
  )
  return gateway
}

type Body = string | Buffer | FormData | ReadableStream<Uint8Array>

// biome-ignore lint/suspicious/noExplicitAny: answers are compared member by member
type Answer = { status: number; body: any; headers: Headers }

async function call(method: string, path: string, body?: Body | null, headers: Record<string, string> = {}): Promise<Answer> {
  const init = { method, headers, ...(body !== undefined && { body, duplex: 'half' }) } as RequestInit
  const response = await app().request(path, init)
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) }
}

const put = (source: Body, query = '', headers: Record<string, string> = {}) => call('PUT', `/v1/functions/hello${query}`, source, headers)
const json = (value: unknown) => JSON.stringify(value)

function form(parts: Record<string, string>, metadata?: unknown): FormData {
  const data = new FormData()
  if (metadata !== undefined) data.set('metadata', new Blob([json(metadata)], { type: 'application/json' }))
  for (const [name, text] of Object.entries(parts)) data.set(name, new Blob([text], { type: 'application/javascript+module' }), name)
  return data
}

describe('PUT /v1/functions/{name}', () => {
  test('answers 201 with what was made, where it answers and what the load measured', async () => {
    const { status, body } = await put(HELLO)
    expect(status).toBe(201)
    expect(body).toEqual({
      name: 'hello',
      tenant: 'default',
      version: 1,
      url: '/fn/default/hello',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      sourceBytes: HELLO.length,
      bundleBytes: expect.any(Number),
      style: 'event',
      live: { moved: true, version: 1 },
      settings: {
        ...{ memoryMb: 128, timeoutMs: 5_000, concurrency: 1, wasm: false, env: {} },
        ...{ access: 'private', maxConcurrency: null, idempotent: false, retries: 2, onSuccess: null, onFailure: null },
      },
      report: { buildMs: expect.any(Number), ...REPORT },
      warnings: [],
    })
    expect(loads).toMatchObject([{ tenant: 'default', name: 'hello', version: 1, sha256: body.sha256, limits: { concurrency: 1 } }])
  })

  test.each([
    [undefined],
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['application/typescript'],
    ['application/octet-stream'],
    ['text/javascript'],
  ])('takes one module with the content type %s', async (type) => {
    expect((await put(Buffer.from(HELLO), '', type === undefined ? {} : { 'content-type': type })).status).toBe(201)
  })

  test('takes several modules as a form, with settings in its metadata', async () => {
    const parts = {
      'src/index.ts': 'import { greet } from "./greet"\nexport default greet',
      'src/greet.ts': 'export const greet = (): string => "hi"',
    }
    const { status, body } = await put(form(parts, { main_module: 'src/index.ts', memoryMb: 256, env: { API_KEY: 'k', GREETING: 'hi' } }))
    expect([status, body.detail]).toEqual([201, undefined])
    expect(body.settings).toMatchObject({ memoryMb: 256, env: { API_KEY: 'k', GREETING: 'hi' } })
    expect(loads[0]?.env).toEqual({ API_KEY: 'k', GREETING: 'hi' })
  })

  test('takes a form of one module without metadata, by the name of its file', async () => {
    const data = new FormData()
    data.set('main', new File([HELLO], 'index.ts'))
    expect((await put(data)).status).toBe(201)
  })

  test('keeps settings from the version before, and says what the load warned of', async () => {
    await put(HELLO, '?memoryMb=512&timeoutMs=1000&access=public&maxConcurrency=3&env.GREETING=hi')
    loadResult = { ok: true, style: 'event', warning: 'handler is never called', report: REPORT }
    const { body } = await put(HELLO, '?timeoutMs=default')
    expect(body.version).toBe(2)
    expect(body.settings).toMatchObject({ memoryMb: 512, timeoutMs: 5_000, access: 'public', maxConcurrency: 3, env: { GREETING: 'hi' } })
    expect(body.warnings).toEqual(['handler is never called'])
  })

  test('gives a fetch handler room for 16', async () => {
    loadResult = { ok: true, style: 'fetch', report: REPORT }
    expect((await put(HELLO)).body.settings.concurrency).toBe(16)
  })

  test('leaves live alone with live=false, or while live is split, and says why', async () => {
    await put(HELLO)
    expect((await put(HELLO, '?live=false')).body.live).toEqual({
      moved: false,
      reason: 'live=false was asked for',
      targets: [{ version: 1, weight: 1 }],
    })
    await call('PUT', '/v1/functions/hello/aliases/live', json({ weights: { 1: 9, 2: 1 } }))
    const { status, body } = await put(HELLO)
    expect([status, body.version, body.live.moved]).toEqual([201, 3, false])
    expect(body.live.reason).toMatch(/split over versions 1 \(weight 9\), 2 \(weight 1\)/)
  })

  describe('refuses, and nothing has changed then', () => {
    const zip = Buffer.from('PK\x03\x04rest')
    const oversized = Buffer.alloc(MAX_SOURCE_BYTES + 1, 0x20)
    const cases: [string, () => Promise<Answer>, number, string, RegExp][] = [
      [
        'code that does not parse',
        () => put('export default = 1'),
        422,
        'build_failed',
        /index.ts:1:16: Unexpected "="\n {2}1 \| export default = 1\n {4}\| {16}\^/,
      ],
      ['an import of a package', () => put('import "hono"'), 422, 'build_failed', /"hono" is a package/],
      ['code that kills the bundler', () => put('('.repeat(MAX_SOURCE_BYTES)), 422, 'too_complex', /nested too deeply/],
      ['an empty body', () => put(' \n'), 400, 'module_missing', /the body is empty/],
      ['a body over the limit', () => put(oversized), 413, 'body_too_large', /over 2097152 bytes/],
      [
        'modules over the limit',
        () => put(form({ 'index.ts': HELLO, 'big.txt': oversized.toString() }, { main_module: 'index.ts' })),
        413,
        'source_too_large',
        /allowed are 2097152/,
      ],
      ['a zip archive', () => put(zip, '', { 'content-type': 'application/zip' }), 415, 'zip_unsupported', /send the one module as the body/],
      ['a zip archive in disguise', () => put(zip), 415, 'zip_unsupported', /zip archives are not taken yet/],
      ['a compressed body', () => put(HELLO, '', { 'content-encoding': 'gzip' }), 415, 'encoding_unsupported', /Content-Encoding gzip/],
      ['a broken form', () => put('nonsense', '', { 'content-type': 'multipart/form-data; boundary=x' }), 400, 'form_invalid', /not the multipart/],
      ['a form without a main module', () => put(form({ 'a.ts': '', 'b.ts': '' })), 400, 'main_module_invalid', /one of a.ts, b.ts; got none/],
      ['a form whose main module is not there', () => put(form({ 'a.ts': '' }, { main_module: 'b.ts' })), 400, 'main_module_invalid', /got "b.ts"/],
      ['a module outside the upload', () => put(form({ '../a.ts': '' })), 400, 'module_name_invalid', /got "..\/a.ts"/],
      ['metadata that is not JSON', () => put(form({ 'a.ts': HELLO, metadata: 'x' })), 400, 'json_invalid', /the part "metadata"/],
      ['an unknown setting', () => put(HELLO, '?memory=128'), 400, 'setting_invalid', /Cannot set memory: no such setting, allowed are memoryMb/],
      ['an unknown setting in metadata', () => put(form({ 'a.ts': HELLO }, { bindings: [] })), 400, 'setting_invalid', /Cannot set bindings/],
      ['a wrong setting', () => put(HELLO, '?memoryMb=100'), 400, 'setting_invalid', /wanted one of 64, 128, 256, 512, 1024, 2048, got 100/],
      ['a wrong live', () => put(HELLO, '?live=maybe'), 400, 'setting_invalid', /Cannot set live: wanted true or false/],
      ['a secret in the address', () => put(HELLO, '?env.API_KEY=x'), 400, 'setting_invalid', /looks like a secret/],
      ['a wrong name', () => call('PUT', '/v1/functions/Hello', HELLO), 400, 'name_invalid', /wanted a lower-case letter/],
      ['a reserved name', () => call('PUT', '/v1/functions/invoke', HELLO), 400, 'name_invalid', /it is reserved/],
    ]

    test.each(cases)('%s', { timeout: 20_000 }, async (_what, attempt, status, code, detail) => {
      await put(HELLO)
      const before = await dumpStore(store)
      loads = []
      const answer = await attempt()
      expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code })
      expect(answer.body.detail).toMatch(detail)
      expect(answer.headers.get('content-type')).toBe('application/problem+json')
      expect(await dumpStore(store)).toEqual(before)
      expect(loads).toEqual([])
    })

    test('code that builds but does not load, small or large', async () => {
      await put(HELLO)
      const before = await dumpStore(store)
      loadResult = { ok: false, problem: { status: 422, code: 'load_failed', detail: 'it threw' } }
      const large = `${HELLO}\nconsole.log("${'x'.repeat(100_000)}")`
      for (const source of [HELLO, 'export default 2', large]) {
        expect(await put(source)).toMatchObject({ status: 422, body: { code: 'load_failed', detail: 'it threw' } })
      }
      expect(loads).toHaveLength(4)
      expect(await dumpStore(store)).toEqual(before)
      expect((await readdir(join(dataDir, 'artifacts'), { recursive: true })).filter((name) => name.length > 3)).toEqual([])
    })

    test('a body without a declared length, as soon as it is too long', async () => {
      let sentBytes = 0
      const endless = new ReadableStream<Uint8Array>({
        pull(controller) {
          sentBytes += 65_536
          controller.enqueue(new Uint8Array(65_536))
        },
      })
      expect(await put(endless)).toMatchObject({ status: 413, body: { code: 'body_too_large', maxBytes: MAX_SOURCE_BYTES } })
      expect(sentBytes).toBeLessThan(MAX_SOURCE_BYTES + 4 * 65_536)
    })

    test('a body for which there is no room beside those of other callers; when they are gone there is, and none is kept', async () => {
      const others = bodies.holding('default')
      others.hold(MAX_TENANT_HELD_BYTES - 10)
      expect(await put(HELLO)).toMatchObject({ status: 503, body: { code: 'overloaded' } })
      expect(bodies.all).toBe(MAX_TENANT_HELD_BYTES - 10)
      others[Symbol.dispose]()
      expect((await put(HELLO)).status).toBe(201)
      expect(bodies.all).toBe(0)
    })
  })

  test.each([
    ['memoryMb=100', [64, 128, 256, 512, 1024, 2048]],
    ['access=all', ['private', 'public']],
    ['timeoutMs=0', expect.stringContaining('an integer from 1 to')],
    ['live=maybe', [true, false]],
    ['memory=128', expect.arrayContaining(['memoryMb', 'env', 'live'])],
  ])('a refusal of %s lists for programs what is allowed', async (query, allowed) => {
    expect((await put(HELLO, `?${query}`)).body.allowed).toEqual(allowed)
  })

  test('says once how packages are bundled, below all imports of some', async () => {
    const { body } = await put('import "hono"\nimport "zod"')
    expect(body.detail.match(/npx esbuild index.ts/g)).toHaveLength(1)
    expect(body.detail).toMatch(/upload bundle.js$/)
    expect(body.errors.map(({ text }: { text: string }) => text)).toEqual(
      ['hono', 'zod'].map((name) => `"${name}" is a package, and packages are not installed here`),
    )
  })

  test('warns of a direct eval that there is none', async () => {
    const { body } = await put('export default () => eval("1")')
    expect(body.warnings).toEqual([expect.stringMatching(/^index.ts:1:22: eval does not exist in functions/)])
  })

  test('a 422 carries the errors for programs too', async () => {
    const { body } = await put('const a = 1\nconst b = = 2')
    expect(body.errors).toEqual([{ text: 'Unexpected "="', file: 'index.ts', line: 2, column: 11, lineText: 'const b = = 2' }])
  })
})

describe('reading, changing, removing', () => {
  test('a function shows its settings and versions, and is listed', async () => {
    await put(HELLO, '?env.GREETING=hi')
    await put('export default 2')
    const { body } = await call('GET', '/v1/functions/hello')
    expect(body).toMatchObject({
      name: 'hello',
      tenant: 'default',
      url: '/fn/default/hello',
      live: 2,
      lastVersion: 2,
      access: 'private',
      maxConcurrency: null,
      env: { GREETING: 'hi' },
      version: { version: 2, style: 'event', memoryMb: 128 },
    })
    expect((await call('GET', '/v1/functions')).body.functions.map((fn: { name: string }) => fn.name)).toEqual(['hello'])
    const { versions } = (await call('GET', '/v1/functions/hello/versions')).body
    expect(versions.map((entry: { version: number; aliases: string[] }) => [entry.version, entry.aliases])).toEqual([
      [2, ['live']],
      [1, []],
    ])
  })

  test('PATCH of a function’s setting acts on it at once and makes no version', async () => {
    await put(HELLO)
    const { status, body } = await call('PATCH', '/v1/functions/hello', json({ access: 'public', maxConcurrency: 0 }))
    expect([status, body.access, body.maxConcurrency, body.lastVersion]).toEqual([200, 'public', 0, 1])
    expect((await call('PATCH', '/v1/functions/hello', json({ maxConcurrency: null }))).body.maxConcurrency).toBe(null)
  })

  test('PATCH of a version’s setting makes a new version of the same code, loaded once more', async () => {
    const first = (await put(HELLO, '?env.A=1')).body
    const { status, body } = await call('PATCH', '/v1/functions/hello', json({ memoryMb: 256, env: { A: null, API_KEY: 'k' }, access: 'public' }))
    expect(status).toBe(200)
    expect(body).toMatchObject({
      live: 2,
      access: 'public',
      env: { API_KEY: 'k' },
      version: { sha256: first.sha256, memoryMb: 256 },
      deployed: { version: 2, report: REPORT },
    })
    expect(loads).toHaveLength(2)
  })

  test('PATCH that does not load, or of a split live, changes nothing', async () => {
    await put(HELLO)
    await put(HELLO)
    loadResult = { ok: false, problem: { status: 422, code: 'load_failed', detail: 'it threw' } }
    const before = await dumpStore(store)
    expect((await call('PATCH', '/v1/functions/hello', json({ memoryMb: 256, access: 'public' }))).status).toBe(422)
    expect(await dumpStore(store)).toEqual(before)
    await call('PUT', '/v1/functions/hello/aliases/live', json({ weights: { 1: 1, 2: 1 } }))
    expect(await call('PATCH', '/v1/functions/hello', json({ memoryMb: 256 }))).toMatchObject({ status: 409, body: { code: 'live_not_single' } })
  })

  test('an alias points to one version or shares calls out, and refuses versions that are not there', async () => {
    await put(HELLO)
    await put(HELLO)
    expect((await call('PUT', '/v1/functions/hello/aliases/stable', json({ version: 1 }))).body).toEqual({
      alias: 'stable',
      targets: [{ version: 1, weight: 1 }],
    })
    expect(await call('PUT', '/v1/functions/hello/aliases/live', json({ version: 7 }))).toMatchObject({
      status: 400,
      body: { detail: 'Cannot set version: wanted one of the versions 1, 2, got 7' },
    })
    expect((await call('GET', '/v1/functions/hello')).body.live).toBe(2)
  })

  test('DELETE removes it with its log, and twice is 404', async () => {
    await put(HELLO)
    expect((await call('DELETE', '/v1/functions/hello')).status).toBe(204)
    expect(removedLogs).toEqual(['hello'])
    for (const [method, path, body] of [
      ['DELETE', ''],
      ['GET', ''],
      ['GET', '/versions'],
      ['PATCH', '', '{"access":"public"}'],
      ['PATCH', '', '{"memoryMb":256}'],
      ['PUT', '/aliases/live', '{"version":1}'],
    ] as const) {
      expect(await call(method, `/v1/functions/hello${path}`, body), `${method} ${path}`).toMatchObject({
        status: 404,
        body: { code: 'function_not_found' },
      })
    }
  })

  test('answers 409 while schedules run it, and names them', async () => {
    await put(HELLO)
    scheduled = ['nightly', 'hourly']
    const { status, body } = await call('DELETE', '/v1/functions/hello')
    expect([status, body.code, body.schedules]).toEqual([409, 'function_has_schedules', ['nightly', 'hourly']])
    expect(body.detail).toBe('Cannot remove hello: schedule "nightly" and 1 more would run it. DELETE /v1/schedules/nightly removes a schedule')
    expect((await call('GET', '/v1/functions/hello')).status).toBe(200)
  })
})

describe('what a key may do', () => {
  test.each([
    ['PUT', '', HELLO, 'deploy'],
    ['PATCH', '', '{}', 'deploy'],
    ['DELETE', '', undefined, 'deploy'],
    ['PUT', '/aliases/live', '{"version":1}', 'deploy'],
    ['GET', '', undefined, 'read'],
    ['GET', '/versions', undefined, 'read'],
  ] as const)('%s …%s needs the scope for it', async (method, path, body, scope) => {
    await put(HELLO)
    caller = { keyId: 'key-2', tenant: 'default', scopes: scope === 'read' ? ['deploy', 'invoke', 'usage'] : ['read', 'invoke', 'usage'] }
    expect(await call(method, `/v1/functions/hello${path}`, body)).toMatchObject({ status: 403, body: { code: 'scope_missing' } })
    caller = { keyId: 'key-2', tenant: 'default', scopes: [scope] }
    expect((await call(method, `/v1/functions/hello${path}`, body)).status).toBeLessThan(300)
  })

  test('a key confined to some functions neither reaches nor sees the others', async () => {
    await put(HELLO)
    caller = { keyId: 'key-2', tenant: 'default', scopes: ['read', 'deploy'], functions: ['other'] }
    expect(await call('GET', '/v1/functions/hello')).toMatchObject({ status: 404, body: { code: 'function_not_found' } })
    expect((await call('GET', '/v1/functions')).body.functions).toEqual([])
  })

  test('a key of one tenant does not see another’s function', async () => {
    await put(HELLO)
    caller = { keyId: 'key-2', tenant: 'acme', scopes: ['read', 'deploy'] }
    expect((await call('GET', '/v1/functions/hello')).status).toBe(404)
    expect(await call('GET', '/v1/functions/hello', undefined, { 'Isolane-Tenant': 'default' })).toMatchObject({
      status: 403,
      body: { code: 'tenant_not_yours' },
    })
  })

  test('an admin key acts for the tenant that Isolane-Tenant names', async () => {
    await call('POST', '/v1/tenants', json({ name: 'acme' }))
    expect((await put(HELLO, '', { 'Isolane-Tenant': 'acme' })).body).toMatchObject({ tenant: 'acme', url: '/fn/acme/hello' })
    expect((await call('GET', '/v1/functions/hello')).status).toBe(404)
    expect(await call('GET', '/v1/functions', undefined, { 'Isolane-Tenant': 'nobody' })).toMatchObject({
      status: 404,
      body: { code: 'tenant_unknown' },
    })
  })
})

describe('/v1/tenants and /v1/keys', () => {
  test('make, list and refuse tenants', async () => {
    expect(await call('POST', '/v1/tenants', json({ name: 'acme', weight: 2 }))).toMatchObject({ status: 201, body: { name: 'acme', weight: 2 } })
    expect(await call('POST', '/v1/tenants', json({ name: 'acme' }))).toMatchObject({ status: 409, body: { code: 'tenant_exists' } })
    expect(await call('POST', '/v1/tenants', json({ name: 'Acme' }))).toMatchObject({ status: 400, body: { field: 'name' } })
    expect(await call('POST', '/v1/tenants', json({ name: 'b', weight: 0 }))).toMatchObject({ status: 400, body: { field: 'weight' } })
    expect(await call('POST', '/v1/tenants', json({ name: 'b', plan: 'x' }))).toMatchObject({
      status: 400,
      body: { code: 'field_unknown', field: 'plan' },
    })
    expect(await call('POST', '/v1/tenants', '{')).toMatchObject({ status: 400, body: { code: 'json_invalid' } })
    expect((await call('GET', '/v1/tenants')).body.tenants.map((tenant: { name: string }) => tenant.name)).toEqual(['acme', 'default'])
  })

  test('a weight acts at once: its lane is told, with a revision it does not know yet', async () => {
    await call('POST', '/v1/tenants', json({ name: 'acme' }))
    const answer = await call('PATCH', '/v1/tenants/acme', json({ weight: 2.5 }))
    expect(answer).toMatchObject({ status: 200, body: { name: 'acme', weight: 2.5, lane: 'main' } })
    expect(told).toMatchObject([{ name: 'acme', weight: 2.5, lane: 'main', revision: 2 }])
    expect((await call('GET', '/v1/tenants/acme')).body).toEqual(answer.body)
  })

  test('a tenant in another lane is on its way there, and cannot be sent on before it has arrived', async () => {
    await call('POST', '/v1/tenants', json({ name: 'acme' }))
    const answer = await call('PATCH', '/v1/tenants/acme', json({ lane: 'trusted' }))
    expect(answer).toMatchObject({ status: 200, body: { lane: 'trusted', moving: { from: 'main' } } })
    expect(told).toMatchObject([{ lane: 'trusted', moving: { from: 'main' }, revision: 2 }])
    expect(await call('PATCH', '/v1/tenants/acme', json({ lane: 'main' }))).toMatchObject({ status: 409, body: { code: 'tenant_moving' } })
    expect(await call('PATCH', '/v1/tenants/acme', json({ weight: 3 }))).toMatchObject({ status: 200, body: { weight: 3, moving: { from: 'main' } } })
    expect(await new TenantRegistry({ store }).moving()).toEqual(['acme'])
  })

  test('what a tenant cannot be is refused with what it can', async () => {
    await call('POST', '/v1/tenants', json({ name: 'acme' }))
    const lanes = 'one of the lanes there are (main, trusted)'
    expect((await call('POST', '/v1/tenants', json({ name: 'b', lane: 'moon' }))).body.detail).toContain(lanes)
    const refusals: [unknown, string][] = [
      [{ lane: 'moon' }, lanes],
      [{ weight: 0.5 }, 'a number from 1 to 1000'],
      [{ weight: '2' }, 'a number from 1 to 1000'],
      [{ name: 'b' }, 'allowed are weight, lane'],
    ]
    for (const [change, detail] of refusals) {
      const answer = await call('PATCH', '/v1/tenants/acme', json(change))
      expect([answer.status, answer.body.detail]).toEqual([400, expect.stringContaining(detail)])
    }
    expect(await call('PATCH', '/v1/tenants/nobody', json({ weight: 2 }))).toMatchObject({ status: 404, body: { code: 'tenant_unknown' } })
    expect(await call('GET', '/v1/tenants/nobody')).toMatchObject({ status: 404, body: { code: 'tenant_unknown' } })
    expect(told).toEqual([])
  })

  test('a change that changes nothing tells nobody', async () => {
    await call('POST', '/v1/tenants', json({ name: 'acme', weight: 2 }))
    expect(await call('PATCH', '/v1/tenants/acme', json({ weight: 2, lane: 'main' }))).toMatchObject({ status: 200, body: { weight: 2 } })
    expect(await new TenantRegistry({ store }).read('acme')).toMatchObject({ revision: 1 })
  })

  test('a new key opens what it is for, is shown once, and ends when it is removed', async () => {
    await call('POST', '/v1/tenants', json({ name: 'acme' }))
    const made = await call(
      'POST',
      '/v1/keys',
      json({ tenant: 'acme', scopes: ['read', 'deploy'], functions: ['shop'], expiresAt: '2999-01-01T00:00:00Z' }),
    )
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      id: expect.any(String),
      key: expect.stringMatching(/^isl_/),
      tenant: 'acme',
      expiresAt: '2999-01-01T00:00:00.000Z',
    })
    const keyring = () => new Keyring({ keys: new KeyRegistry({ store }) })
    expect(await keyring().find(made.body.key)).toEqual({ keyId: made.body.id, tenant: 'acme', scopes: ['read', 'deploy'], functions: ['shop'] })
    const listed = await call('GET', '/v1/keys?tenant=acme')
    expect(listed.body.keys).toMatchObject([{ id: made.body.id, scopes: ['read', 'deploy'] }])
    expect(JSON.stringify(listed.body)).not.toContain(made.body.key)
    expect((await call('DELETE', `/v1/keys/${made.body.id}`)).status).toBe(204)
    expect((await call('DELETE', `/v1/keys/${made.body.id}`)).status).toBe(404)
    expect(await keyring().find(made.body.key)).toBe(undefined)
  })

  test.each([
    [{}, 'scopes'],
    [{ scopes: [] }, 'scopes'],
    [{ scopes: ['root'] }, 'scopes'],
    [{ scopes: ['read'], tenant: 'nobody' }, 'tenant'],
    [{ scopes: ['read'], functions: ['Not a name'] }, 'functions'],
    [{ scopes: ['read'], expiresAt: '2001-01-01' }, 'expiresAt'],
    [{ scopes: ['read'], expiresAt: 5 }, 'expiresAt'],
    [{ scopes: ['read'], name: 'x' }, 'name'],
  ])('refuse the key %o, naming the field', async (wanted, field) => {
    expect(await call('POST', '/v1/keys', json(wanted))).toMatchObject({ status: 400, body: { field } })
    expect(await store.keys('isolane:key*')).toEqual([])
  })

  test('the key in use cannot remove itself', async () => {
    expect(await call('DELETE', '/v1/keys/key-1')).toMatchObject({ status: 409, body: { code: 'key_in_use' } })
  })

  test('are for admin keys only', async () => {
    caller = { keyId: 'key-2', tenant: 'default', scopes: ['deploy', 'invoke', 'read', 'usage'] }
    for (const [method, path] of [
      ['POST', 'tenants'],
      ['GET', 'tenants'],
      ['GET', 'tenants/acme'],
      ['PATCH', 'tenants/acme'],
      ['POST', 'keys'],
      ['GET', 'keys'],
      ['DELETE', 'keys/x'],
    ] as const) {
      expect(await call(method, `/v1/${path}`, method === 'POST' ? '{}' : undefined), `${method} ${path}`).toMatchObject({ status: 403 })
    }
  })
})
