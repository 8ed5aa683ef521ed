import { expect, test } from 'vitest'
import { evaluate, Sandbox } from './sandbox.ts'

const FETCH = (body: string) => `export default { async fetch(request, env, ctx) { ${body} } }`

test('a request body reads as text, JSON, bytes, blob and stream', () => {
  using sandbox = new Sandbox(
    FETCH(`const how = new URL(request.url).searchParams.get('how')
      if (how === 'stream') { let n = 0; for await (const chunk of request.body) n += chunk.length; return Response.json(n) }
      const got = await request[how]()
      return Response.json(how === 'arrayBuffer' ? [...new Uint8Array(got)].length : how === 'bytes' ? got.length : how === 'blob' ? [got.size, got.type] : got)`),
  )
  const read = (how: string) => {
    const answer = sandbox.url(`/?how=${how}`, { body: '["grüß"]', headers: [['content-type', 'application/json']] })
    if (answer.kind === 'failed') throw new Error(answer.error.stack)
    return JSON.parse(answer.body)
  }
  expect(read('text')).toBe('["grüß"]')
  expect(read('json')).toEqual(['grüß'])
  expect(read('arrayBuffer')).toBe(10)
  expect(read('bytes')).toBe(10)
  expect(read('blob')).toEqual([10, 'application/json'])
  expect(read('stream')).toBe(10)
})

test('a body can be used once, and clone() before that gives a second one', () => {
  using sandbox = new Sandbox(
    FETCH(`const copy = request.clone(), before = request.bodyUsed, text = await request.text()
      let again; try { await request.text() } catch (e) { again = e.name }
      let late; try { request.clone() } catch (e) { late = e.name }
      return Response.json([before, request.bodyUsed, text, await copy.text(), again, late, copy.headers.get('x-a')])`),
  )
  expect(sandbox.url('/', { body: 'hello', headers: [['x-a', '1']] })).toMatchObject({
    body: '[false,true,"hello","hello","TypeError","TypeError","1"]',
  })
})

test('a GET request has no body and immutable headers', () => {
  using sandbox = new Sandbox(
    FETCH(`let changed; try { request.headers.set('a', 'b') } catch (e) { changed = e.message }
      const copy = new Request(request, { headers: { a: 'b' } })
      return Response.json([request.body, await request.text(), changed, copy.headers.get('a'), copy.url])`),
  )
  expect(sandbox.url('/x')).toMatchObject({
    body: expect.stringMatching(/^\[null,"","Cannot change the header a: these headers are immutable.*","b","https:\/\/fn\.example\/x"\]$/),
  })
})

test('streamed response bodies follow their head, piece by piece', async () => {
  using sandbox = new Sandbox(
    FETCH(`const parts = ['a', 'ü', 'c']
      return new Response(new ReadableStream({ async pull(c) { await new Promise((r) => setTimeout(r, 10)); const part = parts.shift(); if (part) c.enqueue(new TextEncoder().encode(part)); else c.close() } }), { headers: { 'content-type': 'text/x' } })`),
  )
  const answer = await sandbox.visit()
  expect(answer).toMatchObject({ kind: 'result', head: { headers: [['content-type', 'text/x']], stream: {} } })
  expect(sandbox.messages.filter(({ text }) => text?.includes('"write"'))).toHaveLength(3)
  expect(Buffer.from(answer.kind === 'result' ? answer.body : '', 'latin1').toString()).toBe('aüc')
})

test('transform streams and text streams connect', () => {
  expect(
    evaluate(`const upper = new TransformStream({ transform(chunk, c) { c.enqueue(chunk.toUpperCase()) } })
      const body = new Response('grüße').body.pipeThrough(new TextDecoderStream()).pipeThrough(upper).pipeThrough(new TextEncoderStream())
      return await new Response(body).text()`),
  ).toBe('GRÜSSE')
})

test.each([
  ['an error of the source', `new ReadableStream({ pull(c) { c.error(new RangeError('broken')) } })`, { name: 'RangeError', message: 'broken' }],
  [
    'chunks that are no bytes',
    `new ReadableStream({ start(c) { c.enqueue('text') } })`,
    { name: 'TypeError', message: expect.stringContaining('must give Uint8Array chunks, got string') },
  ],
])('%s fails the call after its head', async (_, stream, error) => {
  using sandbox = new Sandbox(FETCH(`return new Response(${stream})`))
  expect(await sandbox.visit()).toMatchObject({ kind: 'failed', error })
  expect(sandbox.messages.map(({ kind }) => kind)).toContain('result')
})

test('a response whose body was used fails the call', () => {
  using sandbox = new Sandbox(FETCH(`const r = new Response('x'); await r.text(); return r`))
  expect(sandbox.url()).toMatchObject({ kind: 'failed', error: { message: expect.stringContaining('has been used already') } })
})

test('multipart forms are parsed with files and text', () => {
  using sandbox = new Sandbox(
    FETCH(`const form = await request.formData(), out = []
      for (const [name, value] of form) out.push(typeof value === 'string' ? [name, value] : [name, value.name, value.type, value.size, await value.text(), value instanceof File])
      return Response.json(out)`),
  )
  const body = [
    '--X\r\nContent-Disposition: form-data; name="a"\r\n\r\nline\r\n--Y\r\n',
    '--X\r\ncontent-disposition: form-data; name="f %22"; filename="grüß.txt"\r\nContent-Type: text/css\r\n\r\n--X-not\r\n',
    '--X--\r\n',
  ].join('')
  expect(sandbox.url('/', { body, headers: [['content-type', 'multipart/form-data; boundary="X"']] })).toMatchObject({
    body: '[["a","line\\r\\n--Y"],["f \\"","grüß.txt","text/css",7,"--X-not",true]]',
  })
})

test.each([
  ['multipart/form-data', 'no boundary'],
  ['multipart/form-data; boundary=zz', 'the boundary is nowhere in it'],
  ['multipart/form-data; boundary=X', 'its last boundary is missing'],
  ['text/plain', 'wanted multipart/form-data or application/x-www-form-urlencoded'],
])('a form of type %s that is not one is a TypeError: %s', (type, message) => {
  using sandbox = new Sandbox(FETCH('await request.formData()'))
  const answer = sandbox.url('/', { body: '--X\r\nContent-Disposition: form-data; name="a"\r\n\r\nline', headers: [['content-type', type]] })
  expect(answer).toMatchObject({ kind: 'failed', error: { name: 'TypeError', message: expect.stringContaining(message) } })
})

test('forms and search params as bodies carry their type, and read back equal', () => {
  expect(
    evaluate(`const form = new FormData(); form.append('a', '1'); form.append('a', 'two\\nlines'); form.append('f', new Blob(['bytes'], { type: 'x/y' }), 'n"1.bin'); form.set('gone', 'x'); form.delete('gone')
      const response = new Response(form), back = await new Response(await response.clone().bytes(), { headers: response.headers }).formData()
      const file = back.get('f'), query = new Response(new URLSearchParams({ q: 'ä b' })), read = await query.clone().formData()
      return [back.getAll('a'), file.name, file.type, await file.text(), back.has('gone'), [...form.keys()], query.headers.get('content-type'), await query.text(), read.get('q')]`),
  ).toEqual([
    ['1', 'two\r\nlines'],
    'n"1.bin',
    'x/y',
    'bytes',
    false,
    ['a', 'a', 'f'],
    'application/x-www-form-urlencoded;charset=UTF-8',
    'q=%C3%A4+b',
    'ä b',
  ])
})

test('responses know their statics and refuse what the standard refuses', () => {
  expect(
    evaluate(`const tell = (f) => { try { return f() } catch (e) { return e.name } }
      const json = Response.json({ a: 1 }, { status: 201 }), redirect = Response.redirect('https://a.example/x', 307)
      return [json.status, json.headers.get('content-type'), await json.json(), redirect.status, redirect.headers.get('location'), tell(() => redirect.headers.set('a', 'b')),
        Response.error().type, tell(() => new Response('', { status: 199 })), tell(() => new Response('x', { status: 204 })), tell(() => Response.redirect('https://a/', 200)),
        tell(() => Response.json(() => 1)), tell(() => new Response('', { headers: { 'a b': 'c' } })), tell(() => new Response('', { headers: { a: 'b\\nc' } })), new Response().body, new Response('', { statusText: 'Fine' }).statusText]`),
  ).toEqual([
    201,
    'application/json',
    { a: 1 },
    307,
    'https://a.example/x',
    'TypeError',
    'error',
    'RangeError',
    'TypeError',
    'RangeError',
    'TypeError',
    'TypeError',
    'TypeError',
    null,
    'Fine',
  ])
})

test('Response.error() as an answer fails the call', () => {
  using sandbox = new Sandbox(FETCH('return Response.error()'))
  expect(sandbox.url()).toMatchObject({ kind: 'failed', error: { message: expect.stringContaining('Response.error()') } })
})

test('requests are made as the standard makes them', () => {
  expect(
    evaluate(`const tell = (f) => { try { return f() } catch (e) { return e.name } }
      const request = new Request('HTTPS://A.example/x/../y?q#h', { method: 'post', body: 'b', headers: [['A', '1'], ['a', '2']] }), copy = new Request(request)
      return [request.url, request.method, request.headers.get('content-type'), request.headers.get('a'), request.bodyUsed, await copy.text(), new Request('https://a/', { method: 'patch' }).method,
        tell(() => new Request('/relative')), tell(() => new Request('https://u:p@a/')), tell(() => new Request('https://a/', { body: 'x' })), tell(() => new Request('https://a/', { method: 'TRACE' })), request.signal.aborted]`),
  ).toEqual([
    'https://a.example/y?q#h',
    'POST',
    'text/plain;charset=UTF-8',
    '1, 2',
    true,
    'b',
    'patch',
    'TypeError',
    'TypeError',
    'TypeError',
    'TypeError',
    false,
  ])
})

test('headers combine, sort and iterate as the standard says', () => {
  expect(
    evaluate(`const h = new Headers({ B: '2', a: ' 1 ' }); h.append('b', '3'); h.append('Set-Cookie', 'x=1'); h.append('set-cookie', 'y=2'); h.append('c', ''); h.delete('C')
      const seen = []; h.forEach((value, name) => seen.push(name + '=' + value))
      return [[...h], h.getSetCookie(), h.get('none'), h.get('B'), h.has('SET-COOKIE'), seen.length, [...new Headers(h).keys()], Object.prototype.toString.call(h)]`),
  ).toEqual([
    [
      ['a', '1'],
      ['b', '2, 3'],
      ['set-cookie', 'x=1'],
      ['set-cookie', 'y=2'],
    ],
    ['x=1', 'y=2'],
    null,
    '2, 3',
    true,
    4,
    ['a', 'b', 'set-cookie', 'set-cookie'],
    '[object Headers]',
  ])
})

test.each([
  ['text', `'ü'.repeat(40_000)`, 80_000],
  ['bytes', `new Uint8Array(100_000).fill(65)`, 100_000],
])('a large body of %s follows its head, and its length is known', async (_, body, length) => {
  using sandbox = new Sandbox(FETCH(`return new Response(${body})`))
  const answer = await sandbox.visit()
  expect(answer).toMatchObject({ kind: 'result', head: { status: 200, stream: { length } } })
  expect(answer.kind === 'result' && answer.body.length).toBe(length)
})

test('a large value follows its head as JSON', async () => {
  using sandbox = new Sandbox(`export default () => ({ text: 'x'.repeat(70_000) })`)
  const answer = await sandbox.ask()
  expect(answer).toMatchObject({ kind: 'result', head: { kind: 'json', stream: { length: 70_011 } } })
  expect(JSON.parse(answer.kind === 'result' ? answer.body : '')).toEqual({ text: 'x'.repeat(70_000) })
})

test('a request body that did not come with its head is a stream of the same bytes', async () => {
  using sandbox = new Sandbox(
    FETCH(
      `let bytes = 0, pieces = 0; for await (const piece of request.body) { bytes += piece.length; pieces++ } return Response.json({ bytes, pieces })`,
    ),
  )
  const call = sandbox.startStreamed({ door: 'url', method: 'POST' }, new Uint8Array(200_000))
  expect(await sandbox.complete(call)).toMatchObject({ body: '{"bytes":200000,"pieces":4}' })
})

test.each([
  ['event', `export default (event) => event.text.length`],
  ['lambda', `export const handler = async (event) => event.text.length`],
])('a handler of %s style gets a large rpc event whole', async (_, source) => {
  using sandbox = new Sandbox(source)
  const event = Buffer.from(JSON.stringify({ text: 'x'.repeat(100_000) }))
  expect(await sandbox.complete(sandbox.startStreamed({ door: 'rpc' }, event))).toMatchObject({ body: '100000' })
})
