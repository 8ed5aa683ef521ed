import { describe, expect, test } from 'vitest'
import { evaluate, Sandbox, VARIANTS } from './sandbox.ts'

const NAMES =
  'AbortController AbortSignal Blob ByteLengthQueuingStrategy CountQueuingStrategy Crypto CustomEvent DOMException ErrorEvent Event EventTarget File FormData Headers MessageEvent Navigator Performance PromiseRejectionEvent ReadableByteStreamController ReadableStream ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader Request Response TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream TransformStreamDefaultController URL URLSearchParams WritableStream WritableStreamDefaultController WritableStreamDefaultWriter'

test.each(VARIANTS)('from %s every class has its name and tag, and no prelude name is left on the global object', (variant) => {
  const [wrong, extra] = evaluate(
    `const names = event.split(' ')
     const own = Object.getOwnPropertyNames(globalThis).filter((name) => name.includes('isolane') || name.startsWith('__') || name === 'import_' )
     return [names.filter((name) => globalThis[name]?.name !== name || globalThis[name].prototype[Symbol.toStringTag] !== name), own]`,
    { variant, event: NAMES },
  ) as [string[], string[]]
  expect(wrong).toEqual([])
  expect(extra).toEqual([])
})

describe('crypto', () => {
  test('sandboxes restored from one snapshot differ in all their randomness', () => {
    const values = Array.from(
      { length: 4 },
      () => evaluate('return [crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(16))].join(), Math.random()]') as unknown[],
    )
    for (let column = 0; column < 3; column++) expect(new Set(values.map((row) => row[column])).size).toBe(4)
  })

  test('randomUUID is version 4, and never repeats over many refills', () => {
    const { count, sample } = evaluate(
      `const all = new Set(); for (let i = 0; i < 5000; i++) all.add(crypto.randomUUID()); return { count: all.size, sample: crypto.randomUUID() }`,
    ) as { count: number; sample: string }
    expect(count).toBe(5_000)
    expect(sample).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('getRandomValues fills integer arrays only, evenly, and at most 65536 bytes', () => {
    const [mean, wide, kinds, same] = evaluate(
      `const a = crypto.getRandomValues(new Uint8Array(65536)); let sum = 0; for (const b of a) sum += b
       const tell = (v) => { try { crypto.getRandomValues(v); return 'ok' } catch (e) { return e.name } }
       const part = new Uint8Array(8), view = part.subarray(2, 4); crypto.getRandomValues(view)
       return [sum / a.length, crypto.getRandomValues(new BigUint64Array(2))[0] > 2n ** 32n || 'small', [tell(new Float64Array(1)), tell(new Uint8Array(65537)), tell([1]), tell(new DataView(new ArrayBuffer(1)))], part[0] + part[1] + part[4] + part[7]]`,
    ) as [number, unknown, string[], number]
    expect(mean).toBeGreaterThan(125)
    expect(mean).toBeLessThan(130)
    expect(wide).toBe(true)
    expect(kinds).toEqual(['TypeMismatchError', 'QuotaExceededError', 'TypeMismatchError', 'TypeMismatchError'])
    expect(same).toBe(0)
  })

  test('top-level code has randomness too', () => {
    expect(evaluate('return 1')).toBe(1)
    using sandbox = new Sandbox('const id = crypto.randomUUID(); export default () => id')
    expect(sandbox.rpc()).toMatchObject({ body: expect.stringMatching(/^"[0-9a-f-]{36}"$/) })
  })
})

describe('URL', () => {
  test('parses, resolves and serialises', () => {
    expect(
      evaluate(`const u = new URL('../b?x=1&x=2#f', 'https://EXAMPLE.com:443/a/c/d'); u.searchParams.append('y', 'ä b'); u.port = '8080'
        return [u.href, u.origin, u.host, u.pathname, u.searchParams.getAll('x'), URL.canParse('nope'), URL.parse('nope'), new URL('http://0x7f.1/').hostname, new URL('https://xn--bcher-kva.example/').hostname, new URL('file:///a/./b').href, [...new URLSearchParams('?a=1&b=%20')]]`),
    ).toEqual([
      'https://example.com:8080/a/b?x=1&x=2&y=%C3%A4+b#f',
      'https://example.com:8080',
      'example.com:8080',
      '/a/b',
      ['1', '2'],
      false,
      null,
      '127.0.0.1',
      'xn--bcher-kva.example',
      'file:///a/b',
      [
        ['a', '1'],
        ['b', ' '],
      ],
    ])
  })

  test('takes hosts outside ASCII, and refuses what no domain may hold', () => {
    expect(
      evaluate(
        `return ['https://bücher.example/', 'https://faß.example', 'https://XN--BCHER-KVA.example', 'https://a\\u00ad.example', 'https://\\ufffd.example', 'https://xn--aü.example'].map((u) => URL.parse(u)?.hostname ?? null)`,
      ),
    ).toEqual(['xn--bcher-kva.example', 'xn--fa-hia.example', 'xn--bcher-kva.example', 'a.example', null, null])
  })
})

test('text is encoded and decoded', () => {
  expect(
    evaluate(`const d = new TextDecoder('utf-8', { fatal: true }); let fatal; try { d.decode(new Uint8Array([0xff])) } catch (e) { fatal = e.name }
      const s = new TextDecoder(); const split = s.decode(new Uint8Array([0xe2, 0x82]), { stream: true }) + s.decode(new Uint8Array([0xac]))
      return [[...new TextEncoder().encode('€😀')], new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff])), fatal, split, new TextDecoder('latin1').decode(new Uint8Array([0xe4, 0x80])), new TextDecoder('utf-16le').decode(new Uint8Array([0x61, 0])), btoa('\\xff\\x00a'), atob(' /wBh\\n'), new TextEncoder().encodeInto('é', new Uint8Array(1)).written]`),
  ).toEqual([[226, 130, 172, 240, 159, 152, 128], 'a\ufffd', 'TypeError', '€', 'ä€', 'a', '/wBh', '\xff\x00a', 0])
})

test.each([['a'], ['====='], ['ab=c'], ['abc=='], ['ü'], ['ab==='], ['a=']])('atob refuses %j', (text) => {
  expect(evaluate('try { return atob(event) } catch (e) { return [e.name, e.code] }', { event: text })).toEqual(['InvalidCharacterError', 5])
})

test('base64 of every length agrees with the host, and large ones too', () => {
  const lengths = [0, 1, 2, 3, 4, 5, 3071, 3072, 3073, 10_000]
  const texts = evaluate(
    'return event.map((n) => { let s = ""; for (let i = 0; i < n; i++) s += String.fromCharCode(i % 256); const b = btoa(s); return [b, atob(b) === s] })',
    { event: lengths },
  ) as [string, boolean][]
  lengths.forEach((length, at) => {
    expect(texts[at]).toEqual([Buffer.from(Array.from({ length }, (_, i) => i % 256)).toString('base64'), true])
  })
})

test('events dispatch in order with once, passive, handleEvent, removal and stopImmediatePropagation', () => {
  expect(
    evaluate(`const target = new EventTarget(), order = [], object = { handleEvent(e) { order.push(this === object && e.detail) } }, gone = () => order.push('gone')
      target.addEventListener('x', object); target.addEventListener('x', object); target.addEventListener('x', () => order.push('once'), { once: true }); target.addEventListener('x', gone)
      target.removeEventListener('x', gone); target.addEventListener('x', (e) => e.preventDefault(), { passive: true })
      const stop = new AbortController(); target.addEventListener('x', () => order.push('signal'), { signal: stop.signal }); target.addEventListener('x', (e) => e.stopImmediatePropagation()); target.addEventListener('x', () => order.push('never'))
      const first = target.dispatchEvent(new CustomEvent('x', { detail: 7, cancelable: true })); stop.abort(); target.dispatchEvent(new CustomEvent('x', { detail: 8 }))
      let again; const e = new Event('y'); target.addEventListener('y', () => { try { target.dispatchEvent(e) } catch (error) { again = error.name } }); target.dispatchEvent(e)
      const canceled = new EventTarget(); canceled.addEventListener('z', (e) => e.preventDefault())
      return [order, first, again, canceled.dispatchEvent(new Event('z', { cancelable: true })), e.isTrusted, Event.AT_TARGET]`),
  ).toEqual([[7, 'once', 'signal', 8], true, 'InvalidStateError', false, false, 2])
})

test('a listener that throws is reported, and reportError reaches error listeners before the log', () => {
  using sandbox =
    new Sandbox(`addEventListener('error', (event) => { if (event.error === 'mine') event.preventDefault(); console.log('saw', event.message) })
    export default () => { const t = new EventTarget(); t.addEventListener('x', () => { throw new Error('in listener') }); t.dispatchEvent(new Event('x')); reportError('mine'); return 1 }`)
  expect(sandbox.rpc()).toMatchObject({ body: '1' })
  expect(sandbox.logs).toEqual(['info saw in listener', expect.stringMatching(/^error Uncaught Error: in listener/), 'info saw mine'])
})

test('blobs slice, join and stream', () => {
  expect(
    evaluate(`const b = new Blob(['grü', new Uint8Array([33, 34]), new Blob(['x'])], { type: 'Text/Plain' }), f = new File([b], 'n.txt', { lastModified: 5, type: 'ü' })
      return [b.size, b.type, await b.slice(0, 2, 'a/b').text(), b.slice(-1).size, (await f.arrayBuffer()).byteLength, f.name, f.lastModified, f.type, await new Response(b.stream()).text(), f instanceof Blob, (() => { try { new Blob('x') } catch (e) { return e.name } })()]`),
  ).toEqual([7, 'text/plain', 'gr', 1, 7, 'n.txt', 5, '', 'grü!"x', true, 'TypeError'])
})

test('what is small is there too', () => {
  expect(
    evaluate(`const a = performance.now(), order = []; queueMicrotask(() => order.push(2)); order.push(1); await null; await null
      return [navigator.userAgent, self === globalThis, Math.abs(performance.timeOrigin + a - Date.now()) < 2000, performance.now() >= a, order, new DOMException('m', 'SyntaxError').code, new DOMException('m') instanceof Error, typeof FinalizationRegistry, new WeakRef(order).deref() === order,
        (() => { const r = new FinalizationRegistry(() => {}); r.register({}, 1); return r.unregister({}) })(), [Crypto, Performance, Navigator, AbortSignal].map((C) => { try { new C() } catch (e) { return e.name } })]`),
  ).toEqual(['isolane', true, true, true, [1, 2], 12, true, 'function', true, false, Array(4).fill('TypeError')])
})

test('env is frozen, and the context tells who and how long', () => {
  using sandbox = new Sandbox(
    `export default (event, ctx) => { return [ctx.env, Reflect.set(ctx.env, 'A', 2), ctx.functionName, ctx.functionVersion, ctx.invocationId, ctx.deadline, ctx.getRemainingTimeInMillis() <= 5000, ctx.signal === ctx.signal] }`,
    { env: { A: '1', __proto__: 'p' } as Record<string, string> },
  )
  const answer = sandbox.finish(sandbox.start({ door: 'rpc', deadlineAt: 123 }))
  expect(answer).toMatchObject({ body: '[{"A":"1","KV":{"tenant":{}}},false,"hello","3","id-2",123,true,true]' })
})

test('a call that has waited long for a worker has its whole time from when it begins, and never more than its deadline', () => {
  const left = (deadlineMs: number, timeoutMs: number): number => {
    using sandbox = new Sandbox('export default (event, ctx) => ctx.getRemainingTimeInMillis()')
    const answer = sandbox.finish(sandbox.start({ door: 'rpc', deadlineAt: Date.now() + deadlineMs, timeoutMs }))
    return Number((answer as { body: string }).body)
  }
  for (const ms of [left(1_000_000, 3_000), left(3_000, 1_000_000)]) {
    expect(ms).toBeLessThanOrEqual(3_000)
    expect(ms).toBeGreaterThan(1_000)
  }
})
