/**
 * The ChaCha20 block function of RFC 8439 §2.3, with a counter of 64 bits in words 12 and 13 and no nonce.
 * `state` and `out` have 16 words; `state` is left as it was.
 */
export function chacha20Block(state: Uint32Array, out: Uint32Array): void {
  for (let at = 0; at < 16; at++) out[at] = state[at] as number
  for (let round = 0; round < 10; round++) {
    quarter(out, 0, 4, 8, 12)
    quarter(out, 1, 5, 9, 13)
    quarter(out, 2, 6, 10, 14)
    quarter(out, 3, 7, 11, 15)
    quarter(out, 0, 5, 10, 15)
    quarter(out, 1, 6, 11, 12)
    quarter(out, 2, 7, 8, 13)
    quarter(out, 3, 4, 9, 14)
  }
  for (let at = 0; at < 16; at++) out[at] = (out[at] as number) + (state[at] as number)
}

function quarter(x: Uint32Array, a: number, b: number, c: number, d: number): void {
  let xa = x[a] as number
  let xb = x[b] as number
  let xc = x[c] as number
  let xd = x[d] as number
  xa = (xa + xb) | 0
  xd = rotate(xd ^ xa, 16)
  xc = (xc + xd) | 0
  xb = rotate(xb ^ xc, 12)
  xa = (xa + xb) | 0
  xd = rotate(xd ^ xa, 8)
  xc = (xc + xd) | 0
  xb = rotate(xb ^ xc, 7)
  x[a] = xa
  x[b] = xb
  x[c] = xc
  x[d] = xd
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
