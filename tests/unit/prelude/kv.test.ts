import { describe, expect, test } from 'vitest'
import { MAX_KV_VALUE_BYTES } from '../../../runtime/contract/kv.ts'
import { MAX_CHUNK_BYTES } from '../../../runtime/contract/messages.ts'
import { HostError, type HostOperation } from '../../../runtime/host/operation.ts'
import { evaluate, Sandbox, VARIANTS } from './sandbox.ts'

interface Asked {
  readonly op: string
  readonly args: Record<string, unknown>
  readonly bytes: Buffer
}

/** As much of the host's side as the guest's can tell: everything in a Map, every request written down. */
class MemoryKv {
  readonly asked: Asked[] = []
  readonly #records = new Map<string, { bytes: Buffer; metadata?: string; expiration?: number }>()
  /** Refuses puts in these words. */
  refusal: HostError | undefined

  readonly operations: readonly (readonly [string, HostOperation])[] = [
    [
      'kv.get',
      async (args, _body, { pipes, number }) => {
        const { scope, key } = this.#note('kv.get', args)
        const found = this.#records.get(`${scope} ${key}`)
        if (found === undefined) return { value: null }
        const { bytes, metadata } = found
        const value = { size: bytes.length, ...(metadata === undefined ? {} : { metadata }) }
        if (bytes.length <= MAX_CHUNK_BYTES) return { value, body: bytes }
        let at = 0
        pipes.addSource(number, {
          async read(maxBytes) {
            const piece = bytes.subarray(at, at + maxBytes)
            at += piece.length
            return piece.length === 0 ? undefined : piece
          },
          cancel: () => {},
        })
        return { value }
      },
    ],
    [
      'kv.put',
      async (args, body, { pipes, number }) => {
        const { scope, key, stream, metadata } = this.#note('kv.put', args, body)
        if (this.refusal !== undefined) throw this.refusal
        const parts = [body]
        if (stream === true) {
          const ended = Promise.withResolvers<void>()
          const aborted = new HostError('AbortError', 'given up')
          pipes.addSink(number, {
            write: async (piece) => void parts.push(piece),
            end: async () => ended.resolve(),
            abort: () => ended.reject(aborted),
          })
          await ended.promise
        }
        this.#records.set(`${scope} ${key}`, { bytes: Buffer.concat(parts), ...(metadata === undefined ? {} : { metadata: String(metadata) }) })
        return {}
      },
    ],
    [
      'kv.delete',
      async (args) => {
        const { scope, key } = this.#note('kv.delete', args)
        this.#records.delete(`${scope} ${key}`)
        return {}
      },
    ],
    [
      'kv.list',
      async (args) => {
        const { scope, prefix, limit, cursor } = this.#note('kv.list', args)
        const names = [...this.#records.keys()].filter((name) => name.startsWith(`${scope} ${prefix}`)).sort()
        const from = cursor === undefined ? 0 : Number(cursor)
        const keys = names.slice(from, from + Number(limit)).map((name) => {
          const metadata = this.#records.get(name)?.metadata
          return { name: name.slice(`${scope} `.length), ...(metadata === undefined ? {} : { metadata, expiration: 1_800_000_000 }) }
        })
        return { value: { keys, ...(from + keys.length < names.length ? { cursor: String(from + keys.length) } : {}) } }
      },
    ],
  ]

  #note(op: string, args: unknown, bytes: Buffer = Buffer.alloc(0)): Record<string, unknown> {
    this.asked.push({ op, args: args as Record<string, unknown>, bytes })
    return args as Record<string, unknown>
  }
}

async function run(body: string, kv = new MemoryKv(), variant: (typeof VARIANTS)[number] = 'snapshot'): Promise<unknown> {
  using sandbox = new Sandbox(
    `const told = async (f) => { try { return await f() } catch (e) { return [e.name, e.message] } }
     export default async (event, { env }) => { const { KV } = env; ${body} }`,
    { operations: kv.operations, variant },
  )
  if (sandbox.loadError !== undefined) throw new Error(JSON.stringify(sandbox.loadError))
  const answer = await sandbox.ask()
  if (answer.kind === 'failed') throw new Error(`${answer.error.name}: ${answer.error.message}\n${answer.error.stack}`)
  expect(sandbox.rejections).toEqual([])
  return JSON.parse(answer.body)
}

describe.each(VARIANTS)('from %s', (variant) => {
  test('what is put comes back as text, JSON, bytes and a stream', async () => {
    const found = await run(
      `await KV.put('k', JSON.stringify({ a: 'ü' }))
       return [await KV.get('k'), await KV.get('k', 'text'), await KV.get('k', 'json'), await KV.get('k', { type: 'json', cacheTtl: 60 }),
         new TextDecoder().decode(await KV.get('k', 'arrayBuffer')), await new Response(await KV.get('k', { type: 'stream' })).text(), await KV.get('missing'), await KV.get('missing', 'stream')]`,
      new MemoryKv(),
      variant,
    )
    expect(found).toEqual(['{"a":"ü"}', '{"a":"ü"}', { a: 'ü' }, { a: 'ü' }, '{"a":"ü"}', '{"a":"ü"}', null, null])
  })
})

describe('every style gets it', () => {
  test.each([
    [
      'fetch',
      `export default { async fetch(r, env, ctx) { await env.KV.put('k', 'v'); return new Response(String(env === ctx.env && await ctx.env.KV.get('k'))) } }`,
      'v',
    ],
    ['event', `export default async (e, ctx) => { await ctx.env.KV.put('k', 'v'); return await ctx.env.KV.get('k') }`, '"v"'],
    ['lambda', `export const handler = async (e, ctx) => { await ctx.env.KV.put('k', 'v'); return await ctx.env.KV.get('k') }`, '"v"'],
  ])('%s', async (style, source, body) => {
    using sandbox = new Sandbox(source, { operations: new MemoryKv().operations, env: { A: '1' } })
    expect(sandbox.loaded?.style).toBe(style)
    expect(await sandbox.ask()).toMatchObject({ body })
  })

  test('it cannot be replaced, made by hand or found as a global; a copy of env has it', () => {
    expect(
      evaluate(
        `'use strict'; const { env } = ctx; const { KV } = env
         const tries = [() => { env.KV = 1 }, () => { KV.tenant = 1 }, () => { KV.x = 1 }, () => { KV.tenant.x = 1 }, () => new KV.constructor(), () => new KV.constructor({ __proto__: null }, 'tenant')]
         return [tries.map((f) => { try { f(); return 'done' } catch (e) { return e.name } }), typeof KVNamespace, { ...env }.KV === KV, KV.constructor.name]`,
        { env: { A: '1' } },
      ),
    ).toEqual([Array(6).fill('TypeError'), 'undefined', true, 'KVNamespace'])
  })
})

describe('values', () => {
  test('text, buffers, views, blobs and streams are all put; later changes to a buffer change nothing', async () => {
    expect(
      await run(
        `const bytes = new Uint8Array([1, 2, 3, 4, 5])
         const puts = [KV.put('view', new DataView(bytes.buffer, 1, 2)), KV.put('sub', bytes.subarray(3)), KV.put('buffer', bytes.buffer), KV.put('blob', new Blob(['ab', 'c'])), KV.put('empty', ''),
           KV.put('stream', new ReadableStream({ start(c) { c.enqueue(bytes.slice(0, 2)); c.enqueue(new Uint8Array(0)); c.enqueue(bytes.slice(2)); c.close() } })),
           KV.put('body', new Response('from a body').body)]
         bytes.fill(9)
         await Promise.all(puts)
         const read = async (k) => [...new Uint8Array(await KV.get(k, 'arrayBuffer'))]
         return [await read('view'), await read('sub'), await read('buffer'), await KV.get('blob'), await KV.get('empty'), (await read('empty')).length, await read('stream'), await KV.get('body')]`,
      ),
    ).toEqual([[2, 3], [4, 5], [1, 2, 3, 4, 5], 'abc', '', 0, [1, 2, 3, 4, 5], 'from a body'])
  })

  test.each([MAX_CHUNK_BYTES, MAX_CHUNK_BYTES + 1, MAX_KV_VALUE_BYTES])('%i bytes, as bytes, text and stream', async (size) => {
    expect(
      await run(
        `const bytes = new Uint8Array(${size}).map((_, i) => i * 7), text = 'x'.repeat(${size})
         await KV.put('b', bytes); await KV.put('t', text); await KV.put('s', new Blob([bytes]).stream())
         const same = (a) => a.byteLength === bytes.length && new Uint8Array(a).every((v, i) => v === bytes[i])
         return [same(await KV.get('b', 'arrayBuffer')), await KV.get('t') === text, same(await KV.get('s', 'arrayBuffer')), same(await new Response(await KV.get('b', 'stream')).arrayBuffer())]`,
      ),
    ).toEqual([true, true, true, true])
  })

  test('many at once may carry more than one slice may send: they take several', async () => {
    const kv = new MemoryKv()
    expect(
      await run(
        `const sizes = [...Array(30).fill(60000), ...Array(10).fill(200000)], at = (i) => 'k' + i
         await Promise.all(sizes.map((size, i) => KV.put(at(i), 'x'.repeat(size))))
         const found = await Promise.all(sizes.map((_, i) => KV.get(at(i))))
         return found.every((text, i) => text.length === sizes[i])`,
        kv,
      ),
    ).toBe(true)
    expect(kv.asked.filter(({ op }) => op === 'kv.put')).toHaveLength(40)
  })

  test('a byte order mark and lone surrogates: what UTF-8 can say comes back as it was', async () => {
    expect(await run(`await KV.put('k', '\\ufeffa\\ud800b'); return [...await KV.get('k')].map((c) => c.codePointAt(0))`)).toEqual([
      0xfeff, 97, 0xfffd, 98,
    ])
  })

  test('a value that is not JSON is a SyntaxError, as it is in a body', async () => {
    expect(await run(`await KV.put('k', '{'); return (await told(() => KV.get('k', 'json')))[0]`)).toBe('SyntaxError')
  })

  test('one byte too many is refused before anything is sent, and of a stream as soon as it is there', async () => {
    const kv = new MemoryKv()
    expect(
      await run(
        `let cancelled = 0, n = 0
         const endless = new ReadableStream({ pull(c) { n++; c.enqueue(new Uint8Array(100000)) }, cancel() { cancelled++ } })
         const big = ${MAX_KV_VALUE_BYTES} + 1
         return [await told(() => KV.put('k', 'x'.repeat(big))), await told(() => KV.put('k', new Uint8Array(big))), await told(() => KV.put('k', endless)), cancelled, n < 20, await KV.get('k')]`,
        kv,
      ),
    ).toEqual([
      ['TypeError', expect.stringContaining(`the value has ${MAX_KV_VALUE_BYTES + 1} bytes, allowed are ${MAX_KV_VALUE_BYTES}`)],
      ['TypeError', expect.stringContaining(`the value has ${MAX_KV_VALUE_BYTES + 1} bytes`)],
      ['TypeError', expect.stringContaining(`more than ${MAX_KV_VALUE_BYTES} bytes`)],
      ...[1, true, null],
    ])
    expect(kv.asked.filter(({ op }) => op === 'kv.put')).toHaveLength(1)
  })

  test('a stream that fails fails the put with its own error, and stores nothing', async () => {
    expect(
      await run(
        `const broken = (error) => new ReadableStream({ start(c) { c.enqueue(new Uint8Array(3)) }, pull(c) { c.error(error) } })
         const used = new Response('x').body; await new Response(used).text()
         const locked = new Response('x').body; locked.getReader()
         return [await told(() => KV.put('k', broken(new RangeError('mine')))), await told(() => KV.put('k', new ReadableStream({ start(c) { c.enqueue('text') } }))), await told(() => KV.put('k', used)), await told(() => KV.put('k', locked)), await KV.get('k')]`,
      ),
    ).toEqual([
      ['RangeError', 'mine'],
      ['TypeError', expect.stringContaining('Uint8Array')],
      ['TypeError', expect.stringContaining('locked or has been read from')],
      ['TypeError', expect.stringContaining('locked or has been read from')],
      null,
    ])
  })

  test('the host’s refusal reaches the author in its words, also while a stream has nothing to give', async () => {
    const kv = new MemoryKv()
    kv.refusal = new HostError('QuotaExceededError', 'Cannot put (507): full')
    expect(
      await run(
        `let cancelled = 0
         const silent = new ReadableStream({ cancel() { cancelled++ } }), long = new Blob(['x'.repeat(200000)]).stream()
         const failed = await KV.put('k', 'v').catch((e) => e)
         return [failed instanceof DOMException, await told(() => KV.put('k', 'v')), await told(() => KV.put('k', silent)), await told(() => KV.put('k', long)), await told(() => KV.put('k', 'x'.repeat(100000))), cancelled]`,
        kv,
      ),
    ).toEqual([true, ...Array(4).fill(['QuotaExceededError', 'Cannot put (507): full']), 1])
  })
})

describe('names and what belongs to them', () => {
  test('the tenant’s keys are others than the function’s', async () => {
    const kv = new MemoryKv()
    expect(
      await run(
        `await KV.put('k', 'own'); await KV.tenant.put('k', 'shared'); await KV.tenant.put('only', 'x')
         const both = [await KV.get('k'), await KV.tenant.get('k'), await KV.get('only')]
         await KV.delete('k')
         return [...both, await KV.get('k'), await KV.tenant.get('k'), (await KV.tenant.list()).keys.map((k) => k.name), (await KV.list()).keys]`,
        kv,
      ),
    ).toEqual(['own', 'shared', null, null, 'shared', ['k', 'only'], []])
    expect(new Set(kv.asked.map(({ args }) => args.scope))).toEqual(new Set(['function', 'tenant']))
  })

  test('metadata comes with the value, and null without one', async () => {
    expect(
      await run(
        `await KV.put('k', '[1]', { metadata: { a: ['ü', 1] } }); await KV.put('plain', 'v')
         return [await KV.getWithMetadata('k', 'json'), await KV.getWithMetadata('plain'), await KV.getWithMetadata('missing')]`,
      ),
    ).toEqual([
      { value: [1], metadata: { a: ['ü', 1] }, cacheStatus: null },
      { value: 'v', metadata: null, cacheStatus: null },
      { value: null, metadata: null, cacheStatus: null },
    ])
  })

  test('several keys at once come as a Map', async () => {
    expect(
      await run(
        `await KV.put('a', '1', { metadata: 'm' }); await KV.put('b', '{"x":2}')
         const text = await KV.get(['a', 'b', 'c']), json = await KV.get(['a', 'b'], 'json'), both = await KV.getWithMetadata(['a', 'c'], { type: 'json' })
         return [text instanceof Map, [...text], [...json], [...both], await told(() => KV.get(['a'], 'stream')), await told(() => KV.get(Array(101).fill('a')))]`,
      ),
    ).toEqual([
      true,
      [
        ['a', '1'],
        ['b', '{"x":2}'],
        ['c', null],
      ],
      [
        ['a', 1],
        ['b', { x: 2 }],
      ],
      [
        ['a', { value: 1, metadata: 'm' }],
        ['c', null],
      ],
      ['TypeError', expect.stringContaining('stream')],
      ['TypeError', expect.stringContaining('101 keys at once')],
    ])
  })

  test('lists come in pages', async () => {
    expect(
      await run(
        `for (const k of ['b2', 'a', 'b1', 'b3']) await KV.put(k, 'v', k === 'b2' ? { metadata: [1] } : {})
         const first = await KV.list({ prefix: 'b', limit: 2 }), second = await KV.list({ prefix: 'b', limit: 2, cursor: first.cursor })
         return [first, second, 'cursor' in second, (await KV.list()).keys.length, (await KV.list({ prefix: null, cursor: null, limit: undefined })).list_complete]`,
      ),
    ).toEqual([
      { keys: [{ name: 'b1' }, { name: 'b2', metadata: [1], expiration: 1_800_000_000 }], list_complete: false, cursor: '2', cacheStatus: null },
      { keys: [{ name: 'b3' }], list_complete: true, cacheStatus: null },
      ...[false, 4, true],
    ])
  })

  test('expiry goes to the host in whole seconds; of both, the time to live counts', async () => {
    const kv = new MemoryKv()
    await run(
      `const later = Date.now() / 1000 + 60.5
       await KV.put('a', 'v', { expirationTtl: 60 }); await KV.put('b', 'v', { expiration: later }); await KV.put('c', 'v', { expirationTtl: 1, expiration: later }); await KV.put('d', 'v', { expirationTtl: undefined, expiration: null, metadata: null })
       return 1`,
      kv,
    )
    expect(kv.asked.map(({ args }) => args)).toEqual([
      { scope: 'function', key: 'a', expirationTtl: 60 },
      { scope: 'function', key: 'b', expiration: expect.toSatisfy(Number.isInteger) },
      { scope: 'function', key: 'c', expirationTtl: 1 },
      { scope: 'function', key: 'd' },
    ])
  })

  test('keys of any text go over whole', async () => {
    const kv = new MemoryKv()
    await run(`for (const k of ['"', '\\\\', '\\0', '\\n', '\\ud83d\\ude00', '\\ud800', '__proto__']) await KV.put(k, 'v'); return 1`, kv)
    expect(kv.asked.map(({ args }) => args.key)).toEqual(['"', '\\', '\0', '\n', '😀', '\ufffd', '__proto__'])
  })
})

describe('what is refused, with nothing sent', () => {
  test.each([
    [`KV.get()`, 'the key must be a string, got undefined'],
    [`KV.get(7)`, 'the key must be a string, got 7'],
    [`KV.put('', 'v')`, 'the key must be 1 to 512 bytes in UTF-8, got 0'],
    [`KV.put('é'.repeat(257), 'v')`, 'the key must be 1 to 512 bytes in UTF-8, got 514'],
    [`KV.delete('..')`, 'the key must be other than "." and ".."'],
    [`KV.get('k', 'blob')`, 'type must be one of text, json, arrayBuffer, stream, got "blob"'],
    [`KV.put('k')`, 'the value must be a string, an ArrayBuffer or a view of one, a Blob or a ReadableStream, got undefined'],
    [`KV.put('k', 5)`, 'got 5'],
    [`KV.put('k', { a: 1 })`, 'got object'],
    [`KV.put('k', 'v', 60)`, 'the options must be an object, got 60'],
    [`KV.put('k', 'v', { expirationTtl: 0.9 })`, 'expirationTtl must be a number of seconds, at least 1, got 0.9'],
    [`KV.put('k', 'v', { expirationTtl: '60' })`, 'got "60"'],
    [`KV.put('k', 'v', { expirationTtl: NaN })`, 'got NaN'],
    [`KV.put('k', 'v', { expiration: Date.now() / 1000 })`, 'expiration must be seconds since 1970, in the future'],
    [`KV.put('k', 'v', { metadata: () => {} })`, 'metadata must be something that JSON can say'],
    [`KV.put('k', 'v', { metadata: 'm'.repeat(1023) })`, 'metadata must be at most 1024 bytes of JSON, got 1025'],
    [`KV.list({ limit: 1001 })`, 'limit must be an integer from 1 to 1000, got 1001'],
    [`KV.list({ limit: '5' })`, 'limit must be an integer from 1 to 1000, got "5"'],
    [`KV.list({ prefix: 1 })`, 'prefix must be a string, got 1'],
    [`KV.list({ cursor: {} })`, 'cursor must be a string, got object'],
  ])('%s', async (call, message) => {
    const kv = new MemoryKv()
    expect(await run(`return await told(() => ${call})`, kv)).toEqual(['TypeError', expect.stringContaining(message)])
    expect(kv.asked).toEqual([])
  })

  test('a function that poisoned what objects inherit gets its own answers all the same', async () => {
    const kv = new MemoryKv()
    const found = await run(
      `for (const name of ['metadata', 'cursor', 'expiration', 'body', 'type']) Object.prototype[name] = 'poison'
       String.prototype.toWellFormed = String.prototype.slice = JSON.parse = JSON.stringify = () => 'poison'
       Map.prototype.set = Map.prototype.get = Promise.prototype.then = () => { throw new Error('poison') }
       await KV.put('k', 'v', { expirationTtl: 60, metadata: undefined })
       const { value, metadata } = await KV.getWithMetadata('k', 'text'), { keys, list_complete } = await KV.list({ cursor: undefined, prefix: '' })
       const [{ name }] = keys, inherited = Object.keys(keys[0]).length
       return [value, metadata, name, inherited, list_complete].join()`,
      kv,
    )
    expect(found).toBe('v,,k,1,true')
    expect(kv.asked[0]?.args).toEqual({ scope: 'function', key: 'k', expirationTtl: 60 })
  })
})

test('the host’s refusal has the stack of the call, below the prelude’s frames', async () => {
  const kv = new MemoryKv()
  kv.refusal = new HostError('QuotaExceededError', 'Cannot put (507): full')
  const source = 'const store = (KV) => KV.put("k", "v")\nexport default async function handler(event, { env }) { await store(env.KV) }'
  using sandbox = new Sandbox(source, { operations: kv.operations })
  const answer = await sandbox.ask()
  expect(answer.kind === 'failed' && answer.error.stack.split('\n')).toEqual([
    'QuotaExceededError: Cannot put (507): full',
    expect.stringMatching(/^ {4}at store \(function\.js:\d+:\d+\)$/),
    expect.stringMatching(/^ {4}at handler \(function\.js:\d+:\d+\)$/),
  ])
})
