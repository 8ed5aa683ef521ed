import { describe, expect, test } from 'vitest'
import { type Answer, Sandbox, VARIANTS } from './sandbox.ts'

function http(answer: Answer): { status: number; headers: readonly (readonly [string, string])[]; body: string } {
  if (answer.kind !== 'result' || answer.head.kind !== 'http') throw new Error(`not an http answer: ${JSON.stringify(answer)}`)
  return { status: answer.head.status, headers: answer.head.headers, body: answer.body }
}

describe.each(VARIANTS)('from %s', (variant) => {
  test('a fetch handler gets a Request, env and ctx, and its Response is the answer', () => {
    using sandbox = new Sandbox(
      `export default { name: 'app', async fetch(request, env, ctx) {
        return Response.json({ self: this.name, method: request.method, url: request.url, agent: request.headers.get('User-Agent'), env, id: ctx.invocationId }, { status: 201, headers: { 'X-A': 'b' } })
      } }`,
      { variant, env: { GREETING: 'hi' } },
    )
    expect(sandbox.loaded).toEqual({ style: 'fetch', exports: ['default'] })
    const { status, headers, body } = http(sandbox.url('/a%20b?x=1', { headers: [['user-agent', 'curl']] }))
    expect(status).toBe(201)
    expect(headers).toEqual([
      ['x-a', 'b'],
      ['content-type', 'application/json'],
    ])
    expect(JSON.parse(body)).toEqual({
      self: 'app',
      method: 'GET',
      url: 'https://fn.example/a%20b?x=1',
      agent: 'curl',
      env: { GREETING: 'hi', KV: { tenant: {} } },
      id: 'id-2',
    })
  })

  test('the rpc door gives a fetch handler POST / with the event as JSON', () => {
    using sandbox = new Sandbox(
      `export default { async fetch(request) { return new Response(JSON.stringify([request.method, new URL(request.url).pathname, request.headers.get('content-type'), await request.json()]), { status: 202 }) } }`,
      { variant },
    )
    const { status, body } = http(sandbox.rpc({ a: [1, 'ü'] }))
    expect(status).toBe(202)
    expect(JSON.parse(body)).toEqual(['POST', '/', 'application/json', { a: [1, 'ü'] }])
  })

  test('an event handler gets the value over rpc and answers with a value', () => {
    using sandbox = new Sandbox('export default async (event, ctx) => ({ got: event, name: ctx.functionName, version: ctx.functionVersion })', {
      variant,
    })
    expect(sandbox.loaded?.style).toBe('event')
    expect(sandbox.rpc({ a: 1 })).toEqual({ kind: 'result', head: { kind: 'json' }, body: '{"got":{"a":1},"name":"hello","version":"3"}' })
    expect(sandbox.rpc()).toMatchObject({ body: '{"got":null,"name":"hello","version":"3"}' })
  })

  test('a lambda handler gets the value over rpc untouched', () => {
    using sandbox = new Sandbox(
      'export const handler = async (event, context) => ({ statusCode: 418, event, id: context.awsRequestId, left: context.getRemainingTimeInMillis() > 0 })',
      { variant },
    )
    expect(sandbox.loaded?.style).toBe('lambda')
    expect(sandbox.rpc([1])).toEqual({ kind: 'result', head: { kind: 'json' }, body: '{"statusCode":418,"event":[1],"id":"id-2","left":true}' })
  })
})

describe('an event handler behind a URL', () => {
  const echo = 'export default (event) => event'

  test('gets method, path, query, headers and parsed JSON body', () => {
    using sandbox = new Sandbox(echo)
    const answer = http(
      sandbox.url('/p/q?a=1&b=x+y&a=%32&c', {
        method: 'PUT',
        headers: [
          ['content-type', 'application/json; charset=utf-8'],
          ['x-n', '1'],
          ['x-n', '2'],
        ],
        body: '{"k":[true]}',
      }),
    )
    expect(answer.headers).toEqual([['content-type', 'application/json']])
    expect(JSON.parse(answer.body)).toEqual({
      method: 'PUT',
      url: 'https://fn.example/p/q?a=1&b=x+y&a=%32&c',
      path: '/p/q',
      query: { a: ['1', '2'], b: 'x y', c: '' },
      headers: { 'content-type': 'application/json; charset=utf-8', 'x-n': '1, 2' },
      body: { k: [true] },
    })
  })

  test('gets invalid JSON as text, text as text, no body as null and bytes as base64 with a flag', () => {
    using sandbox = new Sandbox(echo)
    const body = (type: string, bytes: string | Uint8Array) => {
      const { body, isBase64Encoded } = JSON.parse(http(sandbox.url('/', { headers: [['content-type', type]], body: bytes })).body)
      return [body, isBase64Encoded]
    }
    expect(body('application/json', '{nope')).toEqual(['{nope', undefined])
    expect(body('text/plain', 'grüß')).toEqual(['grüß', undefined])
    expect(body('application/octet-stream', 'abc')).toEqual(['YWJj', true])
    expect(body('text/plain', new Uint8Array([0xff, 0xfe]))).toEqual(['//4=', true])
    expect(JSON.parse(http(sandbox.url('/')).body).body).toBe(null)
  })

  test('may read its headers as if it had a Request, even when the caller sends a header named get', () => {
    using sandbox = new Sandbox(
      `export default (req) => [req.headers.get('X-A'), req.headers.get('none'), req.headers.get('get'), new URL(req.url).searchParams.get('q')]`,
    )
    expect(
      http(
        sandbox.url('/?q=7', {
          headers: [
            ['x-a', 'v'],
            ['get', 'evil'],
            ['__proto__', 'p'],
          ],
        }),
      ).body,
    ).toBe('["v",null,"evil","7"]')
  })

  test('answers by the kind of its result', () => {
    using sandbox =
      new Sandbox(`const results = { u: undefined, s: 'grüß', b: new Uint8Array([1, 255]), n: 0, z: null, r: new Response('own', { status: 299, headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2']] }) }
      export default (event) => results[event.query.k]`)
    const get = (kind: string) => {
      const { status, headers, body } = http(sandbox.url(`/?k=${kind}`))
      return [status, headers.map((pair) => pair.join(': ')).join(' | '), body]
    }
    expect(get('u')).toEqual([204, '', ''])
    expect(get('s')).toEqual([200, 'content-type: text/plain;charset=UTF-8', 'grüß'])
    expect(get('b')).toEqual([200, 'content-type: application/octet-stream', '\x01\xff'])
    expect(get('n')).toEqual([200, 'content-type: application/json', '0'])
    expect(get('z')).toEqual([200, 'content-type: application/json', 'null'])
    expect(get('r')).toEqual([299, 'set-cookie: a=1 | set-cookie: b=2 | content-type: text/plain;charset=UTF-8', 'own'])
  })
})

describe('a lambda handler behind a URL', () => {
  test('gets an API Gateway 2.0 event', () => {
    using sandbox = new Sandbox('export const handler = async (event) => event')
    const event = JSON.parse(
      http(
        sandbox.url('/p%2Fq?a=1&a=2&b=', {
          headers: [
            ['cookie', 'x=1; y=2'],
            ['x-forwarded-for', '10.1.2.3, 9.9.9.9'],
            ['user-agent', 'ua'],
            ['content-type', 'image/png'],
          ],
          body: new Uint8Array([1, 2, 3]),
        }),
      ).body,
    )
    expect(event).toMatchObject({
      version: '2.0',
      rawPath: '/p%2Fq',
      rawQueryString: 'a=1&a=2&b=',
      queryStringParameters: { a: '1,2', b: '' },
      cookies: ['x=1', 'y=2'],
      body: 'AQID',
      isBase64Encoded: true,
      requestContext: { http: { method: 'POST', path: '/p%2Fq', sourceIp: '10.1.2.3', userAgent: 'ua' }, domainName: 'fn.example' },
    })
    expect(event.headers).not.toHaveProperty('cookie')
  })

  test('answers with statusCode, headers, cookies and base64 body', () => {
    using sandbox = new Sandbox(
      `export const handler = async () => ({ statusCode: '203', headers: { 'X-A': 1, 'X-Many': ['a', 'b'] }, cookies: ['s=1', 't=2'], body: 'AP8=', isBase64Encoded: true })`,
    )
    expect(http(sandbox.url())).toEqual({
      status: 203,
      headers: [
        ['x-a', '1'],
        ['x-many', 'a'],
        ['x-many', 'b'],
        ['set-cookie', 's=1'],
        ['set-cookie', 't=2'],
        ['content-type', 'application/json'],
      ],
      body: '\x00\xff',
    })
  })

  test('without a statusCode its value is the JSON body', () => {
    using sandbox = new Sandbox('export const handler = async () => ({ a: 1 })')
    expect(http(sandbox.url())).toEqual({ status: 200, headers: [['content-type', 'application/json']], body: '{"a":1}' })
  })

  test.each(['{ statusCode: 42 }', '{ statusCode: 200, headers: 1 }', '{ statusCode: 200, body: "%", isBase64Encoded: true }'])(
    'fails with a message for %s',
    (reply) => {
      using sandbox = new Sandbox(`export const handler = async () => (${reply})`)
      expect(sandbox.url()).toMatchObject({
        kind: 'failed',
        error: { name: 'TypeError', message: expect.stringMatching(/^Cannot send the reply: (statusCode|headers|isBase64Encoded)/) },
      })
    },
  )
})

describe('loading', () => {
  test.each([
    ['export default class Api { fetch() {} }', /default export is a class.*export default new Api\(\)/],
    ['export function GET() {}', /exports `GET`.*export default/],
    ['export const onRequest = () => {}', /exports `onRequest`/],
    [`addEventListener('fetch', () => {})`, /addEventListener, the service-worker way/],
    ['export const helper = 1, other = 2', /Exports found: helper, other/],
    ['', /Exports found: none/],
  ])('refuses %s and says what to write', (source, message) => {
    using sandbox = new Sandbox(source)
    expect(sandbox.loadError).toMatchObject({ name: 'NoHandler', message: expect.stringMatching(message) })
  })

  test('prefers the default export to handler, with a warning', () => {
    using sandbox = new Sandbox('export default () => 1; export const handler = () => 2')
    expect(sandbox.loaded).toEqual({ style: 'event', exports: ['handler', 'default'].sort(), warning: expect.stringContaining('never called') })
    expect(sandbox.rpc()).toMatchObject({ body: '1' })
  })

  test('takes CommonJS exports', () => {
    using plain = new Sandbox('module.exports = async () => 5', { commonJs: true })
    expect(plain.rpc()).toMatchObject({ body: '5' })
    using lambda = new Sandbox('exports.handler = async () => 6', { commonJs: true })
    expect([lambda.loaded?.style, lambda.rpc()]).toMatchObject(['lambda', { body: '6' }])
  })

  test('a forced style is obeyed, or refused when nothing fits it', () => {
    using forced = new Sandbox('export default async (request) => new Response(await request.text())', { style: 'fetch' })
    expect(forced.rpc(7)).toMatchObject({ head: { kind: 'http' }, body: '7' })
    using refused = new Sandbox('export const handler = () => 1', { style: 'fetch' })
    expect(refused.loadError?.message).toMatch(/style is set to fetch, but no export fits it/)
  })

  test('require names the module that is missing', () => {
    using sandbox = new Sandbox(`require('node:fs')`, { commonJs: true })
    expect(sandbox.loadError?.message).toBe(`Cannot find module 'node:fs': everything a function uses must be bundled into it`)
  })

  test('an error of the top level is reported with its place, without frames of the prelude', () => {
    using sandbox = new Sandbox(`\n\nnull.x\n`, { commonJs: true })
    expect(sandbox.loadError).toMatchObject({ name: 'TypeError', message: expect.stringContaining('null') })
    expect(sandbox.loadError?.stack).toMatch(/function\.js:3:/)
    expect(sandbox.loadError?.stack).not.toMatch(/isolane:prelude/)
  })
})

test('a result that is no Response fails a fetch handler with a message that says so', () => {
  using sandbox = new Sandbox('export default { fetch() { return { a: 1 } } }')
  expect(sandbox.url()).toMatchObject({
    kind: 'failed',
    error: { name: 'TypeError', message: 'The fetch handler must return a Response, got { a: 1 }' },
  })
})

test.each([
  ['(() => { const a = {}; a.a = a; return a })()', /circular/i],
  ['10n', /BigInt/],
  ['() => 1', /it is \[Function/],
  ['Symbol("s")', /it is Symbol\(s\)/],
  ['({ get a() { throw new Error("nope") } })', /nope/],
])('a result that JSON cannot say, %s, fails with a message', (result, message) => {
  using sandbox = new Sandbox(`export default () => ${result}`)
  expect(sandbox.rpc()).toMatchObject({ kind: 'failed', error: { name: 'TypeError', message: expect.stringMatching(message) } })
})

test('an rpc event that is no JSON fails with a message', () => {
  using sandbox = new Sandbox('export default () => 1')
  expect(sandbox.finish(sandbox.start({ door: 'rpc' }, '{oops'))).toMatchObject({
    kind: 'failed',
    error: { message: expect.stringMatching(/^Cannot read the event: it is not JSON/) },
  })
})

test('each call is answered once, whatever order they settle in', () => {
  using sandbox = new Sandbox(`const waiting = []
    export default (event) => event === 'go' ? (waiting.forEach((resolve, at) => resolve(at)), 'went') : new Promise((resolve) => waiting.push(resolve))`)
  const first = sandbox.start({ door: 'rpc' }, '1')
  const second = sandbox.start({ door: 'rpc' }, '2')
  expect([sandbox.answer(first), sandbox.answer(second)]).toEqual([undefined, undefined])
  expect(sandbox.rpc('go')).toMatchObject({ body: '"went"' })
  expect([sandbox.answer(first), sandbox.answer(second)]).toMatchObject([{ body: '0' }, { body: '1' }])
})

test('a thenable is waited for, and can answer only once', () => {
  using sandbox = new Sandbox('export default () => ({ then(resolve, reject) { resolve(1); resolve(2); reject(3) } })')
  expect(sandbox.rpc()).toMatchObject({ kind: 'result', body: '1' })
})

test('a rejected waitUntil promise is logged and does not touch the answer', () => {
  using sandbox = new Sandbox(`export default (e, ctx) => { ctx.waitUntil(Promise.reject(new Error('later'))); return 1 }`)
  expect(sandbox.rpc()).toMatchObject({ body: '1' })
  expect(sandbox.logs).toEqual([expect.stringMatching(/^error A promise given to waitUntil was rejected: Error: later/)])
})

test('waitUntil keeps a call open beyond its answer until every promise has settled, those added later too', async () => {
  using sandbox = new Sandbox(`const sleep = (ms) => new Promise((r) => setTimeout(r, ms))
    export default (e, ctx) => {
      ctx.waitUntil(sleep(20).then(() => { console.log('first'); ctx.waitUntil(sleep(50).then(() => console.log('second'))) }))
      return 'answer'
    }`)
  const call = sandbox.start({ door: 'rpc' })
  expect(sandbox.answer(call)).toMatchObject({ kind: 'result', body: '"answer"' })
  expect(sandbox.messages.at(-1)).toMatchObject({ kind: 'result', extra: 2 })
  await sandbox.complete(call)
  expect(sandbox.logs).toEqual(['info first', 'info second'])
  expect(sandbox.messages.at(-1)).toMatchObject({ kind: 'done', call })
})
