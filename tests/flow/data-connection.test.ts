import { once } from 'node:events'
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { MAX_BUFFERED_BODY_BYTES, MAX_INLINE_BODY_BYTES, MAX_STREAMED_BODY_BYTES } from '../../runtime/contract/limits.ts'
import type { ReplyHead } from '../../runtime/contract/messages.ts'
import { type GatewayAlone, startGatewayAlone } from './gateway-alone.ts'
import type { ScriptedRun } from './scripted-worker.ts'

let gateway: GatewayAlone
beforeAll(async () => {
  gateway = await startGatewayAlone()
})
afterAll(async () => void (await gateway[Symbol.asyncDispose]()))
afterEach(() => expect(gateway.worker.errors.splice(0)).toEqual([]))

const OK = { kind: 'http', status: 200, headers: [['content-type', 'text/plain']] } as const satisfies ReplyHead
const STREAM: ReplyHead = { ...OK, stream: {} }
const KIB_64 = Buffer.alloc(64 * 1024, 'x')

/** A call on a connection of its own; resolves with its head. */
function open(path: string, { body, ...options }: RequestOptions & { body?: Buffer | string } = {}) {
  const sent = request(gateway.url + path, { agent: false, ...options })
  const answer = Promise.withResolvers<IncomingMessage>()
  sent.on('response', answer.resolve).on('error', answer.reject)
  answer.promise.catch(() => {})
  if (body !== undefined) sent.end(body)
  else if (options.method === undefined || options.method === 'HEAD') sent.end()
  return { sent, answer: answer.promise }
}

async function call(path: string, options?: Parameters<typeof open>[1]) {
  const answer = await open(path, options).answer
  return {
    status: answer.statusCode,
    headers: answer.headers,
    trailers: answer.trailers,
    text: await text(answer),
    rawTrailers: answer.rawTrailers,
    answer,
  }
}

function rpc(name: string, body: string) {
  return call(`/v1/functions/${name}/invocations`, { method: 'POST', body, headers: { authorization: `Bearer ${gateway.key}` } })
}

const cut = (answer: IncomingMessage): Promise<unknown> => expect(text(answer)).rejects.toThrow(/aborted/)

describe('a streamed reply', () => {
  test('has its head as soon as the function gave it, and its pieces as they come', async () => {
    const step = Promise.withResolvers<void>()
    await gateway.deploy('steps', async (run) => {
      const { outgoing, finished } = await run.reply(STREAM, { start: 'cold' })
      await step.promise
      outgoing.end('body')
      await finished
      run.settle()
    })
    const answer = await open('/fn/default/steps').answer
    expect(answer.statusCode).toBe(200)
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain',
      'transfer-encoding': 'chunked',
      'isolane-invocation-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'isolane-version': '1',
      'isolane-start': 'cold',
      trailer: 'Isolane-Outcome, Isolane-Billed-Ms',
    })
    expect(answer.headers).not.toHaveProperty('isolane-outcome')
    expect(answer.headers['content-security-policy']).toContain('sandbox')
    step.resolve()
    expect(await text(answer)).toBe('body')
    expect(answer.trailers).toEqual({ 'isolane-outcome': 'returned', 'isolane-billed-ms': '7' })
  })

  test('of known length says its length, and has no trailers', async () => {
    await gateway.deploy('measured', async (run) => {
      const { outgoing } = await run.reply({ ...OK, stream: { length: 5 } })
      outgoing.end('12345')
      await run.aborted
    })
    const { headers, text, trailers } = await call('/fn/default/measured')
    expect([headers['content-length'], text, trailers]).toEqual(['5', '12345', {}])
    expect(headers).not.toHaveProperty('trailer')
  })

  test.each([
    ['less', '1234'],
    ['more', '123456'],
  ])('with %s bytes than it announced is cut', async (how, body) => {
    await gateway.deploy(`wrong-${how}`, async (run) => {
      const { outgoing, finished } = await run.reply({ ...OK, stream: { length: 5 } })
      outgoing.end(body)
      await finished.catch(() => {})
      await run.aborted
      run.settle({ kind: 'cancelled' })
    })
    await cut(await open(`/fn/default/wrong-${how}`).answer)
  })

  test('whose data connection is cut is cut, never ended cleanly', async () => {
    const seen = Promise.withResolvers<void>()
    await gateway.deploy('breaks', async (run) => {
      const { outgoing } = await run.reply(STREAM)
      outgoing.write('half')
      await seen.promise
      outgoing.destroy()
      run.settle({ kind: 'lost', reason: 'its cell died', started: 'replied' })
    })
    const answer = await open('/fn/default/breaks').answer
    answer.once('data', () => seen.resolve())
    await expect(once(answer, 'end')).rejects.toThrow(/aborted/)
  })

  test('that did not return in the end is cut, though its bytes were whole', async () => {
    await gateway.deploy('too-long', async (run) => {
      const { outgoing, finished } = await run.reply(STREAM)
      outgoing.end('all of it')
      await finished
      run.settle({ kind: 'exceeded', limit: 'cpu', allowed: 100, unit: 'ms', phase: 'run' })
    })
    await cut(await open('/fn/default/too-long').answer)
  })

  test('of an invocation that goes on ends with its bytes', async () => {
    const ended = Promise.withResolvers<void>()
    await gateway.deploy('goes-on', async (run) => {
      const { outgoing } = await run.reply(OK, { open: true })
      outgoing.end('short')
      await ended.promise
      run.settle()
    })
    const { text, trailers } = await call('/fn/default/goes-on')
    expect([text, trailers]).toEqual(['short', {}])
    ended.resolve()
  })

  test('the lane’s word may be faster than the reply', async () => {
    await gateway.deploy('overtaken', async (run) => {
      run.settle()
      // As if the connection for it took its time.
      await new Promise((resolve) => setTimeout(resolve, 50))
      const { outgoing } = await run.reply(STREAM)
      outgoing.end('late')
    })
    const { text, trailers } = await call('/fn/default/overtaken')
    expect([text, trailers]).toEqual(['late', { 'isolane-outcome': 'returned', 'isolane-billed-ms': '7' }])
  })

  test.each([
    ['HEAD', '/fn/default/bodiless', STREAM],
    ['GET', '/fn/default/bodiless', { ...STREAM, status: 304 }],
    ['GET', '/fn/default/bodiless', { ...STREAM, status: 204 }],
  ] as const)('to a %s (%s, %o) has no body, and its sender is let go', async (method, path, head) => {
    const done = Promise.withResolvers<void>()
    await gateway.deploy('bodiless', async (run) => {
      const { outgoing, finished } = await run.reply(head)
      outgoing.write(KIB_64)
      await finished
      outgoing.end()
      done.resolve()
      run.settle()
    })
    const { status, text } = await call(path, { method, ...(method === 'GET' ? { body: '' } : {}) })
    expect([status, text]).toEqual([head.status, ''])
    await done.promise
  })

  test('of the rpc door is JSON', async () => {
    await gateway.deploy('list', async (run) => {
      const { outgoing } = await run.reply({ kind: 'json', stream: { length: 3 } })
      outgoing.end('[1]')
      run.settle()
    })
    const { headers, text } = await rpc('list', 'null')
    expect([headers['content-type'], text]).toEqual(['application/json', '[1]'])
  })

  test('that HTTP cannot carry is 502, and its sender is cut off', async () => {
    await gateway.deploy('odd', async (run) => {
      const { finished } = await run.reply({ kind: 'http', status: 99, headers: [] })
      await expect(finished).rejects.toThrow()
      await run.aborted
      run.settle({ kind: 'cancelled' })
    })
    const { status, text } = await call('/fn/default/odd')
    expect([status, JSON.parse(text).code]).toEqual([502, 'bad_reply'])
  })

  test('passes through byte for byte, 50 MB of it', async () => {
    const pieces = 800
    await gateway.deploy('large', async (run) => {
      const { outgoing, finished } = await run.reply(STREAM)
      for (let n = 0; n < pieces; n++) if (!outgoing.write(Buffer.alloc(KIB_64.length, n % 251))) await once(outgoing, 'drain')
      outgoing.end()
      await finished
      run.settle()
    })
    const answer = await open('/fn/default/large').answer
    let at = 0
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      for (let i = 0; i < chunk.length; i += 4_093)
        if (chunk[i] !== Math.floor((at + i) / KIB_64.length) % 251) throw new Error(`Wrong byte at ${at + i}`)
      at += chunk.length
    }
    expect(at).toBe(pieces * KIB_64.length)
  })

  test('stops at its source while nobody reads it', async () => {
    let sent = 0
    let stalled: Promise<unknown> = Promise.resolve()
    const full = Promise.withResolvers<void>()
    await gateway.deploy('endless', async (run) => {
      const { outgoing, finished } = await run.reply(STREAM)
      finished.catch(() => {})
      let over = false
      void run.aborted.then(() => (over = true))
      while (!over) {
        sent += KIB_64.length
        if (outgoing.write(KIB_64)) continue
        stalled = once(outgoing, 'drain').catch(() => {})
        const quick = await Promise.race([stalled.then(() => true), new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 500))])
        if (quick) continue
        full.resolve()
        await Promise.race([stalled, run.aborted])
      }
      run.settle({ kind: 'cancelled' })
    })
    const { sent: client, answer } = open('/fn/default/endless')
    const reply = await answer
    reply.pause()
    await full.promise
    const stoodAt = sent
    // What both kernels' buffers hold, and a little.
    expect(stoodAt).toBeLessThan(24 * 1024 * 1024)
    reply.resume()
    while (sent < 2 * stoodAt) await once(reply, 'data')
    client.destroy()
  })
})

describe('a request body', () => {
  const echo = async (run: ScriptedRun): Promise<void> => {
    const seen = { stream: (run.event as { stream?: object }).stream ?? null, inline: run.body.length }
    const body = seen.stream === null ? run.body : Buffer.concat(await (await run.request()).toArray())
    run.settle(
      { kind: 'returned' },
      { kind: 'json' },
      JSON.stringify({ ...seen, bytes: body.length, first: body[0] ?? null, last: body.at(-1) ?? null }),
    )
  }

  test.each([
    [0, {}],
    [MAX_INLINE_BODY_BYTES, {}],
    [MAX_INLINE_BODY_BYTES, { 'transfer-encoding': 'chunked' }],
  ])('of %i bytes %o goes through the lane', async (bytes, headers) => {
    await gateway.deploy('echo', echo)
    const { text } = await call('/fn/default/echo', { method: 'POST', body: Buffer.alloc(bytes, 7), headers })
    expect(JSON.parse(text)).toMatchObject({ stream: null, inline: bytes, bytes })
  })

  test.each([
    ['with its length', {}, { length: 3_000_000 }],
    ['without its length', { 'transfer-encoding': 'chunked' }, {}],
  ])('that is larger is pulled by the worker, %s', async (_, headers, stream) => {
    await gateway.deploy('echo', echo)
    const { text } = await call('/fn/default/echo', { method: 'POST', body: Buffer.alloc(3_000_000, 7), headers })
    expect(JSON.parse(text)).toEqual({ stream, inline: 0, bytes: 3_000_000, first: 7, last: 7 })
  })

  test('is read no faster than the function reads', async () => {
    const stands = Promise.withResolvers<void>()
    await gateway.deploy('slow-reader', async (run) => {
      const source = await run.request()
      source.pause()
      await stands.promise
      let bytes = 0
      for await (const chunk of source) bytes += chunk.length
      run.settle({ kind: 'returned' }, { kind: 'json' }, String(bytes))
    })
    const { sent, answer } = open('/fn/default/slow-reader', { method: 'POST' })
    let bytes = 0
    for (;;) {
      bytes += KIB_64.length
      if (sent.write(KIB_64)) continue
      const drained = once(sent, 'drain')
      const quick = await Promise.race([drained.then(() => true), new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 500))])
      if (quick) continue
      stands.resolve()
      await drained
      break
    }
    expect(bytes).toBeLessThan(24 * 1024 * 1024)
    sent.end()
    expect(await text(await answer)).toBe(String(bytes))
  })

  test('over 64 KiB is held whole for a style that does not stream, up to 6 MiB', async () => {
    await gateway.deploy('eventful', echo, 'event')
    const { text } = await call('/fn/default/eventful', { method: 'POST', body: Buffer.alloc(MAX_BUFFERED_BODY_BYTES, 7) })
    expect(JSON.parse(text)).toEqual({ stream: { length: MAX_BUFFERED_BODY_BYTES }, inline: 0, bytes: MAX_BUFFERED_BODY_BYTES, first: 7, last: 7 })
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
      const refused = await call('/fn/default/eventful', { method: 'POST', body: Buffer.alloc(MAX_BUFFERED_BODY_BYTES + 1), headers })
      expect([refused.status, JSON.parse(refused.text)]).toEqual([413, expect.objectContaining({ maxBytes: MAX_BUFFERED_BODY_BYTES })])
    }
  })

  test('of the rpc door is checked whole, and pulled when it is large', async () => {
    await gateway.deploy('echo', echo)
    const value = JSON.stringify('x'.repeat(100_000))
    expect(JSON.parse((await rpc('echo', value)).text)).toMatchObject({ stream: { length: value.length }, bytes: value.length })
    const broken = await rpc('echo', value.slice(0, -1))
    expect([broken.status, JSON.parse(broken.text).code]).toEqual([400, 'json_invalid'])
    expect((await rpc('echo', JSON.stringify('x'.repeat(MAX_BUFFERED_BODY_BYTES)))).status).toBe(413)
  })

  test('that announces more than 200 MiB is refused; one that turns out to be more is cut', async () => {
    const { sent, answer } = open('/fn/default/echo', { method: 'POST', headers: { 'content-length': MAX_STREAMED_BODY_BYTES + 1 } })
    sent.flushHeaders()
    expect((await answer).statusCode).toBe(413)
    sent.destroy()
    await gateway.deploy('counts', async (run) => {
      let bytes = 0
      try {
        for await (const chunk of await run.request()) bytes += chunk.length
        run.settle({ kind: 'returned' }, { kind: 'json' }, '"whole"')
      } catch {
        run.settle({ kind: 'returned' }, { kind: 'json' }, String(bytes))
      }
    })
    const endless = open('/fn/default/counts', { method: 'POST' })
    endless.sent.on('error', () => {})
    const answered = endless.answer.then(text)
    let over = false
    void answered.finally(() => (over = true))
    for (let bytes = 0; bytes <= MAX_STREAMED_BODY_BYTES && !over; bytes += 4 * KIB_64.length) {
      if (!endless.sent.write(Buffer.alloc(4 * KIB_64.length))) await Promise.race([once(endless.sent, 'drain'), answered])
    }
    expect(Number(await answered)).toBeLessThanOrEqual(MAX_STREAMED_BODY_BYTES)
    expect(Number(await answered)).toBeGreaterThan(MAX_STREAMED_BODY_BYTES - 64 * KIB_64.length)
    endless.sent.destroy()
  })

  test('that the caller cuts is cut for the function, and its invocation ended', async () => {
    const failed = Promise.withResolvers<Error>()
    const reading = Promise.withResolvers<void>()
    await gateway.deploy('half', async (run) => {
      const source = await run.request()
      source.once('data', () => reading.resolve())
      source.on('error', failed.resolve)
      await run.aborted
      run.settle({ kind: 'cancelled' })
    })
    const { sent } = open('/fn/default/half', { method: 'POST', headers: { 'content-length': 1_000_000 } })
    sent.on('error', () => {})
    sent.write(KIB_64)
    await reading.promise
    sent.destroy()
    expect((await failed.promise).message).toMatch(/aborted/)
  })

  test('that nobody pulled does not keep a caller from its answer, nor from its next call on the same connection', async () => {
    await gateway.deploy('deaf', async (run) => run.settle({ kind: 'returned' }, { ...OK }, 'heard nothing'))
    const { Agent } = await import('node:http')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      const ports = new Set<number>()
      for (let n = 0; n < 3; n++) {
        const { sent, answer } = open('/fn/default/deaf', { agent, method: 'POST', headers: { 'content-length': 20_000_000 } })
        sent.on('socket', (socket) => socket.once('connect', () => ports.add(socket.localPort as number)))
        sent.end(Buffer.alloc(20_000_000))
        expect(await text(await answer)).toBe('heard nothing')
        await once(sent, 'close')
      }
      expect(ports.size).toBe(1)
    } finally {
      agent.destroy()
    }
  })

  test.each([
    ['a function that reads nothing', 'POST /fn/default/deaf', 'content-length: 20000000', 200],
    ['a function it is too large for', 'POST /fn/default/eventful', 'content-length: 20000000', 413],
    ['the same, without its length', 'POST /fn/default/eventful', 'transfer-encoding: chunked', 413],
    ['a deploy it is too large for', 'PUT /v1/functions/eventful', 'content-length: 20000000', 413],
    ['the same, without its length', 'PUT /v1/functions/eventful', 'transfer-encoding: chunked', 413],
  ])('is taken to its end before the connection is closed, for %s (%s, %s)', async (_, call, framing, status) => {
    await gateway.deploy('deaf', async (run) => run.settle({ kind: 'returned' }, { ...OK }, 'heard nothing'))
    await gateway.deploy('eventful', echo, 'event')
    const { hostname, port } = new URL(gateway.url)
    const socket = connect(Number(port), hostname)
    const write = (bytes: Buffer | string): Promise<void> =>
      new Promise((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve())))
    const head = [`${call} HTTP/1.1`, 'host: x', 'connection: close', `authorization: Bearer ${gateway.key}`, framing]
    await write(`${head.join('\r\n')}\r\n\r\n`)
    // A caller who looks at the answer only when he has sent everything.
    const chunked = framing.endsWith('chunked')
    for (let sent = 0; sent < 20; sent++) {
      await write(chunked ? Buffer.concat([Buffer.from('f4240\r\n'), Buffer.alloc(1_000_000), Buffer.from('\r\n')]) : Buffer.alloc(1_000_000))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    if (chunked) await write('0\r\n\r\n')
    expect((await text(socket)).slice(0, 12)).toBe(`HTTP/1.1 ${status}`)
  })

  test('may be read on after the answer, but not begun', async () => {
    const answered = Promise.withResolvers<void>()
    const read = Promise.withResolvers<number>()
    const late = Promise.withResolvers<unknown>()
    const reply = async (run: ScriptedRun): Promise<void> => {
      const { outgoing, finished } = await run.reply(OK, { open: true })
      outgoing.end('answer')
      await finished
      await answered.promise
    }
    await gateway.deploy('reads-on', async (run) => {
      const source = await run.request()
      await reply(run)
      read.resolve((await source.toArray()).reduce((sum: number, piece: Buffer) => sum + piece.length, 0))
      run.settle()
    })
    await gateway.deploy('reads-late', async (run) => {
      await reply(run)
      late.resolve(
        await run
          .request()
          .then((source) => source.toArray())
          .catch((error: Error) => error.message),
      )
      run.settle()
    })
    const options = { method: 'POST', body: Buffer.alloc(3_000_000), headers: { 'transfer-encoding': 'chunked' } }
    expect((await call('/fn/default/reads-on', options)).text).toBe('answer')
    expect((await call('/fn/default/reads-late', options)).text).toBe('answer')
    answered.resolve()
    expect(await read.promise).toBe(3_000_000)
    expect(await late.promise).toContain('409')
  })

  test('is given to one reader, once; and to nobody after the end', async () => {
    const after = Promise.withResolvers<ScriptedRun>()
    await gateway.deploy('twice', async (run) => {
      const source = await run.request()
      await expect(run.request()).rejects.toThrow('409')
      source.resume()
      await once(source, 'end')
      run.settle({ kind: 'returned' }, OK, 'done')
      after.resolve(run)
    })
    expect((await call('/fn/default/twice', { method: 'POST', body: Buffer.alloc(100_000) })).text).toBe('done')
    await expect((await after.promise).request()).rejects.toThrow('404')
  })
})

describe('a caller who leaves', () => {
  test('while it runs: its worker is told at once', async () => {
    const started = Promise.withResolvers<void>()
    const told = Promise.withResolvers<number>()
    await gateway.deploy('abandoned', async (run) => {
      started.resolve()
      await run.aborted
      told.resolve(performance.now())
      run.settle({ kind: 'cancelled' })
    })
    const { sent } = open('/fn/default/abandoned')
    sent.on('error', () => {})
    await started.promise
    const left = performance.now()
    sent.destroy()
    expect((await told.promise) - left).toBeLessThan(100)
  })

  test('in the middle of a stream: the data connection is cut, and the worker is told', async () => {
    const told = Promise.withResolvers<void>()
    await gateway.deploy('abandoned-stream', async (run) => {
      const { outgoing, finished } = await run.reply(STREAM)
      outgoing.write('first')
      await expect(finished).rejects.toThrow()
      await run.aborted
      run.settle({ kind: 'cancelled' })
      told.resolve()
    })
    const { sent, answer } = open('/fn/default/abandoned-stream')
    await once(await answer, 'data')
    sent.destroy()
    await told.promise
  })

  test('of what goes on beyond its reply does not end that', async () => {
    const end = Promise.withResolvers<void>()
    const cutOff = Promise.withResolvers<void>()
    let aborted = false
    await gateway.deploy('waits-until', async (run) => {
      void run.aborted.then(() => (aborted = true))
      const { outgoing, finished } = await run.reply(STREAM, { open: true })
      outgoing.write('first')
      await finished.catch(() => cutOff.resolve())
      await end.promise
      run.settle()
    })
    const { sent, answer } = open('/fn/default/waits-until')
    await once(await answer, 'data')
    sent.destroy()
    await cutOff.promise
    // A cancel would have come with the cut: the next word of the lane comes after it.
    await gateway.deploy('next', async (run) => run.settle({ kind: 'returned' }, OK, 'next'))
    await call('/fn/default/next')
    expect(aborted).toBe(false)
    end.resolve()
  })

  test('after its answer ends nothing', async () => {
    await gateway.deploy('quick', async (run) => run.settle({ kind: 'returned' }, OK, 'quick'))
    const records = async (): Promise<string[]> => {
      const redis = new Redis(gateway.redisUrl)
      try {
        return (await redis.xrange('{main}:usage', '-', '+')).flatMap(([, fields]) => fields.filter((_, i) => i % 2 === 1))
      } finally {
        redis.disconnect()
      }
    }
    const before = (await records()).length
    expect((await call('/fn/default/quick')).text).toBe('quick')
    expect((await records()).slice(before).map((text) => JSON.parse(text).outcome)).toEqual(['returned'])
  })
})

describe('the data server', () => {
  async function address(): Promise<{ socketPath: string; secret: string; machine: string }> {
    const redis = new Redis(gateway.redisUrl)
    try {
      const [key] = await redis.keys('{main}:data:*')
      expect(await redis.pttl(key as string)).toBeGreaterThan(20_000)
      return JSON.parse((await redis.get(key as string)) as string)
    } finally {
      redis.disconnect()
    }
  }

  test.each([undefined, 'Bearer ', 'Bearer nonsense'])('answers 401 to the bearer %s', async (authorization) => {
    const { socketPath } = await address()
    const sent = request({ socketPath, path: '/invocations/x/1/request', headers: authorization === undefined ? {} : { authorization } }).end()
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    expect(answer.statusCode).toBe(401)
    answer.resume()
  })

  test('refuses a reply head that is too long, before it has read it', async () => {
    await gateway.deploy('headstrong', async (run) => {
      const { finished } = await run.reply({ kind: 'http', status: 200, headers: [['x', 'y'.repeat(100_000)]] })
      await expect(finished).rejects.toThrow()
      run.settle({ kind: 'returned' }, OK, 'by the lane')
    })
    expect((await call('/fn/default/headstrong')).text).toBe('by the lane')
  })

  test('takes one reply for each invocation, and none for one that is over', async () => {
    const after = Promise.withResolvers<ScriptedRun>()
    await gateway.deploy('one-reply', async (run) => {
      const { outgoing, finished } = await run.reply(STREAM)
      const second = await run.reply(STREAM)
      await expect(second.finished).rejects.toThrow()
      outgoing.end('first')
      await finished
      run.settle()
      after.resolve(run)
    })
    expect((await call('/fn/default/one-reply')).text).toBe('first')
    const { finished } = await (await after.promise).reply(STREAM)
    await expect(finished).rejects.toThrow()
  })

  test('is on this machine alone unless workers may be elsewhere', async () => {
    expect(await address()).not.toHaveProperty('tcp')
  })
})
