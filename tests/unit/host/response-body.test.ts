import { describe, expect, test } from 'vitest'
import { ResponseBody } from '../../../runtime/host/response-body.ts'

function body() {
  const seen: string[] = []
  return { seen, body: new ResponseBody({ pause: () => seen.push('pause'), resume: () => seen.push('resume'), close: () => seen.push('close') }) }
}

/** Cut at these lengths, over and over, until there are this many bytes; each byte tells its place. */
function pieces(lengths: readonly number[], bytes: number): Buffer[] {
  const whole = Buffer.from(Array.from({ length: bytes }, (_, at) => at % 251))
  const cut: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes; turn++) {
    const length = lengths[turn % lengths.length] as number
    cut.push(whole.subarray(at, at + length))
    at += length
  }
  return cut
}

describe('the body of a response', () => {
  test.each([
    [[1], 65_536],
    [[1], 1],
    [[1, 5_000], 777],
    [[4_095, 1, 65_536], 30_000],
    [[3, 70_000, 2], 65_536],
  ])('comes out as it went in, in pieces of %j and reads of %i bytes', async (lengths, most) => {
    const { body: response } = body()
    const sent = pieces(lengths, 100_000)
    const got: Buffer[] = []
    for (const [turn, piece] of sent.entries()) {
      response.push(piece)
      if (turn % 7 === 0) got.push((await response.read(most)) as Buffer)
    }
    response.end()
    for (let piece = await response.read(most); piece !== undefined; piece = await response.read(most)) got.push(piece)
    expect(got.every(({ length }) => length <= most)).toBe(true)
    expect(Buffer.concat(got).equals(Buffer.concat(sent))).toBe(true)
  })

  test('is taken apart in no time, though a server cut it into single bytes', async () => {
    const { body: response, seen } = body()
    const byte = Buffer.alloc(65_536)
    for (let at = 0; at < 131_072; at++) response.push(byte.subarray(at % 65_536, (at % 65_536) + 1))
    expect(seen).toEqual(['pause'])
    const startedAt = performance.now()
    expect((await response.read(65_536))?.length).toBe(65_536)
    expect(performance.now() - startedAt).toBeLessThan(200)
  })
})
