import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import app from '../../functions/hono/handler.ts'
import { type Platform, startPlatform } from '../platform.ts'
import { type RawRequest, type RawResponse, rawRequest } from '../raw-request.ts'

const PREFIX = '/fn/default/hono'

let platform: Platform
let node: ServerType
let nodeUrl: string
beforeAll(async () => {
  platform = await startPlatform()
  await platform.deploy('hono', await bundled('functions/hono/handler.ts'), 'access=public')
  await new Promise<void>((listening) => {
    node = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => listening())
  })
  nodeUrl = `http://127.0.0.1:${(node.address() as AddressInfo).port}`
})
afterAll(async () => {
  node?.close()
  await platform?.stop()
})

/** As its author bundles it before the upload. */
async function bundled(entry: string): Promise<string> {
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'esm', sourcemap: 'inline', sourcesContent: false, write: false })
  return outputFiles[0]?.text ?? ''
}

/** What says how a body is sent rather than what it is, and what is not a function's to say here. */
const NOT_COMPARED = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'server-timing',
  'strict-transport-security',
  'trailer',
  'transfer-encoding',
])
const OWN_POLICY = 'sandbox allow-scripts allow-forms allow-popups allow-downloads'

interface Seen {
  readonly status: number
  readonly headers: Record<string, string[]>
  readonly body: string
}

function seen(response: RawResponse, prefix: string): Seen {
  const headers: Record<string, string[]> = {}
  for (const name of Object.keys(response.headers).sort()) {
    if (NOT_COMPARED.has(name) || name.startsWith('isolane-')) continue
    const values = response.all(name)
    const own = name === 'content-security-policy' ? values.filter((value) => !value.startsWith(OWN_POLICY)) : values
    if (name === 'set-cookie') headers[name] = own.map((cookie) => anywhere(cookie, prefix))
    // The server of @hono/node-server writes a space where the standard's Response has none.
    else if (name === 'content-type') headers[name] = own.map((value) => value.replaceAll('; ', ';'))
    // A field in two lines is the same as one with a comma.
    else if (own.length > 0) headers[name] = [own.join(', ')]
  }
  return { status: response.status, headers, body: response.body.length > 1_000 ? digest(response.body) : response.body.toString('latin1') }
}

function digest(body: Buffer): string {
  return `${body.length} bytes, ${createHash('sha256').update(body).digest('hex')}`
}

/** A cookie whose path is compared without where the application lies; attributes have no order. */
function anywhere(cookie: string, prefix: string): string {
  const [pair, ...attributes] = cookie.split('; ')
  const paths = attributes.map((attribute) =>
    attribute.startsWith(`Path=${prefix}`) ? `Path=${attribute.slice(5 + prefix.length) || '/'}` : attribute,
  )
  return [pair, ...paths.sort()].join('; ')
}

async function both(request: RawRequest): Promise<{ onNode: Seen; here: Seen; raw: RawResponse }> {
  const headers = [['host', 'hono.example'], ...(request.headers ?? [])] as const
  const [theirs, raw] = await Promise.all([
    rawRequest(nodeUrl, { ...request, headers }),
    rawRequest(platform.url, { ...request, headers, path: `${PREFIX}${request.path}` }),
  ])
  return { onNode: seen(theirs, ''), here: seen(raw, PREFIX), raw }
}

const json = (value: unknown): Pick<RawRequest, 'headers' | 'body'> => ({
  headers: [['content-type', 'application/json']],
  body: JSON.stringify(value),
})
const header = (name: string, value: string): Pick<RawRequest, 'headers'> => ({ headers: [[name, value]] })
const basic = (words: string): Pick<RawRequest, 'headers'> => header('authorization', `Basic ${Buffer.from(words).toString('base64')}`)

const BOUNDARY = '----boundary'
const part = (disposition: string, content: string, type = ''): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n${type && `Content-Type: ${type}\r\n`}\r\n${content}\r\n`
const FORM = Buffer.from(
  `${part('name="name"', 'Ada \xc3\xbc')}${part('name="tag"', 'a')}${part('name="tag"', 'b')}${part('name="file"; filename="x.bin"', '\x00\x01\r\n--\xff', 'application/x-own')}--${BOUNDARY}--\r\n`,
  'latin1',
)
const EVERY_BYTE = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7) % 256))

type Expected = number
const ROUTES: readonly (readonly [string, Expected, RawRequest])[] = [
  ['the root', 200, { path: '/' }],
  ['a route with a query', 200, { path: '/books?page=%C3%BC+1&tag=a&tag=b' }],
  ['a parameter with a pattern', 200, { path: '/books/7' }],
  ['an optional parameter, left out', 200, { path: '/books/seven' }],
  ['an optional parameter, percent-encoded', 200, { path: '/books/seven/p%C3%A9%20%2F' }],
  ['JSON in and out', 201, { method: 'POST', path: '/books', ...json({ title: 'Über' }) }],
  ['JSON that a validator refuses', 422, { method: 'POST', path: '/books', ...json({ title: 7 }) }],
  ['JSON that is none', 400, { method: 'POST', path: '/books', headers: [['content-type', 'application/json']], body: '{' }],
  ['PUT', 200, { method: 'PUT', path: '/books/7', ...json([1, null]) }],
  ['PATCH', 200, { method: 'PATCH', path: '/books/7', body: 'words' }],
  ['DELETE, answered without a body', 204, { method: 'DELETE', path: '/books/7' }],
  ['HEAD', 200, { method: 'HEAD', path: '/books/7' }],
  ['a trailing slash', 301, { path: '/books/none/of/these/' }],
  ['cookies that are read', 200, { path: '/cookies', ...header('cookie', 'a=1; b=%C3%BC; c="q"') }],
  ['cookies that are set', 200, { method: 'POST', path: '/cookies' }],
  ['a cookie that is deleted', 200, { method: 'DELETE', path: '/cookies', ...header('cookie', 'plain=x') }],
  ['a cookie that is signed', 200, { method: 'POST', path: '/cookies/signed' }],
  ['a signed cookie that was forged', 200, { path: '/cookies/signed', ...header('cookie', 'user=ada.bm90IHRoZSBzaWduYXR1cmU%3D') }],
  ['a token that is made', 200, { method: 'POST', path: '/tokens' }],
  ['no token', 401, { path: '/tokens/me' }],
  ['a token that is none', 401, { path: '/tokens/me', ...header('authorization', 'Bearer a.b.c') }],
  ['a form with a file', 200, { method: 'POST', path: '/forms', ...header('content-type', `multipart/form-data; boundary=${BOUNDARY}`), body: FORM }],
  [
    'a form without one',
    200,
    { method: 'POST', path: '/forms', ...header('content-type', 'application/x-www-form-urlencoded'), body: 'name=%C3%BC+1&tag=a&tag=b' },
  ],
  ['HTML with something to escape', 200, { path: '/forms?name=%3Cb%3E' }],
  ['a stream of bytes', 200, { path: '/streams/bytes' }],
  ['a stream of text', 200, { path: '/streams/text' }],
  ['server-sent events', 200, { path: '/streams/events' }],
  ['a stream piped into another', 200, { path: '/streams/pipe' }],
  ['a request streamed back', 200, { method: 'POST', path: '/streams/back', body: EVERY_BYTE }],
  ['secure headers', 200, { path: '/secure/page' }],
  ['CORS', 200, { path: '/api/total', ...header('origin', 'https://b.example') }],
  ['CORS from elsewhere', 200, { path: '/api/total', ...header('origin', 'https://c.example') }],
  [
    'a CORS preflight',
    204,
    {
      method: 'OPTIONS',
      path: '/api/total',
      headers: [
        ['origin', 'https://a.example'],
        ['access-control-request-method', 'PUT'],
      ],
    },
  ],
  ['basic auth, passed', 200, { path: '/admin/room', ...basic('admin:pass:word') }],
  ['basic auth, failed', 401, { path: '/admin/room', ...basic('admin:wrong') }],
  ['basic auth, absent', 401, { path: '/admin/room' }],
  ['bearer auth, passed', 200, { path: '/machine/room', ...header('authorization', 'Bearer machine-token') }],
  ['bearer auth, failed', 401, { path: '/machine/room', ...header('authorization', 'Bearer other') }],
  ['an etag', 200, { path: '/tagged/page' }],
  ['an etag of its own that matches', 304, { path: '/tagged/own', ...header('if-none-match', '"own"') }],
  ['compression with gzip', 200, { path: '/small/text', ...header('accept-encoding', 'gzip, deflate') }],
  ['compression with deflate', 200, { path: '/small/text', ...header('accept-encoding', 'deflate') }],
  ['compression of what does not compress', 200, { path: '/small/image', ...header('accept-encoding', 'gzip') }],
  ['no compression', 200, { path: '/small/text' }],
  ['a body within its limit', 200, { method: 'POST', path: '/limited', body: 'x'.repeat(100) }],
  ['a body over its limit', 413, { method: 'POST', path: '/limited', body: 'x'.repeat(101) }],
  [
    'a body of unknown length over its limit',
    413,
    { method: 'POST', path: '/limited', ...header('transfer-encoding', 'chunked'), body: 'x'.repeat(5_000) },
  ],
  [
    'a forged form',
    403,
    {
      method: 'POST',
      path: '/guarded',
      headers: [
        ['content-type', 'text/plain'],
        ['origin', 'https://evil.example'],
      ],
    },
  ],
  [
    'an overridden method',
    200,
    { method: 'POST', path: '/override', ...header('content-type', 'application/x-www-form-urlencoded'), body: '_method=DELETE' },
  ],
  ['pretty JSON', 200, { path: '/pretty?pretty' }],
  ['a route that takes too long', 408, { path: '/hurried' }],
  ['a redirect', 302, { path: '/moved' }],
  ['a redirect elsewhere', 301, { path: '/moved/for-good' }],
  ['what a route sees of its request', 200, { path: '/see/a%20b', ...header('x-mine', 'yes') }],
  ['a wildcard', 200, { path: '/files/a/b%2Fc/../d.txt' }],
  ['a method of its own', 200, { method: 'PURGE', path: '/odd' }],
  ['any method', 200, { method: 'PUT', path: '/any' }],
  ['headers, status and bytes', 203, { path: '/headers' }],
  ['an HTTPException', 418, { path: '/teapot' }],
  ['an HTTPException with a response of its own', 401, { path: '/own-refusal' }],
  ['an error that its handler caught', 500, { path: '/crash' }],
  ['a path that is not there', 404, { path: '/none/of/these' }],
]

describe('a Hono application answers as it does on Node', () => {
  test.each(ROUTES)('%s', async (_, status, request) => {
    const { onNode, here, raw } = await both(request)
    expect(onNode.status).toBe(status)
    expect(here).toEqual(onNode)
    expect(raw.headers['isolane-outcome'] ?? raw.headers.trailer).toMatch(/^returned$|Isolane-Outcome/)
  })

  test('cookies that it signed, tokens that it made and tags that it gave are good for the next request, on both sides', async () => {
    const signed = await both({ method: 'POST', path: '/cookies/signed' })
    const cookie = signed.here.headers['set-cookie']?.[0]?.split(';')[0] as string
    expect(await both({ path: '/cookies/signed', ...header('cookie', cookie) })).toMatchObject({
      here: { body: '{"user":"ada"}' },
      onNode: { body: '{"user":"ada"}' },
    })

    const { token } = JSON.parse((await both({ method: 'POST', path: '/tokens' })).here.body)
    const me = { status: 200, body: '{"sub":"ada","exp":4102444800}' }
    expect(await both({ path: '/tokens/me', ...header('authorization', `Bearer ${token}`) })).toMatchObject({ here: me, onNode: me })

    const tag = (await both({ path: '/tagged/page' })).here.headers.etag?.[0] as string
    const same = await both({ path: '/tagged/page', ...header('if-none-match', tag) })
    expect(same.here).toEqual(same.onNode)
    expect(same.here).toMatchObject({ status: 304, body: '' })
  })

  test('sixteen requests at once do not see each other', async () => {
    const answers = await Promise.all(Array.from({ length: 16 }, (_, at) => both({ path: `/see/${at}`, ...header('x-mine', `m${at}`) })))
    for (const [at, { here }] of answers.entries()) expect(here.body).toBe(`GET /see/${at} ${at} m${at}`)
  })
})
