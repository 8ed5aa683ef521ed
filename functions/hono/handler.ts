/**
 * A whole Hono application, unchanged from how it runs on Node or Workers. Packages are bundled before the upload:
 *
 *     npx esbuild functions/hono/handler.ts --bundle --format=esm --sourcemap=inline --sources-content=false --outfile=app.js
 *     curl -H "Authorization: Bearer $KEY" -T app.js "http://127.0.0.1:8080/v1/functions/hono?access=public"
 *     curl http://127.0.0.1:8080/fn/default/hono/books/7
 */
import { Hono } from 'hono'
import { basicAuth } from 'hono/basic-auth'
import { bearerAuth } from 'hono/bearer-auth'
import { bodyLimit } from 'hono/body-limit'
import { compress } from 'hono/compress'
import { deleteCookie, getCookie, getSignedCookie, setCookie, setSignedCookie } from 'hono/cookie'
import { cors } from 'hono/cors'
import { csrf } from 'hono/csrf'
import { etag } from 'hono/etag'
import { html } from 'hono/html'
import { HTTPException } from 'hono/http-exception'
import { type JwtVariables, jwt, sign } from 'hono/jwt'
import { methodOverride } from 'hono/method-override'
import { prettyJSON } from 'hono/pretty-json'
import { secureHeaders } from 'hono/secure-headers'
import { stream, streamSSE, streamText } from 'hono/streaming'
import { timeout } from 'hono/timeout'
import { trimTrailingSlash } from 'hono/trailing-slash'
import { validator } from 'hono/validator'

/** In earnest this is a secret: `PUT …/secrets/SECRET` sets it, `c.env.SECRET` is it here. */
const SECRET = 'only an example'

const books = new Hono()
  .get('/', (c) => c.json({ books: [1, 2, 3], page: c.req.query('page') ?? null, tags: c.req.queries('tag') ?? [] }))
  .get('/:id{[0-9]+}', (c) => c.json({ id: Number(c.req.param('id')) }))
  .get('/:id/:part?', (c) => c.json(c.req.param()))
  .post(
    '/',
    validator('json', (value, c) => (typeof value.title === 'string' ? { title: value.title } : c.json({ error: 'title must be a string' }, 422))),
    (c) => c.json({ id: 8, ...c.req.valid('json') }, 201, { location: '/books/8' }),
  )
  .put('/:id', async (c) => c.json({ id: c.req.param('id'), got: await c.req.json() }))
  .patch('/:id', async (c) => c.text(await c.req.text()))
  .delete('/:id', (c) => c.body(null, 204))

const cookies = new Hono()
  .get('/', (c) => c.json(getCookie(c)))
  .post('/', (c) => {
    setCookie(c, 'plain', 'a b; ü', { httpOnly: true, sameSite: 'Lax', maxAge: 60 })
    setCookie(c, 'second', '2', { path: '/cookies', secure: true })
    return c.text('set')
  })
  .delete('/', (c) => c.text(`deleted ${deleteCookie(c, 'plain') ?? 'nothing'}`))
  .get('/signed', async (c) => c.json({ user: (await getSignedCookie(c, SECRET, 'user')) ?? null }))
  .post('/signed', async (c) => {
    await setSignedCookie(c, 'user', 'ada', SECRET)
    return c.text('signed')
  })

const tokens = new Hono<{ Variables: JwtVariables }>()
  .post('/', async (c) => c.json({ token: await sign({ sub: 'ada', exp: 4_102_444_800 }, SECRET, 'HS256') }))
  .use('/me', jwt({ secret: SECRET, alg: 'HS256' }))
  .get('/me', (c) => c.json(c.get('jwtPayload')))

const forms = new Hono()
  .post('/', async (c) => {
    const { name, file, tag } = await c.req.parseBody({ all: true })
    const sent = file instanceof File ? { name: file.name, type: file.type, bytes: [...new Uint8Array(await file.arrayBuffer())] } : file
    return c.json({ name, tag, file: sent })
  })
  .get('/', (c) => c.html(html`<form method="post">${c.req.query('name') ?? '<nobody>'}</form>`))

const streams = new Hono()
  .get('/bytes', (c) => {
    c.header('content-type', 'application/octet-stream')
    return stream(c, async (out) => {
      for (let at = 0; at < 4; at++) await out.write(new Uint8Array(40_000).fill(at))
    })
  })
  .get('/text', (c) =>
    streamText(c, async (out) => {
      for (const word of ['one', 'zwei', 'três']) {
        await out.writeln(word)
        await out.sleep(5)
      }
    }),
  )
  .get('/events', (c) =>
    streamSSE(c, async (out) => {
      for (let id = 1; id <= 3; id++) {
        await out.writeSSE({ id: String(id), event: 'tick', data: `line ${id}\nand another` })
        await out.sleep(5)
      }
    }),
  )
  .get('/pipe', (c) => {
    c.header('content-type', 'text/plain')
    return stream(c, (out) => out.pipe(new Blob(['piped ', 'through']).stream().pipeThrough(new TransformStream())))
  })
  .post('/back', (c) => new Response(c.req.raw.body, { headers: { 'content-type': 'application/octet-stream' } }))

const app = new Hono()
app.use(trimTrailingSlash())
app.use('/secure/*', secureHeaders())
app.use(
  '/api/*',
  cors({ origin: ['https://a.example', 'https://b.example'], allowHeaders: ['x-mine'], credentials: true, maxAge: 600, exposeHeaders: ['x-total'] }),
)
app.use('/admin/*', basicAuth({ username: 'admin', password: 'pass:word', realm: 'the back room' }))
app.use('/machine/*', bearerAuth({ token: 'machine-token' }))
app.use('/tagged/*', etag())
app.use('/small/*', compress({ threshold: 100 }))
app.use('/limited', bodyLimit({ maxSize: 100, onError: (c) => c.text('too much', 413) }))
app.use('/guarded', csrf())
app.use('/override', methodOverride({ app }))
app.use('/pretty', prettyJSON())
app.use(
  '/hurried',
  timeout(20, () => new HTTPException(408, { message: 'too slow' })),
)

app.get('/', (c) => c.text('Hello from Hono'))
app.route('/books', books).route('/cookies', cookies).route('/tokens', tokens).route('/forms', forms).route('/streams', streams)
app.get('/secure/page', (c) => c.html('<p>safe</p>'))
app.get('/api/total', (c) => c.json({ total: 3 }, 200, { 'x-total': '3' }))
app.get('/admin/room', (c) => c.text('come in'))
app.get('/machine/room', (c) => c.text('beep'))
app.get('/tagged/page', (c) => c.text('the same every time'))
app.get('/tagged/own', (c) => c.text('with a tag of its own', 200, { etag: 'W/"own"' }))
app.get('/small/text', (c) => c.text('again and '.repeat(500)))
app.get('/small/image', (c) => c.body('again and '.repeat(500), 200, { 'content-type': 'image/png' }))
app.post('/limited', async (c) => c.text(`${(await c.req.text()).length} bytes`))
app.post('/guarded', (c) => c.text('not forged'))
app.post('/override', (c) => c.text('posted')).delete((c) => c.text('deleted'))
app.get('/pretty', (c) => c.json({ a: [1, { b: 2 }] }))
app.get('/hurried', async (c) => {
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  return c.text('late')
})
app.get('/moved', (c) => c.redirect('/books/7'))
app.get('/moved/for-good', (c) => c.redirect('https://elsewhere.example/?q=ü', 301))
app.get('/see/:what', (c) => c.text(`${c.req.method} ${new URL(c.req.url).pathname} ${c.req.param('what')} ${c.req.header('x-mine') ?? '-'}`))
app.get('/files/*', (c) => c.text(c.req.path))
app.on(['PURGE', 'OPTIONS'], '/odd', (c) => c.text(`odd ${c.req.method}`))
app.all('/any', (c) => c.text(c.req.method))
app.get('/headers', (c) => {
  c.header('x-twice', 'one')
  c.header('x-twice', 'two', { append: true })
  return c.body(new Uint8Array([0, 127, 128, 255]), 203, { 'content-type': 'application/x-own' })
})
app.get('/teapot', () => {
  throw new HTTPException(418, { message: 'short and stout' })
})
app.get('/own-refusal', () => {
  throw new HTTPException(401, { res: new Response('who?', { status: 401, headers: { 'www-authenticate': 'Own' } }) })
})
app.get('/crash', () => {
  throw new TypeError('not on purpose')
})
app.notFound((c) => c.json({ error: `nothing at ${c.req.path}` }, 404))
app.onError((error, c) => (error instanceof HTTPException ? error.getResponse() : c.json({ error: `${error.name}: ${error.message}` }, 500)))

export default app
