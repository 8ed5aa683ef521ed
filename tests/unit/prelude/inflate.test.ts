import { constants, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inflateText } from '../../../runtime/prelude/inflate.ts'
import { evaluate } from './sandbox.ts'

const ascii = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 300 }),
  fc.array(fc.constantFrom('abc', 'abcabc', '1,', '[', 'xyz'), { maxLength: 3_000 }).map((all) => all.join('')),
)

test.each([
  ['stored', { level: 0 }],
  ['with fixed codes', { strategy: constants.Z_FIXED }],
  ['with codes of its own', { level: 9 }],
])('text that was deflated %s comes back', (_, options) => {
  fc.assert(
    fc.property(ascii, (text) => {
      expect(inflateText(deflateRawSync(text, options).toString('latin1'))).toBe(text)
    }),
  )
})

test('the multi-byte encodings decode what the host decodes', () => {
  const samples: Record<string, number[]> = {
    shift_jis: [0x93, 0xfa, 0x96, 0x7b, 0xb1, 0x41],
    'euc-jp': [0xc6, 0xfc, 0xcb, 0xdc, 0x8f, 0xb0, 0xa1],
    'iso-2022-jp': [0x1b, 0x24, 0x42, 0x46, 0x7c, 0x1b, 0x28, 0x42, 0x41],
    gb18030: [0xd6, 0xd0, 0x81, 0x30, 0x81, 0x30, 0x41],
    gbk: [0xce, 0xc4, 0x41],
    big5: [0xa4, 0xa4, 0x41],
    'euc-kr': [0xc7, 0xd1, 0x41],
  }
  const event = Object.entries(samples)
  expect(evaluate('return event.map(([label, bytes]) => new TextDecoder(label).decode(new Uint8Array(bytes)))', { event })).toEqual(
    event.map(([label, bytes]) => new TextDecoder(label).decode(new Uint8Array(bytes))),
  )
})
