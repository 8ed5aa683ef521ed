import { createCipheriv, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { chacha20Block } from '../../../runtime/prelude/chacha20.ts'

/** One block of keystream for a state, from OpenSSL: key in words 4 to 11, counter and nonce in the last four. */
function reference(state: Uint32Array): Buffer {
  const bytes = Buffer.from(state.buffer, state.byteOffset, state.byteLength)
  return createCipheriv('chacha20', bytes.subarray(16, 48), bytes.subarray(48, 64)).update(Buffer.alloc(64))
}

test('chacha20Block() agrees with OpenSSL for any key and counter, and leaves its state alone', () => {
  for (let round = 0; round < 200; round++) {
    const state = new Uint32Array(new Uint8Array(randomBytes(64)).buffer)
    state.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574])
    const before = state.slice()
    const out = new Uint32Array(16)
    chacha20Block(state, out)
    expect(Buffer.from(out.buffer).toString('hex')).toBe(reference(state).toString('hex'))
    expect(state).toEqual(before)
  }
})
