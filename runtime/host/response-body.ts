import { HostError } from './operation.ts'
import type { ByteSource } from './pipes.ts'

/** The connection that a body comes from. */
export interface Tap {
  pause(): void
  resume(): void
  /** Nobody wants the rest. */
  close(): void
}

/** Held here at most, and a piece more: the connection is paused at the first and goes on below the second. */
const PAUSE_AT_BYTES = 128 * 1024
const RESUME_BELOW_BYTES = 64 * 1024
/** A piece below this is joined to the one before, as long as both are no more than a block. */
const SMALL_BYTES = 4 * 1024
const BLOCK_BYTES = 16 * 1024

/** A response's body between the connection and whoever reads it. */
export class ResponseBody implements ByteSource {
  readonly #tap: Tap
  readonly #pieces: Buffer[] = []
  /** Where small pieces are joined; the last of `#pieces` is a view that ends at `#blockEnd`. */
  #block: Buffer | undefined
  #blockEnd = 0
  #bytes = 0
  #paused = false
  #state: 'open' | 'ended' | 'cancelled' = 'open'
  #error: HostError | undefined
  #wake: (() => void) | undefined

  constructor(tap: Tap) {
    this.#tap = tap
  }

  /** All of it is here. */
  get ended(): boolean {
    return this.#state === 'ended'
  }

  get bytes(): number {
    return this.#bytes
  }

  push(piece: Buffer): void {
    if (this.#state !== 'open') return
    this.#keep(piece)
    this.#bytes += piece.length
    if (this.#bytes >= PAUSE_AT_BYTES && !this.#paused) {
      this.#paused = true
      this.#tap.pause()
    }
    this.#wake?.()
  }

  /** A server may cut its answer into pieces of one byte: 128 KiB of those would be 100 MB here, and seconds to take apart. */
  #keep(piece: Buffer): void {
    const at = this.#pieces.length - 1
    const before = this.#pieces[at]
    if (before === undefined || piece.length >= SMALL_BYTES || before.length + piece.length > BLOCK_BYTES) {
      this.#pieces.push(piece)
      return
    }
    let block = this.#block
    if (block?.buffer !== before.buffer || this.#blockEnd + piece.length > BLOCK_BYTES) {
      block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
      this.#block = block
      this.#blockEnd = before.copy(block)
      this.#pieces[at] = block.subarray(0, this.#blockEnd)
    }
    const from = (this.#pieces[at] as Buffer).byteOffset
    this.#blockEnd += piece.copy(block, this.#blockEnd)
    this.#pieces[at] = block.subarray(from, this.#blockEnd)
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended'
    this.#wake?.()
  }

  /** What is here may still be read; then comes this. */
  fail(error: HostError): void {
    if (this.#state === 'open') this.#error ??= error
    this.#wake?.()
  }

  async read(maxBytes: number): Promise<Buffer | undefined> {
    while (this.#bytes === 0) {
      if (this.#state === 'ended') return undefined
      if (this.#state === 'cancelled') throw new HostError('TypeError', 'Cannot read the body: it was cancelled')
      if (this.#error !== undefined) throw this.#error
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
    return this.#take(maxBytes)
  }

  /** Small pieces are joined: each read is a way to the guest and back. */
  #take(maxBytes: number): Buffer {
    const taken: Buffer[] = []
    let bytes = 0
    while (bytes < maxBytes) {
      const piece = this.#pieces[0]
      if (piece === undefined) break
      const part = piece.subarray(0, maxBytes - bytes)
      taken.push(part)
      bytes += part.length
      if (part.length === piece.length) this.#pieces.shift()
      else this.#pieces[0] = piece.subarray(part.length)
    }
    this.#bytes -= bytes
    if (this.#paused && this.#bytes < RESUME_BELOW_BYTES) {
      this.#paused = false
      this.#tap.resume()
    }
    return taken.length === 1 ? (taken[0] as Buffer) : Buffer.concat(taken, bytes)
  }

  cancel(): void {
    if (this.#state === 'cancelled') return
    const wasOpen = this.#state === 'open'
    this.#state = 'cancelled'
    this.#pieces.length = 0
    this.#bytes = 0
    this.#wake?.()
    if (wasOpen) this.#tap.close()
  }
}
