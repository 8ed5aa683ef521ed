import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeFrame, encodeFrame, FrameSplitter } from '../../../runtime/contract/frame.ts'

const anyFrame = fc.record({ head: fc.jsonValue(), text: fc.string({ unit: 'binary' }), body: fc.uint8Array({ maxLength: 500 }) })

test('a frame comes back as it went in', () => {
  fc.assert(
    fc.property(anyFrame, ({ head, text, body }) => {
      const wellFormed = text.toWellFormed()
      const frame = decodeFrame(encodeFrame(head, wellFormed, Buffer.from(body)))
      expect(JSON.stringify(frame.head)).toBe(JSON.stringify(head))
      expect(frame.text.toString('utf8')).toBe(wellFormed)
      expect([...frame.body]).toEqual([...body])
    }),
  )
})

test('frames survive any cutting of the stream they travel in', () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map(({ head, body }) => encodeFrame(head, '', Buffer.from(body))))
      const splitter = new FrameSplitter(1_000_000)
      const received = []
      for (let at = 0, i = 0; at < stream.length; i++) {
        const width = cuts[i % cuts.length] as number
        received.push(...splitter.push(Buffer.from(stream.subarray(at, at + width))))
        at += width
      }
      expect(received.map(({ body }) => [...body])).toEqual(sent.map(({ body }) => [...body]))
    }),
  )
})

test('a frame over the limit is refused before it is buffered', () => {
  const splitter = new FrameSplitter(100)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(101)
  expect(() => splitter.push(length)).toThrow('Cannot read a frame: 101 bytes, allowed are 8 to 100')
})

test('a length that cannot hold a frame is refused', () => {
  const splitter = new FrameSplitter(100)
  expect(() => splitter.push(Buffer.from([3, 0, 0, 0]))).toThrow('3 bytes')
})

test('parts longer than the whole are refused', () => {
  const frame = encodeFrame({}, 'text', Buffer.from('body'))
  frame.writeUInt32LE(1_000, 8)
  expect(() => decodeFrame(frame)).toThrow('longer than the whole')
})
