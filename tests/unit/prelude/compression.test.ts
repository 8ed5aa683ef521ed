import { brotliCompressSync, brotliDecompressSync, deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateRawSync, inflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { Sandbox } from './sandbox.ts'

const FORMATS = [
  ['gzip', gzipSync, gunzipSync],
  ['deflate', deflateSync, inflateSync],
  ['deflate-raw', deflateRawSync, inflateRawSync],
  ['brotli', brotliCompressSync, brotliDecompressSync],
] as const
const TEXT = 'All work and no play. '.repeat(20_000)

async function evaluate(body: string, event?: unknown): Promise<unknown> {
  using sandbox = new Sandbox(`
    const bytesOf = (list) => new Uint8Array(list)
    const through = (bytes, stream) => new Response(new Blob([bytes]).stream().pipeThrough(stream))
    export default async (event) => { ${body} }`)
  const answer = await sandbox.ask(event)
  if (answer.kind === 'failed') throw new Error(`${answer.error.name}: ${answer.error.message}\n${answer.error.stack}`)
  return JSON.parse(answer.body)
}

describe.each(FORMATS)('%s', (format, compress, decompress) => {
  test('what is compressed here is what zlib unpacks', async () => {
    const bytes = await evaluate(`return [...new Uint8Array(await through(event, new CompressionStream('${format}')).arrayBuffer())]`, TEXT)
    expect(decompress(Buffer.from(bytes as number[])).toString()).toBe(TEXT)
    expect((bytes as number[]).length).toBeLessThan(TEXT.length / 50)
  })

  test('what zlib has compressed is unpacked here', async () => {
    expect(await evaluate(`return (await through(bytesOf(event), new DecompressionStream('${format}')).text()).length`, [...compress(TEXT)])).toBe(
      TEXT.length,
    )
  })

  test('it may come in byte by byte', async () => {
    expect(
      await evaluate(
        `const stream = new DecompressionStream('${format}'), writer = stream.writable.getWriter()
         ;(async () => { for (const byte of event) await writer.write(bytesOf([byte])); await writer.close() })()
         return new Response(stream.readable).text()`,
        [...compress('a short text')],
      ),
    ).toBe('a short text')
  })

  test.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['followed by something', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from([0])])],
    ['of another kind', () => Buffer.from('this is nothing of the sort')],
    ['empty', () => Buffer.alloc(0)],
  ])('data that is %s is a TypeError at both ends', async (_, spoil) => {
    expect(
      await evaluate(
        `const stream = new DecompressionStream('${format}'), writer = stream.writable.getWriter(), reader = stream.readable.getReader()
         const name = (promise) => promise.then(() => 'fine', (error) => error.name)
         writer.write(bytesOf(event)).catch(() => {})
         const closed = name(writer.close())
         let read
         do read = await reader.read().catch((error) => ({ error: error.name })); while (read.error === undefined && !read.done)
         return [read.error, await closed, await name(writer.closed), await name(reader.closed)]`,
        [...spoil(compress(TEXT))],
      ),
    ).toEqual(['TypeError', 'TypeError', 'TypeError', 'TypeError'])
  })
})

test.each([
  ['gzip', gzipSync, 6],
  ['deflate', deflateSync, 2],
] as const)('a wrong checksum of %s is a TypeError', async (format, compress, fromEnd) => {
  const bytes = compress('checked')
  bytes[bytes.length - fromEnd] = (bytes[bytes.length - fromEnd] as number) ^ 1
  expect(await evaluate(`return through(bytesOf(event), new DecompressionStream('${format}')).text().catch((error) => error.name)`, [...bytes])).toBe(
    'TypeError',
  )
})

test('a write is over once its output has been read, and not before', async () => {
  expect(
    await evaluate(
      `const stream = new DecompressionStream('gzip'), reader = stream.readable.getReader()
       let written = false
       stream.writable.getWriter().write(bytesOf(event)).then(() => { written = true })
       const sizes = []
       for (let piece = 0; piece < 3; piece++) sizes.push((await reader.read()).value.byteLength)
       const early = written
       for (let total = 3 * 65536; total < 1_000_000; ) total += (await reader.read()).value.byteLength
       await new Promise((resolve) => setTimeout(resolve, 1))
       return [sizes, early, written]`,
      [...gzipSync(Buffer.alloc(1_000_000))],
    ),
  ).toEqual([[65_536, 65_536, 65_536], false, true])
})

test('cancelling the one end ends the other', async () => {
  expect(
    await evaluate(
      `const name = (promise) => promise.then(() => 'fine', (error) => error)
       const a = new CompressionStream('gzip'), b = new CompressionStream('gzip')
       const writer = a.writable.getWriter(), reader = b.readable.getReader()
       await a.readable.cancel('enough')
       const write = await name(writer.write(new Uint8Array(1)))
       await b.writable.abort('stop')
       return [write, await name(reader.read())]`,
    ),
  ).toEqual(['enough', 'stop'])
})

test('a stream that is cancelled while it unpacks is over for the cell, too', async () => {
  expect(
    await evaluate(
      `const stream = new DecompressionStream('gzip'), reader = stream.readable.getReader()
       const write = stream.writable.getWriter().write(bytesOf(event)).catch((error) => error)
       await reader.read()
       const read = reader.read()
       await reader.cancel('enough')
       return [await write, (await read).done]`,
      [...gzipSync(Buffer.alloc(1_000_000))],
    ),
  ).toEqual(['enough', true])
})

test('what is not bytes is refused at both ends; what is not a format at once', async () => {
  expect(
    await evaluate(
      `const refused = []
       for (const chunk of ['text', 7, null, {}, [1]]) {
         const { readable, writable } = new CompressionStream('gzip')
         refused.push(...await Promise.all([writable.getWriter().write(chunk), readable.getReader().read()].map((promise) => promise.catch((e) => e.name))))
       }
       for (const format of ['zip', '', 'GZIP', undefined]) try { new CompressionStream(format) } catch (e) { refused.push(e.name) }
       return new Set(refused).size + refused[0] + refused.length`,
    ),
  ).toBe('1TypeError14')
})

describe('in a response', () => {
  test('a function can serve what it has compressed', async () => {
    using sandbox = new Sandbox(
      `export default () => new Response(new Blob(['hello '.repeat(1000)]).stream().pipeThrough(new CompressionStream('gzip')), { headers: { 'content-encoding': 'gzip' } })`,
    )
    const answer = await sandbox.visit('/')
    expect(answer.kind === 'result' && gunzipSync(Buffer.from(answer.body, 'latin1')).toString()).toBe('hello '.repeat(1_000))
  })
})
