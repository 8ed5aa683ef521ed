import { buildSync } from 'esbuild'
import { expect, test } from 'vitest'
import { Sandbox } from './sandbox.ts'

/** Bundles a module with its dependencies, as a deploy does. */
function bundle(source: string): string {
  const { outputFiles } = buildSync({
    stdin: { contents: source, resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'neutral',
    mainFields: ['module'],
    target: 'es2024',
  })
  return outputFiles[0]?.text ?? ''
}

test('a Hono app with middleware answers through both doors', async () => {
  const source = `
    import { Hono } from 'hono'
    import { cors } from 'hono/cors'
    import { getCookie, setCookie } from 'hono/cookie'
    import { HTTPException } from 'hono/http-exception'
    import { stream } from 'hono/streaming'
    const app = new Hono()
    app.use('/api/*', cors({ origin: 'https://a.example' }))
    app.get('/api/users/:id', (c) => { setCookie(c, 'seen', c.req.param('id')); return c.json({ id: c.req.param('id'), q: c.req.query('q'), was: getCookie(c, 'was'), name: c.env.NAME }) })
    app.post('/', async (c) => c.text('rpc ' + (await c.req.json()).n))
    app.post('/form', async (c) => { const body = await c.req.parseBody(); return c.html('<b>' + body.a + '</b>') })
    app.get('/stream', (c) => stream(c, async (s) => { await s.write('one '); await s.sleep(5); await s.write('two') }))
    app.get('/fail', () => { throw new HTTPException(418, { message: 'teapot' }) })
    app.get('/crash', () => { throw new Error('boom') })
    app.onError((error, c) => error instanceof HTTPException ? error.getResponse() : c.text('caught ' + error.message, 500))
    export default app`
  using sandbox = new Sandbox(bundle(source), { commonJs: true, env: { NAME: 'n' } })
  expect(sandbox.loaded?.style).toBe('fetch')
  const get = sandbox.url('/api/users/7?q=%20x', {
    headers: [
      ['origin', 'https://a.example'],
      ['cookie', 'was=1'],
    ],
  })
  expect(get).toMatchObject({ head: { status: 200 }, body: '{"id":"7","q":" x","was":"1","name":"n"}' })
  expect(get.kind === 'result' && get.head.kind === 'http' && get.head.headers).toEqual(
    expect.arrayContaining([
      ['set-cookie', 'seen=7; Path=/'],
      ['access-control-allow-origin', 'https://a.example'],
    ]),
  )
  expect(sandbox.rpc({ n: 5 })).toMatchObject({ head: { kind: 'http', status: 200 }, body: 'rpc 5' })
  expect(sandbox.url('/form', { body: 'a=%C3%BC+1', headers: [['content-type', 'application/x-www-form-urlencoded']] })).toMatchObject({
    body: '<b>ü 1</b>',
  })
  expect(await sandbox.visit('/stream')).toMatchObject({ body: 'one two' })
  expect(sandbox.url('/fail')).toMatchObject({ head: { status: 418 }, body: 'teapot' })
  expect(sandbox.url('/crash')).toMatchObject({ head: { status: 500 }, body: 'caught boom' })
  expect(sandbox.url('/none')).toMatchObject({ head: { status: 404 } })
})
