import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'
import { type RawRequest, type RawResponse, rawRequest } from '../raw-request.ts'

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform()
  await Promise.all([platform.deploy('mirror', MIRROR, 'access=public'), platform.deploy('echo', ECHO, 'access=public')])
})
afterAll(async () => void (await platform.stop()))

/** What a fetch handler sees, as JSON; what it shall answer comes as JSON in the header `answer`. */
const MIRROR = `export default { async fetch(request) {
  const { status = 200, headers = [], body } = JSON.parse(request.headers.get('answer') ?? '{}')
  const seen = { method: request.method, url: request.url, headers: [...request.headers], body: await request.text() }
  const bodiless = status === 204 || status === 304
  return new Response(bodiless ? null : (body ?? JSON.stringify(seen)), { status, headers })
} }`

/** The body as it came, byte for byte. */
const ECHO = `export default { async fetch(request) {
  return new Response(await request.arrayBuffer(), { headers: { 'content-type': 'application/octet-stream' } })
} }`

const MIB = 1024 * 1024

function send(request: RawRequest): Promise<RawResponse> {
  return rawRequest(platform.url, request)
}

/** With the admin key. */
function sendAsOwner(request: RawRequest): Promise<RawResponse> {
  return send({ ...request, headers: [['authorization', `Bearer ${platform.key}`], ...(request.headers ?? [])] })
}

function invoke(name: string, event: unknown): Promise<RawResponse> {
  return sendAsOwner({ method: 'POST', path: `/v1/functions/${name}/invocations`, body: JSON.stringify(event) })
}

/** What the mirror saw of a request. */
async function seen(request: RawRequest): Promise<{ method: string; url: string; headers: Record<string, string>; body: string }> {
  const response = await send(request)
  expect(response.status).toBe(200)
  const { headers, ...rest } = response.json()
  return { ...rest, headers: Object.fromEntries(headers) }
}

/** A request that makes the mirror answer in this way. */
function answering(answer: { status?: number; headers?: [string, string][]; body?: string }, path = '/fn/default/mirror'): RawRequest {
  return { path, headers: [['answer', JSON.stringify(answer)]] }
}

describe('the URL door', () => {
  test.each([
    ['/fn/default/mirror', '/'],
    ['/fn/default/mirror/', '/'],
    ['/fn/default/mirror?x=1', '/?x=1'],
    ['/fn/default/mirror/a/b?x=1&x=2', '/a/b?x=1&x=2'],
    ['/fn/default/mirror/a%2Fb/%C3%A9%20/%7euser', '/a%2Fb/%C3%A9%20/%7euser'],
    ['/fn/default/mirror/?q=%20+%26%3D', '/?q=%20+%26%3D'],
    ['/fn/default/mirror//double', '//double'],
  ])('%s reaches the function as %s', async (path, wanted) => {
    const { host } = new URL(platform.url)
    expect((await seen({ path })).url).toBe(`http://${host}${wanted}`)
  })

  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('%s reaches the function as it is', async (method) => {
    expect((await seen({ method, path: '/fn/default/mirror' })).method).toBe(method)
  })

  test('repeated headers arrive joined, and hop-by-hop fields do not arrive', async () => {
    const { headers } = await seen({
      path: '/fn/default/mirror',
      headers: [
        ['x-many', 'one'],
        ['x-many', 'two'],
        ['te', 'trailers'],
        ['proxy-authorization', 'Basic eDp5'],
      ],
    })
    expect(headers['x-many']).toBe('one, two')
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['te']))
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['proxy-authorization']))
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(['connection']))
  })

  test('the forwarded fields are the platform’s word, whatever the caller claims', async () => {
    const { host } = new URL(platform.url)
    const { headers } = await seen({
      path: '/fn/default/mirror/x',
      headers: [
        ['x-forwarded-for', '6.6.6.6'],
        ['x-forwarded-prefix', '/elsewhere'],
        ['x-forwarded-proto', 'gopher'],
        ['x-forwarded-host', 'evil.example'],
      ],
    })
    expect(headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-prefix': '/fn/default/mirror',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': host,
    })
  })

  test('a HEAD request runs the function and is answered without a body', async () => {
    const response = await send({
      method: 'HEAD',
      path: '/fn/default/mirror',
      headers: [['answer', '{"headers":[["x-method","seen"]],"body":"words"}']],
    })
    expect(response.status).toBe(200)
    expect(response.headers).toMatchObject({ 'x-method': 'seen', 'isolane-outcome': 'returned' })
    expect(response.body).toHaveLength(0)
  })

  test.each([201, 204, 304, 404, 418, 500])('a function may answer with status %i', async (status) => {
    const response = await send(
      answering({ status, headers: [['x-mine', 'yes']], body: status === 204 || status === 304 ? undefined : 'words' } as never),
    )
    expect(response.status).toBe(status)
    expect(response.headers['x-mine']).toBe('yes')
    expect(response.headers['isolane-outcome']).toBe('returned')
    expect(response.text()).toBe(status === 204 || status === 304 ? '' : 'words')
  })

  test('an upgrade is refused with 501', async () => {
    const response = await send({
      path: '/fn/default/mirror',
      headers: [
        ['connection', 'upgrade'],
        ['upgrade', 'websocket'],
      ],
    })
    expect(response.status).toBe(501)
    expect(response.json().code).toBe('upgrade_not_supported')
  })
})

describe('what a function may answer', () => {
  test('its cookies lose their domain and are confined to its path', async () => {
    const headers: [string, string][] = [
      ['set-cookie', 'a=1; Domain=example.com; Path=/; HttpOnly'],
      ['set-cookie', 'b=2; path=/cart; SameSite=Lax'],
      ['set-cookie', 'c=3'],
    ]
    const response = await send(answering({ headers }))
    expect(response.all('set-cookie')).toEqual([
      'a=1; HttpOnly; Path=/fn/default/mirror',
      'b=2; SameSite=Lax; Path=/fn/default/mirror/cart',
      'c=3; Path=/fn/default/mirror',
    ])
  })

  test('fields that speak for the platform or reach beyond its path are removed; what is left passes', async () => {
    const response = await send(
      answering({
        headers: [
          ['isolane-outcome', 'threw'],
          ['isolane-extra', '1'],
          ['content-length', '3'],
          ['transfer-encoding', 'chunked'],
          ['keep-alive', 'timeout=999'],
          ['upgrade', 'h2c'],
          ['service-worker-allowed', '/'],
          ['clear-site-data', '"*"'],
          ['strict-transport-security', 'max-age=1'],
          ['alt-svc', 'h3=":1"'],
          ['x-mine', 'kept'],
          ['cache-control', 'max-age=60'],
        ],
        body: 'twelve bytes',
      }),
    )
    expect(response.text()).toBe('twelve bytes')
    expect(response.headers).toMatchObject({ 'isolane-outcome': 'returned', 'x-mine': 'kept', 'cache-control': 'max-age=60' })
    for (const name of ['isolane-extra', 'upgrade', 'service-worker-allowed', 'clear-site-data', 'strict-transport-security', 'alt-svc']) {
      expect(response.headers).not.toHaveProperty(name)
    }
    expect(response.headers['keep-alive'] ?? '').not.toContain('999')
    expect([undefined, '12']).toContain(response.headers['content-length'])
  })

  test('its pages run in an origin of their own, beside a policy of its own', async () => {
    const response = await send(answering({ headers: [['content-security-policy', "default-src 'self'"]] }))
    expect(response.all('content-security-policy').join(', ')).toContain('sandbox allow-scripts allow-forms allow-popups allow-downloads')
    expect(response.all('content-security-policy').join(', ')).toContain("default-src 'self'")
  })

  test('its Server-Timing stays beside the platform’s, which is whole', async () => {
    const response = await send(answering({ headers: [['server-timing', 'db;dur=3']] }))
    const timings = response.all('server-timing').join(', ')
    expect(timings).toMatch(/(^|, )queue;dur=[\d.]+, init;dur=[\d.]+, run;dur=[\d.]+, cpu;dur=[\d.]+(, |$)/)
    expect(timings).toMatch(/(^|, )db;dur=3(, |$)/)
  })
})

describe('platform keys', () => {
  const headersSeen = async (headers: [string, string][]) => (await seen({ path: '/fn/default/mirror', headers })).headers

  test.each([
    ['Authorization', (key: string): [string, string] => ['authorization', `Bearer ${key}`]],
    ['Isolane-Key', (key: string): [string, string] => ['isolane-key', key]],
  ])('one in %s never reaches the function', async (_, header) => {
    const headers = await headersSeen([header(platform.key)])
    expect(JSON.stringify(headers)).not.toContain(platform.key)
    expect(headers).not.toHaveProperty('authorization')
    expect(headers).not.toHaveProperty('isolane-key')
  })

  test('one that is not valid, or any more, does not reach it either', async () => {
    expect(await headersSeen([['authorization', 'Bearer isl_of-another-platform']])).not.toHaveProperty('authorization')
  })

  test.each([
    ['behind a tab', (key: string) => `Bearer\t${key}`],
    ['by itself', (key: string) => key],
    ['with words after it', (key: string) => `Bearer ${key} please`],
  ])('one that was sent %s does not authenticate, and is not passed on to a public function', async (_, value) => {
    expect(JSON.stringify(await headersSeen([['authorization', value(platform.key)]]))).not.toContain(platform.key)
  })

  test('nor does one in a second Authorization', async () => {
    const headers = await headersSeen([
      ['authorization', 'Basic eDp5'],
      ['authorization', `Bearer ${platform.key}`],
    ])
    expect(JSON.stringify(headers)).not.toContain(platform.key)
  })

  test('any other Authorization is the function’s business', async () => {
    expect(await headersSeen([['authorization', 'Basic eDp5']])).toHaveProperty('authorization', 'Basic eDp5')
    expect(await headersSeen([['authorization', 'Bearer eyJhbGciOi.J9.x']])).toHaveProperty('authorization', 'Bearer eyJhbGciOi.J9.x')
  })

  test('also when the platform’s key came beside it in Isolane-Key', async () => {
    const headers = await headersSeen([
      ['isolane-key', platform.key],
      ['authorization', 'Basic eDp5'],
    ])
    expect(headers).toHaveProperty('authorization', 'Basic eDp5')
  })

  test('two of them at once are both removed', async () => {
    const headers = await headersSeen([
      ['isolane-key', platform.key],
      ['authorization', `Bearer ${platform.key}`],
    ])
    expect(JSON.stringify(headers)).not.toContain(platform.key)
  })
})

describe('bodies', () => {
  const everyByte = (length: number) => Buffer.from(Array.from({ length }, (_, i) => i % 256))

  test.each([0, 1, 255, 65_536, 65_537, 256 * 1024, 6 * MIB])('%i bytes of every value come back as they were sent', async (length) => {
    const body = everyByte(length)
    const response = await send({ method: 'POST', path: '/fn/default/echo', body, headers: [['content-type', 'application/octet-stream']] })
    expect(response.status).toBe(200)
    expect(response.body.equals(body)).toBe(true)
  })

  test('one byte more than 6 MiB is refused with 413 where it is not streamed, before it is accepted, with a length or without', async () => {
    await platform.deploy('event-echo', 'export default (event) => event.body.length', 'access=public')
    const body = everyByte(6 * MIB + 1)
    const declared = await send({ method: 'POST', path: '/fn/default/event-echo', body, headers: [['content-length', String(body.length)]] })
    const chunked = await send({ method: 'POST', path: '/fn/default/event-echo', body, headers: [['transfer-encoding', 'chunked']] })
    for (const response of [declared, chunked]) {
      expect(response.status).toBe(413)
      expect(response.json()).toMatchObject({ code: 'body_too_large', status: 413, detail: expect.stringContaining('fetch handler') })
      expect(response.headers).not.toHaveProperty('isolane-invocation-id')
    }
  })

  test('the same holds for an event of the rpc door', async () => {
    const response = await sendAsOwner({ method: 'POST', path: '/v1/functions/echo/invocations', body: JSON.stringify('x'.repeat(6 * MIB)) })
    expect(response.status).toBe(413)
  })

  test('a whole answer of 6 MiB passes; one byte more is exceeded output', async () => {
    await platform.deploy(
      'large',
      'export default { async fetch(r) { return new Response(new Uint8Array(Number(new URL(r.url).searchParams.get("n")))) } }',
    )
    await platform.deploy('long', 'export default (event) => "x".repeat(event.n)')
    const fits = await sendAsOwner({ path: `/fn/default/large?n=${6 * MIB}` })
    expect(fits.status).toBe(200)
    expect(fits.body).toHaveLength(6 * MIB)
    const answers = [await sendAsOwner({ path: `/fn/default/large?n=${6 * MIB + 1}` }), await invoke('long', { n: 6 * MIB })]
    for (const response of answers) {
      expect(response.status).toBe(502)
      expect(response.headers['isolane-outcome']).toBe('exceeded')
      expect(response.json()).toMatchObject({ code: 'exceeded_output', limit: 'output', allowed: 6 * MIB, unit: 'bytes' })
      expect((response.json() as { detail: string }).detail).toContain(`new Response(readable), it may have ${200 * MIB}`)
    }
  })
})

describe('event style at the URL door', () => {
  beforeAll(async () => {
    await platform.deploy(
      'eventful',
      `export default (event) => {
        switch (event.query.return) {
          case 'nothing': return undefined
          case 'text': return 'plain words ü'
          case 'bytes': return new Uint8Array([0, 255, 128])
          case 'response': return new Response('made', { status: 201, headers: { 'x-mine': 'yes' } })
          case 'get': return { got: event.headers.get('X-Thing') }
          default: return event
        }
      }`,
    )
  })
  const call = (path: string, request: Partial<RawRequest> = {}) => sendAsOwner({ path: `/fn/default/eventful${path}`, ...request })

  test('the event carries method, url, path, query, headers and body; a repeated query key is an array', async () => {
    const { host } = new URL(platform.url)
    const response = await call('/a%20b/c?one=1&many=x&many=y&empty=', { headers: [['x-thing', 'T']] })
    expect(response.headers['content-type']).toMatch(/^application\/json/)
    expect(response.json()).toMatchObject({
      method: 'GET',
      url: `http://${host}/a%20b/c?one=1&many=x&many=y&empty=`,
      path: '/a%20b/c',
      query: { one: '1', many: ['x', 'y'], empty: '' },
      headers: { 'x-thing': 'T' },
      body: null,
    })
  })

  test('a valid JSON body is parsed, a broken one stays text, bytes become base64 with a flag', async () => {
    const post = async (type: string, body: string | Buffer) =>
      (await call('', { method: 'POST', body, headers: [['content-type', type]] })).json() as { body: unknown; isBase64Encoded?: boolean }
    expect((await post('application/json; charset=utf-8', '{"a":[1]}')).body).toEqual({ a: [1] })
    expect((await post('application/json', '{"a":')).body).toBe('{"a":')
    expect((await post('text/plain', 'ü')).body).toBe('ü')
    const bytes = Buffer.from([0, 255, 254, 128])
    expect(await post('application/octet-stream', bytes)).toMatchObject({ body: bytes.toString('base64'), isBase64Encoded: true })
  })

  test('its headers have get(), as a Request’s have', async () => {
    expect((await call('?return=get', { headers: [['x-thing', 'T']] })).json()).toEqual({ got: 'T' })
  })

  test('undefined is 204, a string text, bytes bytes, a Response itself', async () => {
    const nothing = await call('?return=nothing')
    expect([nothing.status, nothing.text()]).toEqual([204, ''])
    const text = await call('?return=text')
    expect([text.status, text.headers['content-type'], text.text()]).toEqual([200, expect.stringMatching(/^text\/plain/), 'plain words ü'])
    const bytes = await call('?return=bytes')
    expect([bytes.headers['content-type'], [...bytes.body]]).toEqual(['application/octet-stream', [0, 255, 128]])
    const response = await call('?return=response')
    expect([response.status, response.headers['x-mine'], response.text()]).toEqual([201, 'yes', 'made'])
  })
})

describe('lambda style at the URL door', () => {
  beforeAll(async () => {
    await platform.deploy(
      'gatewayed',
      `export const handler = async (event) => event.queryStringParameters?.binary
        ? { statusCode: 203, headers: { 'content-type': 'image/x' }, cookies: ['a=1; Path=/', 'b=2'], body: 'AP+A', isBase64Encoded: true }
        : { statusCode: 200, body: JSON.stringify(event) }`,
    )
  })

  test('the event is API Gateway’s payload 2.0', async () => {
    const response = await sendAsOwner({
      method: 'POST',
      path: '/fn/default/gatewayed/a%2Fb?x=1&x=2',
      headers: [
        ['cookie', 'k=v; l=w'],
        ['x-many', 'one'],
        ['x-many', 'two'],
        ['content-type', 'application/json'],
      ],
      body: '{"raw":true}',
    })
    expect(response.json()).toMatchObject({
      version: '2.0',
      routeKey: '$default',
      rawPath: '/a%2Fb',
      rawQueryString: 'x=1&x=2',
      queryStringParameters: { x: '1,2' },
      cookies: ['k=v', 'l=w'],
      headers: { 'x-many': 'one, two' },
      requestContext: { requestId: response.headers['isolane-invocation-id'], http: { method: 'POST', path: '/a%2Fb', sourceIp: '127.0.0.1' } },
      body: '{"raw":true}',
      isBase64Encoded: false,
    })
  })

  test('statusCode, headers, cookies and a base64 body become the response', async () => {
    const response = await sendAsOwner({ path: '/fn/default/gatewayed?binary=1' })
    expect(response.status).toBe(203)
    expect(response.headers['content-type']).toBe('image/x')
    expect(response.all('set-cookie')).toEqual(['a=1; Path=/fn/default/gatewayed', 'b=2; Path=/fn/default/gatewayed'])
    expect([...response.body]).toEqual([0, 255, 128])
  })
})

describe('the rpc door', () => {
  test('a fetch handler gets the event as POST / with a JSON body, and its status, headers and body pass through', async () => {
    const response = await invoke('mirror', { a: [1, 'ü'] })
    expect(response.json()).toMatchObject({
      method: 'POST',
      body: '{"a":[1,"ü"]}',
      headers: expect.arrayContaining([['content-type', 'application/json']]),
    })
    expect(new URL(response.json().url).pathname).toBe('/')
    await platform.deploy('teapot', 'export default { fetch: () => new Response("short", { status: 418, headers: { "x-stout": "yes" } }) }')
    const teapot = await invoke('teapot', {})
    expect([teapot.status, teapot.headers['x-stout'], teapot.text()]).toEqual([418, 'yes', 'short'])
  })

  test.each([
    ['event', 'export default (event) => ({ came: event })'],
    ['lambda', 'export const handler = async (event) => ({ came: event })'],
  ])('an %s handler gets the event untouched, and its result comes back as JSON', async (style, source) => {
    await platform.deploy(`rpc-${style}`, source)
    for (const event of [{ a: { b: [null, 1.5, 'ü'] } }, [1], 'text', 7, true, null]) {
      const response = await invoke(`rpc-${style}`, event)
      expect([response.status, response.headers['content-type']]).toEqual([200, 'application/json'])
      expect(response.json()).toEqual({ came: event })
    }
    const empty = await sendAsOwner({ method: 'POST', path: `/v1/functions/rpc-${style}/invocations` })
    expect(empty.json()).toEqual({ came: null })
  })

  test('an event that is no JSON is refused with 400 and never accepted', async () => {
    const response = await sendAsOwner({ method: 'POST', path: '/v1/functions/mirror/invocations', body: '{"a":' })
    expect(response.status).toBe(400)
    expect(response.json().code).toBe('json_invalid')
    expect(response.headers).not.toHaveProperty('isolane-invocation-id')
  })
})
