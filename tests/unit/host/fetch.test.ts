import { once } from 'node:events'
import type { IncomingMessage, RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { MAX_SUBREQUESTS } from '../../../runtime/contract/messages.ts'
import type { HostContext } from '../../../runtime/host/operation.ts'
import { FetchWorld, header, readAll } from './fetch-world.ts'

const failure = { name: 'TypeError' }

/** Says what it was asked, as JSON. */
const echo: RequestListener = async (request, response) => {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const { method, url, headers } = request
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(pieces).toString() }))
}
const close = (request: IncomingMessage) => new Promise<void>((resolve) => request.on('error', () => {}).socket.once('close', () => resolve()))

describe('a request', () => {
  test('goes out with what its author set, and comes back with all of its answer', async () => {
    await using world = new FetchWorld()
    const origin = await world.serve(echo)
    const { text, ...told } = await world.get(
      { method: 'POST', url: `${origin}/a?b=1#c`, headers: [['X-One', 'ä']], body: 'whole' },
      Buffer.from('hi'),
    )
    expect(told).toMatchObject({ status: 200, statusText: 'OK', url: `${origin}/a?b=1`, redirected: false, done: true })
    expect(header(told, 'content-type')).toBe('application/json')
    expect(JSON.parse(text)).toMatchObject({ method: 'POST', url: '/a?b=1', body: 'hi' })
    expect(JSON.parse(text).headers).toMatchObject({
      'x-one': 'ä',
      'content-length': '2',
      accept: '*/*',
      'user-agent': 'isolane',
      host: new URL(origin).host,
    })
  })

  test('says how many functions stand behind it, and its author has no word in that', async () => {
    await using world = new FetchWorld()
    const { text } = await world.get({ url: await world.serve(echo), headers: [['isolane-depth', '0']] })
    expect(JSON.parse(text).headers['isolane-depth']).toBe('3')
  })

  test('loses the headers that belong to the connection, both ways', async () => {
    await using world = new FetchWorld()
    const origin = await world.serve((request, response) => {
      response.setHeader('connection', 'keep-alive, x-hop').setHeader('x-hop', '1').setHeader('x-end', '2').setHeader('set-cookie', ['a=1', 'b=2'])
      response.end(JSON.stringify(request.headers))
    })
    const forbidden = [
      'Host',
      'Connection',
      'Transfer-Encoding',
      'Content-Length',
      'Proxy-Authorization',
      'Keep-Alive',
      'TE',
      'Upgrade',
      'Expect',
    ].map((name) => [name, '7'])
    const told = await world.get({ url: origin, headers: [...forbidden, ['cookie', 'mine']] })
    expect(Object.keys(JSON.parse(told.text)).sort()).toEqual(['accept', 'connection', 'cookie', 'host', 'isolane-depth', 'user-agent'])
    expect(JSON.parse(told.text).host).toBe(new URL(origin).host)
    const names = told.headers.map(([name]) => name)
    expect(names).not.toContain('connection')
    expect(names).not.toContain('x-hop')
    expect(names.filter((name) => name === 'set-cookie')).toHaveLength(2)
  })

  test.each([
    [{ method: 'CONNECT' }, 'the method CONNECT is not allowed'],
    [{ method: 'a b' }, 'the method must be a token'],
    [{ method: 7 }, 'the method must be a token'],
    [{ url: 'file:///etc/passwd' }, 'the scheme must be http or https, got file'],
    [{ url: 'http://a:b@127.0.0.1/' }, 'user name or password'],
    [{ url: '/relative' }, 'is not a URL'],
    [{ url: undefined }, 'the URL must be text'],
    [{ headers: [['a\r\nb', 'c']] }, 'is not a header name'],
    [{ headers: [['a', 'b\r\nc: d']] }, 'a value that is not allowed'],
    [{ headers: [['a', '\u{1f600}']] }, 'a value that is not allowed'],
    [{ headers: [['a', 'b'.repeat(40_000)]] }, 'allowed are 32768'],
    [{ headers: 'a: b' }, 'at most 200 headers'],
    [{ redirect: 'maybe' }, 'redirect must be follow, error or manual, got "maybe"'],
    [{ body: 'whole' }, 'GET has no body'],
    [{ method: 'POST', body: 'stream', length: -1 }, 'length must be an integer'],
    [{ followed: 21 }, 'followed must be an integer from 0 to 20'],
  ])('that is not one is refused: %o', async (args, message) => {
    await using world = new FetchWorld()
    await expect(world.get({ url: 'http://127.0.0.1:1/', ...args })).rejects.toMatchObject({ ...failure, message: expect.stringContaining(message) })
  })

  test('is refused where functions may not reach, on every hop', async () => {
    await using world = new FetchWorld({ allow: 'localhost' })
    let reached = 0
    const inside = await world.serve((_request, response) => response.end(`${++reached}`))
    const outside = await world.serve((_request, response) => response.writeHead(302, { location: inside }).end())
    await expect(world.get({ url: inside })).rejects.toMatchObject({
      ...failure,
      message: expect.stringContaining('127.0.0.1 is an address that functions may not reach'),
    })
    const local = outside.replace('127.0.0.1', 'localhost')
    await expect(world.get({ url: local })).rejects.toMatchObject({
      message: expect.stringContaining('127.0.0.1 is an address that functions may not reach'),
    })
    await expect(world.get({ url: inside.replace('http:', 'https:') })).rejects.toMatchObject({ message: expect.stringContaining('may not reach') })
    expect(reached).toBe(0)
  })

  test('an answer that came whole and waits unread is counted to its tenant, until it is read or given up', async () => {
    await using world = new FetchWorld()
    // Just over what is handed over at once, in pieces that come to their end before anybody reads.
    const origin = await world.serve((_request, response) => {
      response.writeHead(200, { 'content-length': 70_000 })
      response.write('x'.repeat(60_000))
      response.end('x'.repeat(10_000))
    })
    const run = world.run()
    const asked = [run.ask({ url: origin }), run.ask({ url: origin }), run.ask({ url: origin })]
    for (const { answer } of asked) await answer
    const held = world.tenantBytes.held('acme')
    expect([0, 70_000, 140_000, 210_000]).toContain(held)
    const [first, ...others] = asked.map(({ context }) => context)
    await readAll(first as HostContext)
    for (const { number, pipes } of others) pipes.source(number)?.cancel()
    expect(world.tenantBytes.held('acme')).toBe(0)
  })

  test('counts its bytes both ways, heads included', async () => {
    await using world = new FetchWorld()
    const origin = await world.serve((request, response) => request.resume().on('end', () => response.end('x'.repeat(100_000))))
    const run = world.run()
    const { answer, context } = run.ask({ url: origin, method: 'POST', body: 'whole' }, Buffer.alloc(50_000))
    await answer
    await readAll(context)
    expect(run.spent.subrequests).toBe(1)
    expect(run.spent.egressBytes).toBeGreaterThan(150_100)
    expect(run.spent.egressBytes).toBeLessThan(151_000)
  })
})

describe('what goes wrong', () => {
  test.each<[string, (socket: Socket) => void, string]>([
    ['the other side hangs up', (socket) => socket.destroy(), 'closed the connection'],
    ['it is not HTTP', (socket) => socket.end('SSH-2.0-OpenSSH\r\n'), 'does not speak HTTP here'],
    ['the head is endless', (socket) => socket.write(`HTTP/1.1 200 OK\r\na: ${'b'.repeat(70_000)}\r\n\r\n`), 'is too large'],
  ])('is said in words: %s', async (_what, listener, message) => {
    await using world = new FetchWorld()
    const origin = await world.serveTcp((socket) => socket.once('data', () => listener(socket)))
    await expect(world.get({ url: origin })).rejects.toMatchObject({ ...failure, message: expect.stringContaining(message) })
  })

  test('that nobody listens is said, too', async () => {
    await using world = new FetchWorld()
    const origin = await world.serve(echo)
    await world[Symbol.asyncDispose]()
    await using after = new FetchWorld()
    await expect(after.get({ url: origin })).rejects.toMatchObject({ ...failure, message: 'fetch failed: 127.0.0.1 refused the connection' })
  })

  test('a server that does not speak TLS is told from one whose certificate is not trusted', async () => {
    await using world = new FetchWorld()
    const origin = await world.serveTcp((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')))
    await expect(world.get({ url: origin.replace('http:', 'https:') })).rejects.toMatchObject({
      ...failure,
      message: expect.stringContaining('does not speak TLS here'),
    })
  })

  test('a head that does not come is a TimeoutError', async () => {
    await using world = new FetchWorld({ headTimeoutMs: 50 })
    const origin = await world.serve(() => {})
    await expect(world.get({ url: origin })).rejects.toMatchObject({ name: 'TimeoutError', message: 'fetch timed out: 127.0.0.1 sent no answer' })
    expect(world.connections.size).toBeLessThanOrEqual(1)
  })

  test('a body that stops is a TimeoutError for whoever reads it', async () => {
    await using world = new FetchWorld({ idleTimeoutMs: 50 })
    const origin = await world.serve((_request, response) => response.writeHead(200, { 'content-length': 10 }).write('half'))
    const { answer, context } = world.run().ask({ url: origin })
    await answer
    await expect(readAll(context)).rejects.toMatchObject({
      name: 'TimeoutError',
      message: 'fetch timed out: 127.0.0.1 stopped in the middle of its answer',
    })
  })

  test('a connection that does not come about is a TimeoutError', async () => {
    await using world = new FetchWorld({ connectTimeoutMs: 50, resolve: () => new Promise(() => {}) })
    await expect(world.get({ url: 'http://slow.example/' })).rejects.toMatchObject({
      name: 'TimeoutError',
      message: 'fetch timed out: no connection to slow.example',
    })
  })

  test('a body that is cut off fails, after what came of it', async () => {
    await using world = new FetchWorld()
    const origin = await world.serve((_request, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('half')
      setTimeout(() => response.destroy(), 20)
    })
    const { answer, context } = world.run().ask({ url: origin })
    await answer
    const source = context.pipes.source(context.number)
    expect((await source?.read(100))?.toString()).toBe('half')
    await expect(source?.read(100)).rejects.toMatchObject({
      ...failure,
      message: expect.stringMatching(/closed the connection|broke off|another number/),
    })
  })
})

describe('redirects', () => {
  /** Answers `/status/target` with a redirect to `/target`, and everything else with what it was asked. */
  const redirecting: RequestListener = (request, response) => {
    const match = /^\/(30\d)(\/.*)$/.exec(request.url as string)
    if (match === null) return echo(request, response)
    request.resume()
    response.writeHead(Number(match[1]), { location: (match[2] as string).replace(/^\/to\//, '') }).end()
    return
  }

  test.each([
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [307, 'POST', 'POST', 'hi'],
    [308, 'PUT', 'PUT', 'hi'],
    [301, 'PUT', 'PUT', 'hi'],
  ])('%i after %s becomes %s', async (status, method, becomes, body) => {
    await using world = new FetchWorld()
    const origin = await world.serve(redirecting)
    const told = await world.get(
      { url: `${origin}/${status}/end`, method, headers: [['content-type', 'text/plain']], body: 'whole' },
      Buffer.from('hi'),
    )
    expect(told).toMatchObject({ status: 200, url: `${origin}/end`, redirected: true })
    expect(JSON.parse(told.text)).toMatchObject({ method: becomes, body })
    expect(JSON.parse(told.text).headers['content-type']).toBe(body === '' ? undefined : 'text/plain')
  })

  test('to another origin leave Authorization and Cookie behind, to the same one they do not', async () => {
    await using world = new FetchWorld()
    const there = await world.serve(echo)
    const here = await world.serve(redirecting)
    const headers = [
      ['authorization', 'Bearer x'],
      ['cookie', 'a=1'],
      ['x-other', 'stays'],
    ]
    const away = JSON.parse((await world.get({ url: `${here}/302/to/${there}/`, headers })).text).headers
    expect([away.authorization, away.cookie, away['x-other']]).toEqual([undefined, undefined, 'stays'])
    const near = JSON.parse((await world.get({ url: `${here}/302/end`, headers })).text).headers
    expect([near.authorization, near.cookie]).toEqual(['Bearer x', 'a=1'])
  })

  test('are an error or the answer, where the author wants that', async () => {
    await using world = new FetchWorld()
    const url = `${await world.serve(redirecting)}/302/end`
    await expect(world.get({ url, redirect: 'error' })).rejects.toMatchObject({ ...failure, message: expect.stringContaining('redirect is "error"') })
    const manual = await world.get({ url, redirect: 'manual' })
    expect(manual).toMatchObject({ status: 302, redirected: false, url })
    expect(header(manual, 'location')).toBe('/end')
  })

  test('without a Location, or with a status that only looks like one, are the answer', async () => {
    await using world = new FetchWorld()
    const origin = await world.serve((request, response) =>
      response.writeHead(request.url === '/302' ? 302 : 304, request.url === '/302' ? {} : { location: '/x' }).end(),
    )
    expect(await world.get({ url: `${origin}/302` })).toMatchObject({ status: 302 })
    expect(await world.get({ url: `${origin}/304` })).toMatchObject({ status: 304 })
  })

  test('end after twenty', async () => {
    await using world = new FetchWorld()
    let served = 0
    const origin = await world.serve((_request, response) => response.writeHead(302, { location: `/${++served}` }).end())
    await expect(world.get({ url: origin })).rejects.toMatchObject({ ...failure, message: 'fetch failed: more than 20 redirects' })
    expect(served).toBe(21)
  })

  test.each(['ftp://example.com/', 'http://a:b@127.0.0.1/', 'data:,x', 'http://[/'])('to %s are refused', async (location) => {
    await using world = new FetchWorld()
    const origin = await world.serve((_request, response) => response.writeHead(302, { location }).end())
    await expect(world.get({ url: origin })).rejects.toMatchObject(failure)
  })

  test('cannot send a stream twice, except as a request without a body', async () => {
    await using world = new FetchWorld()
    const origin = await world.serve(redirecting)
    const stream = async (status: number) => {
      const { answer, context } = world.run().ask({ url: `${origin}/${status}/end`, method: 'POST', body: 'stream' })
      const sink = context.pipes.sink(context.number)
      sink?.write(Buffer.from('hi')).catch(() => {})
      sink?.end().catch(() => {})
      return (await answer).value
    }
    await expect(stream(307)).rejects.toMatchObject({ ...failure, message: expect.stringContaining('a streamed body cannot be sent twice') })
    expect(await stream(303)).toMatchObject({ status: 200, redirected: true })
  })

  test('ask for a body again that the function has whole', async () => {
    await using world = new FetchWorld()
    const origin = await world.serve(redirecting)
    const ask = world.run().ask
    const send = async (args: object) => {
      const { answer, context } = ask({ method: 'POST', body: 'stream', length: 2, ...args })
      await context.pipes.sink(context.number)?.write(Buffer.from('hi'))
      context.pipes.sink(context.number)?.end()
      return await answer
    }
    const { resend } = (await send({ url: `${origin}/307/end` })).value
    expect(resend).toMatchObject({ url: `${origin}/end`, method: 'POST', followed: 1 })
    const last = await send({ ...resend })
    expect(last.value).toMatchObject({ status: 200, redirected: true })
    expect(JSON.parse(String(last.body))).toMatchObject({ method: 'POST', body: 'hi' })
    expect(JSON.parse(String(last.body)).headers['content-length']).toBe('2')
  })
})

describe('streams', () => {
  const PIECE = Buffer.alloc(65_536, 'x')

  test('an answer is taken no faster than it is read, and held in little memory', async () => {
    await using world = new FetchWorld()
    let sent = 0
    const origin = await world.serve(async (_request, response) => {
      for (; sent < 64 * 1024 * 1024; sent += PIECE.length) if (!response.write(PIECE)) await once(response, 'drain')
      response.end()
    })
    const { answer, context } = world.run().ask({ url: origin })
    await answer
    const source = context.pipes.source(context.number)
    let read = (await source?.read(65_536))?.length ?? 0
    // Until the server has stopped: its socket and ours are full.
    for (let before = -1; before !== sent; ) {
      before = sent
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    // What the two kernels hold of a loopback connection is some MiB.
    expect(sent - read).toBeLessThan(16 * 1024 * 1024)
    for (let piece = await source?.read(65_536); piece !== undefined; piece = await source?.read(65_536)) read += piece.length
    expect(read).toBe(64 * 1024 * 1024)
  })

  test('the head is there before the body', async () => {
    await using world = new FetchWorld()
    const parts: (() => void)[] = []
    const origin = await world.serve((_request, response) => {
      response.writeHead(200).flushHeaders()
      parts.push(
        () => response.write('one'),
        () => response.end('two'),
      )
    })
    const { answer, context } = world.run().ask({ url: origin })
    expect((await answer).value.done).toBeUndefined()
    const source = context.pipes.source(context.number)
    parts[0]?.()
    expect((await source?.read(9))?.toString()).toBe('one')
    parts[1]?.()
    expect((await source?.read(2))?.toString()).toBe('tw')
    expect((await source?.read(2))?.toString()).toBe('o')
    expect(await source?.read(2)).toBeUndefined()
  })

  test('an upload is taken no faster than the server takes it', async () => {
    await using world = new FetchWorld()
    let received = 0
    const reading = Promise.withResolvers<void>()
    const origin = await world.serve(async (request, response) => {
      await reading.promise
      for await (const piece of request) received += piece.length
      response.end(`${received}`)
    })
    const { answer, context } = world.run().ask({ url: origin, method: 'POST', body: 'stream' })
    const sink = context.pipes.sink(context.number)
    let written = 0
    const pumped = (async () => {
      for (; written < 64 * 1024 * 1024; written += PIECE.length) await sink?.write(PIECE)
      await sink?.end()
    })()
    for (let before = -1; before !== written || written === 0; ) {
      before = written
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(written).toBeLessThan(16 * 1024 * 1024)
    reading.resolve()
    await pumped
    expect((await answer).body?.toString()).toBe(`${64 * 1024 * 1024}`)
  })

  test('an answer may come while the upload goes on', async () => {
    await using world = new FetchWorld()
    const origin = await world.serve((request, response) => {
      request.on('data', (piece) => response.write(`got ${piece}`)).on('end', () => response.end())
    })
    const { answer, context } = world.run().ask({ url: origin, method: 'POST', body: 'stream' })
    const sink = context.pipes.sink(context.number)
    await sink?.write(Buffer.from('1'))
    await answer
    const source = context.pipes.source(context.number)
    expect((await source?.read(99))?.toString()).toBe('got 1')
    await sink?.write(Buffer.from('2'))
    expect((await source?.read(99))?.toString()).toBe('got 2')
    await sink?.end()
    expect(await source?.read(99)).toBeUndefined()
  })

  test('a server that answers without reading on stops the upload, and its answer is read', async () => {
    await using world = new FetchWorld()
    const origin = await world.serve((_request, response) => response.writeHead(413, { connection: 'close' }).end('too much'))
    const { answer, context } = world.run().ask({ url: origin, method: 'POST', body: 'stream' })
    const sink = context.pipes.sink(context.number)
    const pumped = (async () => {
      for (;;) await sink?.write(PIECE)
    })()
    await expect(pumped).rejects.toMatchObject({ message: 'Cannot send the body: the request is over' })
    const { value, body } = await answer
    expect([value.status, body?.toString()]).toEqual([413, 'too much'])
  })

  test('an upload that breaks off is no whole request to the server', async () => {
    await using world = new FetchWorld()
    const seen = Promise.withResolvers<string>()
    const origin = await world.serve((request) => {
      request
        .resume()
        .on('end', () => seen.resolve('whole'))
        .on('error', () => seen.resolve('broken'))
    })
    const { answer, context } = world.run().ask({ url: origin, method: 'POST', body: 'stream' })
    await context.pipes.sink(context.number)?.write(Buffer.from('half'))
    context.pipes.sink(context.number)?.abort()
    await expect(answer).rejects.toMatchObject({ ...failure, message: 'fetch failed: the request body broke off' })
    expect(await seen.promise).toBe('broken')
  })

  test('a guest that ignores the answers to its writes is refused, not held', async () => {
    await using world = new FetchWorld()
    const { context } = world.run().ask({ url: await world.serve(() => {}), method: 'POST', body: 'stream' })
    const sink = context.pipes.sink(context.number)
    const writes = await Promise.allSettled([...Array.from({ length: 40 }, () => sink?.write(PIECE)), sink?.abort()])
    expect(writes.some((write) => write.status === 'rejected' && /16 pieces are waiting/.test(write.reason.message))).toBe(true)
  })
})

describe('an end from outside', () => {
  test('closes the connection at once, before the head', async () => {
    await using world = new FetchWorld()
    const arrived = Promise.withResolvers<IncomingMessage>()
    const origin = await world.serve((request) => arrived.resolve(request))
    const { answer, abort } = world.run().ask({ url: origin })
    const closed = close(await arrived.promise)
    abort()
    await closed
    await expect(answer).rejects.toThrow()
  })

  test('closes the connection at once, in the middle of the answer', async () => {
    await using world = new FetchWorld()
    const arrived = Promise.withResolvers<IncomingMessage>()
    const origin = await world.serve((request, response) => {
      response.write('begun')
      arrived.resolve(request)
    })
    const run = world.run()
    const { answer } = run.ask({ url: origin })
    await answer
    const closed = close(await arrived.promise)
    run.pipes[Symbol.dispose]()
    await closed
  })

  test('closes the connection at once, in the middle of the upload', async () => {
    await using world = new FetchWorld()
    const arrived = Promise.withResolvers<IncomingMessage>()
    const origin = await world.serve((request) => arrived.resolve(request))
    const { answer, context, abort } = world.run().ask({ url: origin, method: 'POST', body: 'stream' })
    await context.pipes.sink(context.number)?.write(Buffer.from('half'))
    const closed = close(await arrived.promise)
    abort()
    await closed
    await expect(answer).rejects.toThrow()
  })

  test('reaches a request that waits for its turn', async () => {
    await using world = new FetchWorld()
    const origin = await world.serve(() => {})
    const run = world.run()
    const first = Array.from({ length: 16 }, () => run.ask({ url: origin }))
    const waiting = run.ask({ url: origin })
    waiting.abort()
    await expect(waiting.answer).rejects.toMatchObject({ name: expect.any(String) })
    for (const { abort } of first) abort()
    await Promise.allSettled(first.map(({ answer }) => answer))
  })
})

describe('connections', () => {
  const portOf: RequestListener = (request, response) => response.end(`${request.socket.remotePort}`)

  test('are kept for the tenant’s next request, and for nobody else’s', async () => {
    await using world = new FetchWorld()
    const url = await world.serve(portOf)
    const port = async (tenant: string) => String((await world.run(tenant).ask({ url }).answer).body)
    const first = await port('acme')
    expect(await port('acme')).toBe(first)
    const other = await port('globex')
    expect(other).not.toBe(first)
    expect(await port('globex')).toBe(other)
    expect(await port('acme')).toBe(first)
  })

  test('are sixteen for a tenant at most; others wait, and other tenants do not', async () => {
    await using world = new FetchWorld()
    const held: (() => void)[] = []
    const full = Promise.withResolvers<void>()
    const origin = await world.serve((request, response) => {
      if (request.url === '/quick') return void response.end('quick')
      held.push(() => response.end('done'))
      if (held.length === 16) full.resolve()
    })
    const run = world.run('acme')
    const asked = Array.from({ length: 20 }, () => run.ask({ url: origin }))
    await full.promise
    expect(String((await world.run('globex').ask({ url: `${origin}/quick` }).answer).body)).toBe('quick')
    expect(held.length).toBe(16)
    while (held.length > 0) {
      held.shift()?.()
      await Promise.race([...asked.map(({ answer }) => answer), new Promise((resolve) => setImmediate(resolve))])
      await new Promise((resolve) => setImmediate(resolve))
    }
    const all = Promise.all(asked.map(({ answer }) => answer))
    const release = setInterval(() => held.shift()?.(), 5)
    await all
    clearInterval(release)
    expect(world.connections.size).toBeLessThanOrEqual(17)
  })

  test('to many origins make room for each other', async () => {
    await using world = new FetchWorld()
    const origins = await Promise.all(Array.from({ length: 20 }, () => world.serve(portOf)))
    const run = world.run()
    for (const url of origins) await run.ask({ url }).answer
    expect(world.connections.size).toBeLessThanOrEqual(17)
  })

  test('that the other side has closed meanwhile are replaced without a word', async () => {
    await using world = new FetchWorld()
    let requests = 0
    const origin = await world.serveTcp((socket) => {
      let mine = 0
      socket.on('data', () => {
        requests++
        // It hangs up on its second request, as a server does whose patience has just ended.
        if (++mine === 2) socket.destroy()
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      })
    })
    const run = world.run()
    for (let at = 0; at < 3; at++) expect(String((await run.ask({ url: origin }).answer).body)).toBe('ok')
    expect(requests).toBeGreaterThan(3)
    expect(run.spent.subrequests).toBe(3)
  })

  test('are closed with the operation', async () => {
    await using world = new FetchWorld()
    const arrived = Promise.withResolvers<IncomingMessage>()
    const origin = await world.serve((request, response) => {
      arrived.resolve(request)
      response.end('ok')
    })
    await world.get({ url: origin })
    const closed = close(await arrived.promise)
    world.operation[Symbol.dispose]()
    await closed
  })
})

test(`an invocation makes ${MAX_SUBREQUESTS} requests, redirects included, and is told so at the next`, async () => {
  await using world = new FetchWorld()
  const origin = await world.serve((request, response) => {
    if (request.url === '/again') response.writeHead(302, { location: '/end' }).end()
    else response.end('ok')
  })
  const run = world.run()
  for (let at = 0; at < MAX_SUBREQUESTS - 1; at++) await run.ask({ url: origin }).answer
  await expect(run.ask({ url: `${origin}/again` }).answer).rejects.toMatchObject({
    ...failure,
    message: `fetch failed: this invocation has made ${MAX_SUBREQUESTS} requests, redirects and calls of other functions included, which is all it may make (fixed for all functions)`,
  })
  expect(run.spent.subrequests).toBe(MAX_SUBREQUESTS)
})
