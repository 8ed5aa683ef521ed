const EMPTY = Buffer.alloc(0)
const LEAST_BYTES = 4 * 1024

/**
 * Bytes as they come, in one buffer. Whoever sends may cut them into pieces of one byte (chunked HTTP costs him six for each): kept
 * as they come, every piece would cost hundreds here.
 */
export class GatheredBytes {
  #held: Buffer = EMPTY
  #length = 0

  get length(): number {
    return this.#length
  }

  /** What came so far: a view, and the first piece itself where there is no other. */
  get bytes(): Buffer {
    return this.#held.subarray(0, this.#length)
  }

  add(piece: Buffer): void {
    const length = this.#length + piece.length
    if (this.#length === 0) this.#held = piece
    else {
      if (length > this.#held.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#held.length, LEAST_BYTES))
        this.#held.copy(larger, 0, 0, this.#length)
        this.#held = larger
      }
      piece.copy(this.#held, this.#length)
    }
    this.#length = length
  }
}
