import type { IncomingMessage, RequestListener } from 'node:http'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { FetchWorld } from '../host/fetch-world.ts'
import { Sandbox } from './sandbox.ts'

/** Runs the body of a handler with `fetch` wired up and `origin` in reach; what it returns, through JSON. */
async function run(body: string, listener: RequestListener = echo): Promise<unknown> {
  await using world = new FetchWorld()
  const origin = await world.serve(listener)
  using sandbox = new Sandbox(`export default async (event, ctx) => { const { origin } = event; ${body} }`, {
    operations: [['fetch', world.operation]],
  })
  if (sandbox.loadError !== undefined) throw new Error(sandbox.loadError.message)
  const answer = await sandbox.ask({ origin })
  if (answer.kind === 'failed') throw new Error(`${answer.error.name}: ${answer.error.message}`)
  return JSON.parse(answer.body)
}

const echo: RequestListener = async (request, response) => {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const { method, url, headers } = request
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(pieces).toString() }))
}
/** What an expression rejects with, as its name and message. */
const REJECTED =
  'const rejected = async (promise) => { try { await promise; return "resolved" } catch (error) { return [error.name, error.message] } };'

describe('fetch', () => {
  test('gives a Response of the type, URL, status and headers that came', async () => {
    const listener: RequestListener = (_request, response) => {
      response.statusMessage = 'Made'
      response.writeHead(201, { 'x-one': 'ä', 'set-cookie': ['a=1', 'b=2'] }).end('body')
    }
    const told = await run(
      `const r = await fetch(origin + '/a?b#c')
       return [r.type, r.url === origin + '/a?b', r.status, r.statusText, r.ok, r.redirected, r.headers.get('x-one'), r.headers.getSetCookie(), await r.text(), r.bodyUsed]`,
      listener,
    )
    expect(told).toEqual(['basic', true, 201, 'Made', true, false, 'ä', ['a=1', 'b=2'], 'body', true])
  })

  test('its Response’s headers cannot be changed, those of a Response around it can', async () => {
    expect(
      await run(`${REJECTED} const r = await fetch(origin)
      const [name] = await rejected((async () => r.headers.set('a', 'b'))())
      const mine = new Response(r.body, r); mine.headers.set('a', 'b')
      return [name, mine.headers.get('a'), (await mine.json()).method]`),
    ).toEqual(['TypeError', 'b', 'GET'])
  })

  test.each([
    ['text', `'hi ✓'`, 'hi ✓', 'text/plain;charset=UTF-8'],
    ['bytes', `new TextEncoder().encode('hi')`, 'hi', undefined],
    ['a form', `new URLSearchParams({ a: 'b c' })`, 'a=b+c', 'application/x-www-form-urlencoded;charset=UTF-8'],
    ['a Blob', `new Blob(['hi'], { type: 'x/y' })`, 'hi', 'x/y'],
  ])('sends %s', async (_what, body, text, type) => {
    const sent = (await run(`const r = await fetch(origin, { method: 'POST', body: ${body} }); return r.json()`)) as {
      headers: Record<string, string>
      body: string
    }
    expect([sent.body, sent.headers['content-type'], sent.headers['content-length']]).toEqual([text, type, `${Buffer.byteLength(text)}`])
  })

  test('sends a Request as it is, and uses its body up', async () => {
    expect(
      await run(`${REJECTED} const q = new Request(origin + '/x', { method: 'PUT', body: 'hi', headers: { 'x-one': '1' } })
      const sent = await (await fetch(q)).json()
      return [sent.method, sent.url, sent.body, sent.headers['x-one'], q.bodyUsed, (await rejected(fetch(q)))[0]]`),
    ).toEqual(['PUT', '/x', 'hi', '1', true, 'TypeError'])
  })

  test('sends a large body whole, with its length, and again after a redirect', async () => {
    const lengths: (string | undefined)[] = []
    const listener: RequestListener = (request, response) => {
      lengths.push(request.headers['content-length'])
      if (request.url === '/') response.writeHead(307, { location: '/end' })
      let bytes = 0
      request.on('data', (piece) => (bytes += piece.length)).on('end', () => response.end(`${bytes}`))
    }
    expect(
      await run(
        `const r = await fetch(origin, { method: 'POST', body: 'x'.repeat(300_000) }); return [await r.text(), r.redirected, r.url === origin + '/end']`,
        listener,
      ),
    ).toEqual(['300000', true, true])
    expect(lengths).toEqual(['300000', '300000'])
  })

  test('sends many bodies at once, more than may leave in one slice', async () => {
    expect(
      await run(`
      const sent = Array.from({ length: 30 }, () => fetch(origin, { method: 'POST', body: 'x'.repeat(60_000) }))
      const answers = await Promise.all(sent.map(async (one) => (await (await one).json()).body.length))
      return answers.every((length) => length === 60_000)`),
    ).toBe(true)
  })

  test('streams both ways, piece by piece', async () => {
    const listener: RequestListener = (request, response) => request.pipe(response)
    expect(
      await run(
        `
      let send
      const body = new ReadableStream({ start(controller) { send = controller } })
      send.enqueue(new TextEncoder().encode('first'))
      const r = await fetch(origin, { method: 'POST', body, duplex: 'half' })
      const reader = r.body.getReader()
      const text = async () => { const { done, value } = await reader.read(); return done ? null : new TextDecoder().decode(value) }
      const seen = [await text()]
      send.enqueue(new TextEncoder().encode('second'))
      seen.push(await text())
      send.close()
      seen.push(await text())
      return seen`,
        listener,
      ),
    ).toEqual(['first', 'second', null])
  })

  test('reads a large answer as text, as bytes, by a reader of its own buffers and as it was split', async () => {
    const listener: RequestListener = (_request, response) => response.end(Buffer.alloc(1_000_000, 'abcdefghij'))
    expect(
      await run(
        `
      const text = await (await fetch(origin)).text()
      const bytes = await (await fetch(origin)).bytes()
      const reader = (await fetch(origin)).body.getReader({ mode: 'byob' })
      let own = 0
      for (;;) { const { done, value } = await reader.read(new Uint8Array(1000)); if (done) break; own += value.byteLength }
      const [one, two] = (await fetch(origin)).body.tee()
      const both = await Promise.all([new Response(one).text(), new Response(two).text()])
      return [text.length, text.slice(-3), bytes.length, own, both.map((t) => t.length)]`,
        listener,
      ),
    ).toEqual([1_000_000, 'hij', 1_000_000, 1_000_000, [1_000_000, 1_000_000]])
  })

  test('a stream of the author’s that fails is a failed request, and its error is not taken for an answer', async () => {
    expect(
      await run(`${REJECTED} const body = new ReadableStream({ pull(controller) { controller.error(new RangeError('mine')) } })
      return rejected(fetch(origin, { method: 'POST', body, duplex: 'half' }))`),
    ).toEqual(['TypeError', 'fetch failed: the request body broke off'])
  })

  test('a stream of anything but bytes is a failed request', async () => {
    expect(
      await run(`${REJECTED} const body = new ReadableStream({ start(controller) { controller.enqueue('text'); controller.close() } })
      return (await rejected(fetch(origin, { method: 'POST', body, duplex: 'half' })))[0]`),
    ).toBe('TypeError')
  })

  test('an answer that comes before the upload’s end is read, and the upload’s stream is cancelled', async () => {
    const listener: RequestListener = (_request, response) => response.writeHead(413, { connection: 'close' }).end('too much')
    expect(
      await run(
        `
      let cancelled
      const stopped = new Promise((resolve) => { cancelled = resolve })
      const body = new ReadableStream({ pull(controller) { controller.enqueue(new Uint8Array(65536)) }, cancel() { cancelled('cancelled') } })
      const r = await fetch(origin, { method: 'POST', body, duplex: 'half' })
      return [r.status, await r.text(), await stopped]`,
        listener,
      ),
    ).toEqual([413, 'too much', 'cancelled'])
  })

  test.each([
    [`fetch('/relative')`, 'TypeError'],
    [`fetch('ftp://example.com')`, 'TypeError'],
    [`fetch('blob:https://example.com/1')`, 'TypeError'],
    [`fetch('about:blank')`, 'TypeError'],
    [`fetch(origin, { method: 'GET', body: 'x' })`, 'TypeError'],
    [`fetch(origin, { method: 'CONNECT' })`, 'TypeError'],
    [`fetch('http://a:b@example.com/')`, 'TypeError'],
    [`fetch('http://169.254.169.254/latest/meta-data/')`, 'TypeError'],
    [`fetch(Symbol())`, 'TypeError'],
    [`fetch()`, 'TypeError'],
    [`fetch(origin, { signal: {} })`, 'TypeError'],
  ])('%s rejects, and does not throw', async (call, name) => {
    expect(((await run(`${REJECTED} return rejected(${call})`)) as string[])[0]).toBe(name)
  })

  test('an answer without a body has none', async () => {
    const listener: RequestListener = (request, response) =>
      response.writeHead(Number(request.url?.slice(1)), { 'content-length': request.method === 'HEAD' ? 5 : 0 }).end()
    expect(
      await run(
        `
      const empty = await fetch(origin + '/200'); const head = await fetch(origin + '/200', { method: 'HEAD' })
      const none = await fetch(origin + '/204'); const old = await fetch(origin + '/304')
      return [empty.body !== null, await empty.text(), head.body, head.headers.get('content-length'), none.body, old.body, await old.text()]`,
        listener,
      ),
    ).toEqual([true, '', null, '5', null, null, ''])
  })

  test('redirects are followed, refused or handed over, as the author likes', async () => {
    const listener: RequestListener = (request, response) =>
      request.url === '/' ? response.writeHead(302, { location: '/end' }).end() : response.end('end')
    expect(
      await run(
        `${REJECTED}
      const followed = await fetch(origin); const manual = await fetch(origin, { redirect: 'manual' })
      return [followed.redirected, await followed.text(), manual.status, manual.headers.get('location'), (await rejected(fetch(origin, { redirect: 'error' })))[0]]`,
        listener,
      ),
    ).toEqual([true, 'end', 302, '/end', 'TypeError'])
  })

  test('a clone of a Response has all of it', async () => {
    expect(
      await run(
        `const r = await fetch(origin); const c = r.clone(); return [c.url === r.url, c.type, (await c.json()).method, (await r.json()).method]`,
      ),
    ).toEqual([true, 'basic', 'GET', 'GET'])
  })

  test('a function that replaces the prototypes’ methods gets its answer all the same', async () => {
    expect(
      await run(`
      const q = new Request(origin, { method: 'POST', body: 'hi', headers: { a: 'b' } })
      const poison = () => { throw new Error('poisoned') }
      const { then } = Promise.prototype
      Array.prototype.push = poison; Promise.prototype.then = poison; Map.prototype.get = poison; Object.prototype.toJSON = poison; String.prototype.slice = poison
      const r = await fetch(q)
      Promise.prototype.then = then
      const text = await r.text()
      delete Object.prototype.toJSON
      return text.includes('"body":"hi"')`),
    ).toBe(true)
  })
})

describe('Content-Encoding', () => {
  const TEXT = 'hello '.repeat(20_000)
  const coded: Record<string, Buffer> = {
    gzip: gzipSync(TEXT),
    'X-GZIP': gzipSync(TEXT),
    deflate: deflateSync(TEXT),
    'deflate ': deflateRawSync(TEXT),
    br: brotliCompressSync(TEXT),
    'gzip, br': brotliCompressSync(gzipSync(TEXT)),
    identity: Buffer.from(TEXT),
  }

  test('is asked for, unless the author asks for something himself', async () => {
    const asked = `(await r.json()).headers['accept-encoding']`
    expect(await run(`const r = await fetch(origin); return ${asked}`)).toBe('gzip, deflate, br')
    expect(await run(`const r = await fetch(origin, { headers: { 'Accept-Encoding': 'identity' } }); return ${asked}`)).toBe('identity')
  })

  test('that is not known leaves the bytes and the headers as they came', async () => {
    const listener: RequestListener = (_request, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end('as it came')
    expect(await run(`const r = await fetch(origin); return [await r.text(), r.headers.get('content-encoding')]`, listener)).toEqual([
      'as it came',
      'zstd',
    ])
  })

  test.each(Object.keys(coded))('%s is taken off, and the headers that spoke of it', async (coding) => {
    const listener: RequestListener = (_request, response) =>
      response.writeHead(200, { 'content-encoding': coding, 'content-length': coded[coding]?.length }).end(coded[coding])
    const [same, encoding, length] = (await run(
      `const r = await fetch(origin); return [await r.text() === 'hello '.repeat(20_000), r.headers.get('content-encoding'), r.headers.get('content-length')]`,
      listener,
    )) as unknown[]
    expect(same).toBe(true)
    if (coding !== 'identity') expect([encoding, length]).toEqual([null, null])
  })

  test('that lies is an error for whoever reads', async () => {
    const listener: RequestListener = (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip')
    expect(((await run(`${REJECTED} const r = await fetch(origin); return rejected(r.text())`, listener)) as string[])[0]).toBe('TypeError')
  })
})

describe('an abort', () => {
  /** Starts an answer of ten bytes, and says when its connection was closed. */
  function hanging(): { listener: RequestListener; closed: Promise<void> } {
    const { promise, resolve } = Promise.withResolvers<void>()
    return {
      closed: promise,
      listener: (request: IncomingMessage, response) => {
        request.on('error', () => {}).socket.once('close', () => resolve())
        if (request.url === '/head') response.writeHead(200, { 'content-length': 10 }).write('half')
      },
    }
  }

  test('before the fetch rejects with the signal’s reason, and nothing is sent', async () => {
    let asked = 0
    expect(
      await run(
        `${REJECTED} const reason = new RangeError('mine')
      const body = new ReadableStream({ cancel(why) { body.why = why } })
      try { await fetch(origin, { method: 'POST', body, duplex: 'half', signal: AbortSignal.abort(reason) }) } catch (error) { return [error === reason, body.why === reason] }`,
        () => void asked++,
      ),
    ).toEqual([true, true])
    expect(asked).toBe(0)
  })

  test('before the answer rejects with the signal’s reason, and closes the connection', async () => {
    const { listener, closed } = hanging()
    await using world = new FetchWorld()
    const arrived = Promise.withResolvers<void>()
    const origin = await world.serve((request, response) => {
      listener(request, response)
      arrived.resolve()
    })
    using sandbox = new Sandbox(
      `const controller = new AbortController()
       export default async (event) => {
         if (event === 'abort') return void controller.abort('mine')
         try { await fetch(event, { signal: controller.signal }) } catch (error) { return error }
       }`,
      { operations: [['fetch', world.operation]] },
    )
    const call = sandbox.start({ door: 'rpc' }, JSON.stringify(origin))
    await arrived.promise
    sandbox.rpc('abort')
    expect(sandbox.answer(call)).toMatchObject({ kind: 'result', body: '"mine"' })
    await closed
  })

  test('in the middle of the answer rejects whoever reads, and closes the connection', async () => {
    const { listener, closed } = hanging()
    const told = run(
      `${REJECTED} const controller = new AbortController()
       const r = await fetch(origin + '/head', { signal: controller.signal })
       const reader = r.body.getReader()
       await reader.read()
       const next = rejected(reader.read())
       controller.abort()
       return (await next)[0]`,
      listener,
    )
    expect(await told).toBe('AbortError')
    await closed
  })

  test('after a small answer that nobody has read rejects whoever reads', async () => {
    expect(
      await run(`${REJECTED} const controller = new AbortController()
      const r = await fetch(origin, { signal: controller.signal })
      controller.abort()
      return [(await rejected(r.text()))[0], r.status]`),
    ).toEqual(['AbortError', 200])
  })

  test('of an upload stops the author’s stream with the reason', async () => {
    const { listener } = hanging()
    expect(
      await run(
        `${REJECTED} const controller = new AbortController()
      let why
      const body = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1)); return new Promise(() => {}) }, cancel(reason) { why = reason } })
      const sent = rejected(fetch(origin, { method: 'POST', body, duplex: 'half', signal: controller.signal }))
      await Promise.resolve()
      controller.abort(new RangeError('mine'))
      return [await sent, String(why)]`,
        listener,
      ),
    ).toEqual([['RangeError', 'mine'], 'RangeError: mine'])
  })

  test('by timeout is a TimeoutError', async () => {
    const { listener, closed } = hanging()
    await using world = new FetchWorld()
    const arrived = Promise.withResolvers<void>()
    const origin = await world.serve((request, response) => {
      listener(request, response)
      arrived.resolve()
    })
    using sandbox = new Sandbox(
      `export default async (event) => { try { await fetch(event, { signal: AbortSignal.timeout(1000) }) } catch (error) { return error.name } }`,
      { operations: [['fetch', world.operation]] },
    )
    const call = sandbox.start({ door: 'rpc' }, JSON.stringify(origin))
    await arrived.promise
    sandbox.fireNext()
    expect(sandbox.answer(call)).toMatchObject({ body: '"TimeoutError"' })
    await closed
  })

  test('is not needed: a body that is cancelled closes the connection too', async () => {
    const { listener, closed } = hanging()
    expect(await run(`const r = await fetch(origin + '/head'); await r.body.cancel(); return r.bodyUsed`, listener)).toBe(true)
    await closed
  })
})

describe('data: URLs', () => {
  test.each([
    ['data:,a%20b%', 'a b%', 'text/plain;charset=US-ASCII'],
    ['data:text/html;charset=utf-8,<p>#x', '<p>', 'text/html;charset=utf-8'],
    ['data:;charset=utf-8,x', 'x', 'text/plain;charset=utf-8'],
    ['data:image/svg+xml;base64,aGk=', 'hi', 'image/svg+xml'],
    ['data:x/y ; base64,aGk', 'hi', 'x/y'],
    ['data:;base64,aG%6B', 'hi', 'text/plain;charset=US-ASCII'],
    ['data:nonsense,x', 'x', 'text/plain;charset=US-ASCII'],
  ])('%s is answered on the spot', async (url, text, type) => {
    const told = await run(`const r = await fetch(${JSON.stringify(url)}); return [r.status, await r.text(), r.headers.get('content-type'), r.url]`)
    expect(told).toEqual([200, text, type, new URL(url).href.replace(/#.*/, '')])
  })

  test.each(['data:no-comma', 'data:;base64,a'])('%s is a TypeError', async (url) => {
    expect(((await run(`${REJECTED} return rejected(fetch(${JSON.stringify(url)}))`)) as string[])[0]).toBe('TypeError')
  })
})

test('a fetch handler hands an answer on, encoded or not', async () => {
  await using world = new FetchWorld()
  const origin = await world.serve(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    response.writeHead(200, { 'content-encoding': 'gzip', 'x-one': '1' }).end(gzipSync(`got ${body}`))
  })
  using sandbox = new Sandbox(`export default { fetch: (request) => fetch(new Request('${origin}', request)) }`, {
    operations: [['fetch', world.operation]],
  })
  const call = sandbox.startStreamed(
    { door: 'url', method: 'POST', url: 'https://fn.example/', headers: [['content-type', 'text/plain']] },
    Buffer.from('hi'),
  )
  const answer = await sandbox.complete(call)
  expect(answer).toMatchObject({ kind: 'result', head: { status: 200 }, body: 'got hi' })
  if (answer.kind === 'result' && answer.head.kind === 'http') expect(answer.head.headers.map(([name]) => name)).not.toContain('content-encoding')
})

describe('the stack of a fetch that was refused', () => {
  const stackOf = (lines: string): Promise<unknown> =>
    run(`const load = async (url) => { await fetch(url) }
      ${lines}
      try { await Promise.all(['http://10.0.0.1/'].map(load)) } catch (error) { return [error instanceof TypeError, Object.keys(error), String(error), error.stack] }`)

  test('names the author’s function that called it', async () => {
    const [isTypeError, keys, title, stack] = (await stackOf('')) as [boolean, string[], string, string]
    expect([isTypeError, keys]).toEqual([true, []])
    const [first, second, third] = stack.split('\n')
    expect(first).toBe(title)
    expect(second).toMatch(/^ {4}at load \(function\.js:\d+:\d+\)$/)
    expect(third).toBe('    at Array.map (<anonymous>)')
    expect(stack).not.toMatch(/isolane:prelude/)
  })

  test.each([
    ['throws', '() => { throw 1 }'],
    ['gives no text', '() => ({ get length() { throw 1 } })'],
    ['gives another text', '() => "nothing"'],
  ])('does not keep it from being rejected where Error.prepareStackTrace %s', async (_, prepare) => {
    expect(
      await stackOf(`Error.prepareStackTrace = ${prepare}
      try { await load('http://10.0.0.1/') } catch (error) { return [error instanceof TypeError, error.message.length > 0] }`),
    ).toEqual([true, true])
  })
})
