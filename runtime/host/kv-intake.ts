import { MAX_KV_VALUE_BYTES } from '../contract/kv.ts'
import { MAX_CHUNK_BYTES } from '../contract/messages.ts'
import type { BlobDraft } from './kv-files.ts'
import { HostError } from './operation.ts'
import type { ByteSink } from './pipes.ts'

/** The other end of the pipe that a value is written to: keeps what the store can hold, and lays the rest in a file. */
export class KvIntake implements ByteSink, AsyncDisposable {
  readonly #startDraft: () => Promise<BlobDraft>
  readonly #ended = Promise.withResolvers<void>()
  /** Pieces come one after the other, whether or not the function waited in between. */
  #tail: Promise<void> = Promise.resolve()
  #small: Buffer | undefined
  #draft: BlobDraft | undefined
  #size = 0

  constructor(startDraft: () => Promise<BlobDraft>) {
    this.#startDraft = startDraft
    // It may fail before anybody waits for it.
    this.#ended.promise.catch(() => {})
  }

  write(piece: Buffer): Promise<void> {
    const taken = this.#tail.then(() => this.#take(piece))
    this.#tail = taken.catch((error) => {
      this.#ended.reject(error)
      throw error
    })
    this.#tail.catch(() => {})
    return taken
  }

  async end(): Promise<void> {
    await this.#tail
    this.#ended.resolve()
  }

  abort(): void {
    this.#ended.reject(new HostError('AbortError', 'The value was not stored: it was given up before its end'))
  }

  /** The whole value, once it has ended: its bytes, or its size and the draft that has them. */
  async whole(): Promise<Buffer | { readonly draft: BlobDraft; readonly size: number }> {
    await this.#ended.promise
    if (this.#draft !== undefined) return { draft: this.#draft, size: this.#size }
    return this.#small === undefined ? Buffer.alloc(0) : this.#small.subarray(0, this.#size)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort()
    await this.#tail.catch(() => {})
    await this.#draft?.[Symbol.asyncDispose]()
  }

  async #take(piece: Buffer): Promise<void> {
    const size = this.#size + piece.length
    if (size > MAX_KV_VALUE_BYTES) {
      throw new HostError(
        'TypeError',
        `Cannot put: the value has more than ${MAX_KV_VALUE_BYTES} bytes, the most a value may have (fixed for all functions)`,
      )
    }
    if (size <= MAX_CHUNK_BYTES) {
      // Copied: many tiny pieces would each keep alive the larger buffer they came in.
      this.#small ??= Buffer.allocUnsafeSlow(MAX_CHUNK_BYTES)
      piece.copy(this.#small, this.#size)
    } else {
      if (this.#draft === undefined) {
        this.#draft = await this.#startDraft()
        if (this.#small !== undefined) await this.#draft.write(this.#small.subarray(0, this.#size))
        this.#small = undefined
      }
      await this.#draft.write(piece)
    }
    this.#size = size
  }
}
