import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform()
})
afterAll(async () => void (await platform.stop()))

const says = (word: string): string => `export default () => ({ says: ${JSON.stringify(word)} })`

function call(name: string, query = '', key = platform.key): Promise<Response> {
  return fetch(`${platform.url}/v1/functions/${name}/invocations${query}`, {
    method: 'POST',
    body: 'null',
    headers: { authorization: `Bearer ${key}` },
  })
}

async function word(name: string, query = ''): Promise<[unknown, string | null]> {
  const response = await call(name, query)
  return [((await response.json()) as { says: unknown }).says, response.headers.get('isolane-version')]
}

function upload(name: string, source: string | Uint8Array<ArrayBuffer>, query = ''): Promise<Response> {
  return platform.fetch(`/v1/functions/${name}${query}`, { method: 'PUT', body: source })
}

describe('versions', () => {
  test('a second upload is version 2 and live at once; the first stays callable by its number', async () => {
    await platform.deploy('grows', says('one'))
    expect(await word('grows')).toEqual(['one', '1'])
    expect(await platform.deploy('grows', says('two'))).toMatchObject({ version: 2, live: { moved: true, version: 2 } })
    expect(await word('grows')).toEqual(['two', '2'])
    expect(await word('grows', '?qualifier=1')).toEqual(['one', '1'])
    const { versions } = await platform.json<{ versions: { version: number; aliases: string[] }[] }>('/v1/functions/grows/versions')
    expect(versions.map(({ version, aliases }) => [version, aliases])).toEqual([
      [2, ['live']],
      [1, []],
    ])
  })

  test('the call right after an upload is answered by it, every time', async () => {
    for (let version = 1; version <= 20; version++) {
      await platform.deploy('hurries', says(`upload ${version}`))
      expect(await word('hurries')).toEqual([`upload ${version}`, String(version)])
    }
  })

  test('the live alias can be pointed back, and the very next call follows it', async () => {
    await platform.deploy('returns', says('one'))
    await platform.deploy('returns', says('two'))
    const moved = await platform.fetch('/v1/functions/returns/aliases/live', { method: 'PUT', body: '{"version":1}' })
    expect(moved.status).toBe(200)
    expect(await word('returns')).toEqual(['one', '1'])
  })

  test('an upload with live=false is there by its number only', async () => {
    await platform.deploy('waits', says('one'))
    expect(await platform.deploy('waits', says('two'), 'live=false')).toMatchObject({ version: 2, live: { moved: false } })
    expect(await word('waits')).toEqual(['one', '1'])
    expect(await word('waits', '?qualifier=2')).toEqual(['two', '2'])
  })

  test('an alias over two versions sends calls to both', async () => {
    await platform.deploy('splits', says('one'))
    await platform.deploy('splits', says('two'))
    await platform.fetch('/v1/functions/splits/aliases/canary', { method: 'PUT', body: '{"weights":{"1":50,"2":50}}' })
    const versions = new Set<string | null>()
    // Sixty heads in a row: once in 10¹⁸.
    for (let i = 0; i < 60 && versions.size < 2; i++) versions.add((await word('splits', '?qualifier=canary'))[1])
    expect([...versions].sort()).toEqual(['1', '2'])
  })

  test('a version or alias that does not exist is 404', async () => {
    await platform.deploy('known', says('one'))
    expect((await call('known', '?qualifier=2')).status).toBe(404)
    expect((await call('known', '?qualifier=beta')).status).toBe(404)
  })

  test('settings are inherited by the next version, and PATCH of one makes a version of the same code', async () => {
    await platform.deploy('set', 'export default (event, ctx) => ({ says: ctx.functionVersion })', 'memoryMb=256&env.MODE=slow')
    expect(await platform.deploy('set', says('two'))).toMatchObject({ settings: { memoryMb: 256, env: { MODE: 'slow' } } })
    const patched = await platform.fetch('/v1/functions/set', { method: 'PATCH', body: '{"memoryMb":64}' })
    expect(await patched.json()).toMatchObject({ live: 3, version: { version: 3, memoryMb: 64 } })
    expect(await word('set')).toEqual(['two', '3'])
  })

  test('env reaches the code, at the top level and in the handler', async () => {
    await platform.deploy('greets', 'export default { fetch: (request, env) => Response.json({ says: env.GREETING }) }', 'env.GREETING=hi%20there')
    expect((await word('greets'))[0]).toBe('hi there')
  })

  test('a deleted function is gone at once, and one of the same name begins anew', async () => {
    await platform.deploy('goes', says('one'))
    expect(await word('goes')).toEqual(['one', '1'])
    expect((await platform.fetch('/v1/functions/goes', { method: 'DELETE' })).status).toBe(204)
    expect((await call('goes')).status).toBe(404)
    expect((await platform.fetch('/v1/functions/goes')).status).toBe(404)
    await platform.deploy('goes', says('again'))
    expect((await word('goes'))[0]).toBe('again')
  })

  test('a function with maxConcurrency 0 is switched off until it is switched on', async () => {
    await platform.deploy('switched', says('on'))
    await platform.fetch('/v1/functions/switched', { method: 'PATCH', body: '{"maxConcurrency":0}' })
    const off = await call('switched')
    expect([off.status, ((await off.json()) as { code: string }).code]).toEqual([429, 'function_off'])
    await platform.fetch('/v1/functions/switched', { method: 'PATCH', body: '{"maxConcurrency":null}' })
    expect((await word('switched'))[0]).toBe('on')
  })
})

describe('who may call', () => {
  const url = (name: string, key?: string): Promise<Response> =>
    fetch(`${platform.url}/fn/default/${name}`, key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } })

  async function makeKey(wanted: object): Promise<string> {
    const response = await platform.fetch('/v1/keys', { method: 'POST', body: JSON.stringify(wanted) })
    expect(response.status).toBe(201)
    return ((await response.json()) as { key: string }).key
  }

  test('a private function answers 401 without a key or with a bad one, in the same words as a name that does not exist', async () => {
    await platform.deploy('secret', says('hush'))
    const answers = [await url('secret'), await url('secret', 'isl_wrong'), await url('no-such-name'), await url('no-such-name', 'isl_wrong')]
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401])
    expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1)
    expect((await url('secret', platform.key)).status).toBe(200)
    expect((await url('no-such-name', platform.key)).status).toBe(404)
  })

  test('a public function answers anybody, until it is private again', async () => {
    await platform.deploy('open', says('hello'), 'access=public')
    expect((await url('open')).status).toBe(200)
    expect((await url('open', 'isl_wrong')).status).toBe(200)
    await platform.fetch('/v1/functions/open', { method: 'PATCH', body: '{"access":"private"}' })
    expect((await url('open')).status).toBe(401)
  })

  test('the preflight of a private function is answered 403 without running code', async () => {
    await platform.deploy('preflighted', says('ran'))
    const response = await fetch(`${platform.url}/fn/default/preflighted`, {
      method: 'OPTIONS',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' },
    })
    expect(response.status).toBe(403)
    expect(response.headers.get('isolane-invocation-id')).toBeNull()
  })

  test('the rpc door needs a key whatever the access, and answers 401 without', async () => {
    await platform.deploy('still-keyed', says('x'), 'access=public')
    expect((await fetch(`${platform.url}/v1/functions/still-keyed/invocations`, { method: 'POST' })).status).toBe(401)
  })

  test('another tenant’s function is 404 at both doors, for reading and for its records', async () => {
    expect((await platform.fetch('/v1/tenants', { method: 'POST', body: '{"name":"acme"}' })).status).toBe(201)
    const acme = await makeKey({ tenant: 'acme', scopes: ['deploy', 'invoke', 'read', 'usage'] })
    await platform.deploy('mine', says('mine'))
    await call('mine')
    expect((await url('mine', acme)).status).toBe(404)
    expect(await (await url('mine', acme)).text()).toBe((await (await url('not-mine', acme)).text()).replace('not-mine', 'mine'))
    expect((await call('mine', '', acme)).status).toBe(404)
    const asAcme = (path: string, init: RequestInit = {}) => fetch(platform.url + path, { ...init, headers: { authorization: `Bearer ${acme}` } })
    expect((await asAcme('/v1/functions/mine')).status).toBe(404)
    expect((await asAcme('/v1/functions/mine', { method: 'DELETE' })).status).toBe(404)
    expect(await (await asAcme('/v1/functions')).json()).toEqual({ functions: [] })
    expect(await (await asAcme('/v1/usage/records')).text()).toBe('')
  })

  test('two tenants may have a function of the same name, and each gets its own', async () => {
    await platform.fetch('/v1/tenants', { method: 'POST', body: '{"name":"globex"}' })
    const globex = await makeKey({ tenant: 'globex', scopes: ['deploy', 'invoke', 'read'] })
    await platform.deploy('shared-name', says('of default'))
    const headers = { authorization: `Bearer ${globex}` }
    await fetch(`${platform.url}/v1/functions/shared-name`, { method: 'PUT', body: says('of globex'), headers })
    expect((await word('shared-name'))[0]).toBe('of default')
    expect(await (await call('shared-name', '', globex)).json()).toEqual({ says: 'of globex' })
    expect(await (await fetch(`${platform.url}/fn/globex/shared-name`, { headers })).json()).toEqual({ says: 'of globex' })
  })

  test('a key does what its scopes say and no more', async () => {
    await platform.deploy('scoped', says('x'))
    const reader = await makeKey({ scopes: ['read'] })
    const caller = await makeKey({ scopes: ['invoke'] })
    expect((await call('scoped', '', caller)).status).toBe(200)
    expect((await call('scoped', '', reader)).status).toBe(403)
    expect((await url('scoped', reader)).status).toBe(404)
    const put = await fetch(`${platform.url}/v1/functions/scoped`, { method: 'PUT', body: says('y'), headers: { authorization: `Bearer ${caller}` } })
    expect(put.status).toBe(403)
    expect((await word('scoped'))[0]).toBe('x')
  })

  test('a key confined to one function does not reach another', async () => {
    await platform.deploy('within', says('x'))
    await platform.deploy('without', says('x'))
    const confined = await makeKey({ scopes: ['invoke'], functions: ['within'] })
    expect((await url('within', confined)).status).toBe(200)
    expect((await url('without', confined)).status).toBe(404)
    expect((await call('without', '', confined)).status).toBe(404)
  })

  test('only a key that may read learns what a function threw', async () => {
    await platform.deploy('leaks', 'export default () => { throw new Error("the password is 123") }')
    const caller = await makeKey({ scopes: ['invoke'] })
    for (const response of [await url('leaks', caller), await call('leaks', '', caller)]) {
      expect(response.status).toBe(502)
      expect(await response.text()).not.toContain('password')
    }
    expect(await (await url('leaks', platform.key)).text()).toContain('the password is 123')
  })

  test('a removed key stops working', async () => {
    const { id, key } = (await (await platform.fetch('/v1/keys', { method: 'POST', body: '{"scopes":["read"]}' })).json()) as {
      id: string
      key: string
    }
    const read = () => fetch(`${platform.url}/v1/functions`, { headers: { authorization: `Bearer ${key}` } })
    expect((await read()).status).toBe(200)
    expect((await platform.fetch(`/v1/keys/${id}`, { method: 'DELETE' })).status).toBe(204)
    expect((await read()).status).toBe(401)
  })
})

describe('a refused upload', () => {
  const BROKEN = 'export default {\n  fetch(request) {\n    return new Response("x"\n  },\n}\n'

  async function refused(source: string | Uint8Array<ArrayBuffer>, query = ''): Promise<Record<string, unknown> & { status: number }> {
    const before = await platform.json('/v1/functions/firm')
    const response = await upload('firm', source, query)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    const problem = (await response.json()) as Record<string, unknown>
    expect(await platform.json('/v1/functions/firm')).toEqual(before)
    expect(await word('firm')).toEqual(['as before', '1'])
    return { ...problem, status: response.status }
  }

  beforeAll(() => platform.deploy('firm', says('as before')))

  test('of code that does not parse is 422 with file, line, column and the offending line', async () => {
    expect(await refused(BROKEN)).toMatchObject({
      status: 422,
      code: 'build_failed',
      errors: [{ text: expect.any(String), file: expect.any(String), line: 4, column: expect.any(Number), lineText: '  },' }],
    })
  })

  test('of code that throws at its top level is 422 with the place it threw at, as it was uploaded', async () => {
    const problem = await refused(
      'interface A { b: string }\nconst a: A = { b: "x" }\nfunction fail(): never {\n  throw new TypeError(a.b)\n}\nexport default fail()',
    )
    expect(problem).toMatchObject({
      status: 422,
      code: 'function_failed_to_start',
      errors: [{ text: 'TypeError: x', line: 4, column: 9, lineText: '  throw new TypeError(a.b)' }],
    })
    expect(problem.detail).toContain('4 |   throw new TypeError(a.b)')
    expect(JSON.stringify(problem)).not.toContain('function.js')
  })

  test.each([
    ['throws at its top level', 'const a = 1\nthrow new TypeError("no good")\nexport default () => a', 'function_failed_to_start', 'no good'],
    ['has no handler', 'export const other = 1', 'function_failed_to_start', 'other'],
    ['imports what is not there', 'import x from "left-pad"\nexport default () => x', 'build_failed', 'left-pad'],
    ['imports a module of Node', 'import fs from "node:fs"\nexport default () => fs', 'build_failed', 'node:fs'],
    ['is a class', 'export default class Handler {}', 'function_failed_to_start', ''],
  ])('of code that %s is 422 and says why', async (_, source, code, words) => {
    const problem = await refused(source)
    expect(problem).toMatchObject({ status: 422, code })
    expect(JSON.stringify(problem)).toContain(words)
  })

  test.each([
    ['memoryMb', 'memoryMb=100', '64, 128'],
    ['timeoutMs', 'timeoutMs=0', '1 to'],
    ['concurrency', 'concurrency=lots', '1 to'],
    ['access', 'access=everyone', 'private, public'],
    ['style', 'style=express', 'fetch, event, lambda'],
    ['env.lower', 'env.lower=1', 'upper-case'],
    ['env.API_KEY', 'env.API_KEY=1', 'secret'],
    ['colour', 'colour=red', 'memoryMb'],
    ['live', 'live=perhaps', 'true or false'],
  ])('with a bad %s is 400, names the field and says what is allowed', async (field, query, allowed) => {
    const problem = await refused(says('never'), `?${query}`)
    expect(problem).toMatchObject({ status: 400, code: 'setting_invalid', field })
    expect(problem.detail).toContain(allowed)
  })

  test('over 2 MiB is 413', async () => {
    expect(await refused(new Uint8Array(2 * 1024 * 1024 + 1).fill(0x20))).toMatchObject({ status: 413 })
  })

  test('without a body is 400', async () => {
    expect(await refused('')).toMatchObject({ status: 400, code: 'module_missing' })
  })

  test('under a name that is none is 400', async () => {
    for (const name of ['Upper', '1st', 'a_b', `a${'b'.repeat(63)}`, 'invoke']) {
      const response = await upload(name, says('x'))
      expect([name, response.status, ((await response.json()) as { code: string }).code]).toEqual([name, 400, 'name_invalid'])
    }
  })

  test('of a first version leaves no function behind', async () => {
    expect((await upload('never-there', BROKEN)).status).toBe(422)
    expect((await upload('never-there', 'throw 1')).status).toBe(422)
    expect((await platform.fetch('/v1/functions/never-there')).status).toBe(404)
    expect((await call('never-there')).status).toBe(404)
  })
})
