import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { MAX_CHUNK_BYTES } from '../../../runtime/contract/messages.ts'
import { answerOf, CellUnderTest } from './cell-under-test.ts'

const HELLO = `export default () => 'hello'`
const DIGEST = `export default async () => new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(3))).length`
const pbkdf2 = (iterations: number) => `export default async () => {
  const key = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits'])
  const bits = await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations: ${iterations} }, key, 256)
  return bits.byteLength
}`

describe('a slice with calls that the cell answers', () => {
  test('is one frame, whose posts are the worker’s only', async () => {
    const cell = new CellUnderTest()
    await cell.open(
      1,
      `export default async () => { console.log('before'); const d = await crypto.subtle.digest('SHA-1', new Uint8Array(1)); console.log('after'); return d.byteLength }`,
    )
    const ended = await cell.call(1)
    expect(ended.end.end).toBe('ok')
    expect(ended.posts.map(({ kind, text }) => (kind === 'log' ? text : kind))).toEqual(['info before', 'info after', 'result'])
    expect(answerOf(ended)).toBe(20)
  })

  test('is answered before the frames that came behind it', async () => {
    const cell = new CellUnderTest()
    for (const [s, source] of [HELLO, pbkdf2(100_000), DIGEST, HELLO].entries()) await cell.open(s, source)
    cell.ended.length = 0
    // The first four in one turn, the last while the second is waiting.
    const together = cell.callTogether([0, 1, 2, 3])
    const late = cell.call(0)
    expect((await together).map(answerOf)).toEqual(['hello', 32, 32, 'hello'])
    await late
    expect(cell.ended.map(({ f }) => f)).toEqual([5, 6, 7, 8, 9])
  })

  test('lets no answer wait that was ready before it', async () => {
    const cell = new CellUnderTest()
    await cell.open(1, HELLO)
    await cell.open(2, pbkdf2(100_000))
    cell.ended.length = 0
    const both = cell.callTogether([1, 2])
    expect(cell.ended.map(answerOf)).toEqual(['hello'])
    await both
  })

  test('settles what a module asks for at its top level, before it is called', async () => {
    const cell = new CellUnderTest()
    const opened = await cell.open(
      1,
      `const digest = crypto.subtle.digest('SHA-256', new Uint8Array(1)).then((d) => crypto.subtle.digest('SHA-1', d)); let size; digest.then((d) => { size = d.byteLength }); export default () => size`,
    )
    expect(opened.posts.map(({ kind }) => kind)).toEqual(['loaded'])
    expect(answerOf(await cell.call(1))).toBe(20)
  })

  test('settles what goes on after the answer', async () => {
    const cell = new CellUnderTest()
    await cell.open(
      1,
      `let later = 0; export default (event) => { if (event) return later; crypto.subtle.digest('SHA-1', new Uint8Array(1)).then((d) => crypto.subtle.digest('SHA-1', d)).then((d) => { later = d.byteLength }); return 0 }`,
    )
    expect(answerOf(await cell.call(1))).toBe(0)
    expect(answerOf(await cell.call(1, 'later'))).toBe(20)
  })

  test('may have far more open than run at once', async () => {
    const cell = new CellUnderTest()
    await cell.open(
      1,
      `export default async () => (await Promise.all(Array.from({ length: 1000 }, (_, i) => crypto.subtle.digest('SHA-256', new Uint8Array(20_000))))).length`,
    )
    expect(answerOf(await cell.call(1))).toBe(1_000)
  })
})

describe('what it costs', () => {
  test('10 million rounds of PBKDF2 on the thread pool are charged to the slice that asked for them', async () => {
    const cell = new CellUnderTest()
    await cell.open(1, pbkdf2(10_000_000))
    await cell.open(2, HELLO)
    const before = process.cpuUsage()
    const [long, short] = await cell.callTogether([1, 2], 60_000)
    const { user, system } = process.cpuUsage(before)
    const usedMs = (user + system) / 1_000
    expect(answerOf(long as never)).toBe(32)
    expect(long?.end.cpuMs).toBeGreaterThan(usedMs * 0.8)
    expect(long?.end.cpuMs).toBeLessThanOrEqual(usedMs + 8)
    expect(short?.end.cpuMs).toBeLessThan(20)
  })

  test.each([
    ['10 000 001 rounds of PBKDF2', pbkdf2(10_000_001)],
    [
      'an RSA key of 8 200 bits',
      `export default () => crypto.subtle.generateKey({ name: 'RSA-PSS', modulusLength: 8200, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['sign'])`,
    ],
    ['a gigabyte of SHAKE', `export default () => crypto.subtle.digest({ name: 'cSHAKE128', outputLength: 2 ** 31 }, new Uint8Array(1))`],
    [
      'a secret of 100 KB',
      `export default () => crypto.subtle.importKey('raw', new Uint8Array(100_000), { name: 'HMAC', hash: 'SHA-256' }, true, ['sign'])`,
    ],
    ['a text of 7 MiB', `export default () => crypto.subtle.digest('SHA-1', new Uint8Array(7 * 2 ** 20))`],
  ])('%s are refused at once', async (_, source) => {
    const cell = new CellUnderTest()
    await cell.open(1, source)
    const ended = await cell.call(1)
    expect(answerOf(ended)).toMatchObject({ name: 'OperationError' })
    expect(ended.end.cpuMs).toBeLessThan(200)
  })
})

describe('a slice that is ended', () => {
  test('by its guard while it waits: is answered once the pool is done, is charged for it, and its sandbox is gone', async () => {
    const cell = new CellUnderTest()
    await cell.open(1, pbkdf2(10_000_000))
    await cell.open(2, HELLO)
    const before = process.cpuUsage()
    const [ended, next] = await cell.callTogether([1, 2], 500)
    const { user, system } = process.cpuUsage(before)
    expect(ended?.end.end).toBe('timeout')
    expect(ended?.posts).toEqual([])
    expect(ended?.end.cpuMs).toBeGreaterThan(((user + system) / 1_000) * 0.8)
    expect(answerOf(next as never)).toBe('hello')
    expect((await cell.call(1)).end.end).toBe('gone')
  })

  test('by its guard in a later entry: the guard is what the first entry and the waiting have left', async () => {
    const cell = new CellUnderTest()
    await cell.open(1, `export default async () => { await crypto.subtle.digest('SHA-1', new Uint8Array(1)); for (;;); }`)
    const { end } = await cell.call(1, null, 200)
    expect(end.end).toBe('timeout')
    expect(end.wallMs).toBeGreaterThanOrEqual(199)
  })

  test('by digesting for ever: ends by the guard, too', async () => {
    const cell = new CellUnderTest()
    await cell.open(1, `export default async () => { for (;;) await crypto.subtle.digest('SHA-1', new Uint8Array(1)) }`)
    expect((await cell.call(1, null, 200)).end.end).toBe('timeout')
  })

  test('with its sandbox: what the cell held for it is gone, and the number can be used anew', async () => {
    const cell = new CellUnderTest()
    const source = `const all = []; export default async () => { for (let i = 0; i < 40; i++) all.push(new CompressionStream('gzip')); await all.at(-1).writable.getWriter().ready; return all.length }`
    for (let round = 0; round < 3; round++) {
      await cell.open(1, source)
      expect(answerOf(await cell.call(1))).toBe(40)
      cell.close(1)
    }
  })
})

describe('a zlib bomb', () => {
  const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024)).toString('base64')
  const open = `const bytes = Uint8Array.fromBase64?.(bomb) ?? Uint8Array.from(atob(bomb), (c) => c.charCodeAt(0)); const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')).getReader()`

  test('unpacks no faster than it is read', async () => {
    const cell = new CellUnderTest()
    await cell.open(1, `export default async (bomb) => { ${open}; const { value } = await reader.read(); return value.byteLength }`)
    const before = process.memoryUsage.rss()
    expect(answerOf(await cell.call(1, bomb))).toBe(MAX_CHUNK_BYTES)
    expect(process.memoryUsage.rss() - before).toBeLessThan(32 * 1024 * 1024)
  })

  test('can be read whole, piece by piece, in bounded memory', async () => {
    const cell = new CellUnderTest()
    await cell.open(
      1,
      `export default async (bomb) => { ${open}; let total = 0; for (;;) { const { done, value } = await reader.read(); if (done) return total; total += value.byteLength } }`,
    )
    const before = process.memoryUsage.rss()
    expect(answerOf(await cell.call(1, bomb, 60_000))).toBe(256 * 1024 * 1024)
    expect(process.memoryUsage.rss() - before).toBeLessThan(128 * 1024 * 1024)
  })

  test('more than 64 contexts at once are refused to one sandbox', async () => {
    const cell = new CellUnderTest()
    await cell.open(
      1,
      `export default async () => { const all = Array.from({ length: 70 }, () => new CompressionStream('gzip')); const ends = await Promise.allSettled(all.map((s) => { s.writable.getWriter().close(); return s.readable.getReader().read() })); return ends.filter(({ reason }) => reason?.name === 'QuotaExceededError').length }`,
    )
    expect(answerOf(await cell.call(1))).toBe(6)
  })

  test('contexts that an ended invocation has left behind make room', async () => {
    const cell = new CellUnderTest()
    await cell.open(
      1,
      `const kept = []; export default async () => { const s = new CompressionStream('gzip'); kept.push(s); s.writable.getWriter().write(new Uint8Array(9)); const r = s.readable.getReader(); const { value } = await r.read(); return value.byteLength }`,
    )
    for (let call = 0; call < 100; call++) expect(answerOf(await cell.call(1))).toBeGreaterThan(0)
  })
})
