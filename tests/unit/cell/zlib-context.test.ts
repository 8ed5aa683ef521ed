import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type Direction, ZlibContext } from '../../../runtime/cell/zlib-context.ts'
import { MAX_CHUNK_BYTES } from '../../../runtime/contract/messages.ts'

/** All that one input and its end give, piece by piece. */
async function piecesOf(direction: Direction, input: Uint8Array): Promise<Uint8Array[]> {
  const context = new ZlibContext(direction, 'gzip')
  const pieces: Uint8Array[] = []
  try {
    for (let piece = await context.push(input, true); ; piece = await context.pull()) {
      if (piece.bytes !== undefined) pieces.push(piece.bytes)
      if (!piece.more) return pieces
    }
  } finally {
    context.close()
  }
}

const twice = Buffer.concat([gzipSync('one '), gzipSync('two')])

test('no piece is larger than a host call carries', async () => {
  const pieces = await piecesOf('decompress', gzipSync(Buffer.alloc(1_000_000)))
  expect(pieces.reduce((sum, { length }) => sum + length, 0)).toBe(1_000_000)
  expect(Math.max(...pieces.map(({ length }) => length))).toBe(MAX_CHUNK_BYTES)
})

test('two members in a row are one body of HTTP, and an error of the Compression Standard', async () => {
  expect(Buffer.concat(await piecesOf('decompress-body', twice)).toString()).toBe('one two')
  await expect(piecesOf('decompress', twice)).rejects.toThrow(TypeError)
})

test('input before the last is worked off, and two pulls at once, are refused', async () => {
  const context = new ZlibContext('decompress', 'gzip')
  const first = context.push(gzipSync(Buffer.alloc(1_000_000)), false)
  await expect(context.push(new Uint8Array(1), false)).rejects.toThrow('not worked off')
  await expect(context.pull()).rejects.toThrow('two pieces')
  expect((await first).more).toBe(true)
  context.close()
})

test('whoever waits for a piece when the context is closed is told', async () => {
  const context = new ZlibContext('compress', 'gzip')
  const waiting = context.push(Buffer.alloc(MAX_CHUNK_BYTES), true)
  context.close()
  await expect(waiting).rejects.toThrow('closed')
})
