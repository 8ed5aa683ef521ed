import { MAX_STREAMED_BODY_BYTES } from '../contract/limits.ts'
import { HostError } from './operation.ts'
import type { ByteSink } from './pipes.ts'

/** Pieces that may wait here: as many as the guest may have under way, and some. More is a guest that ignores the rules. */
const MAX_WAITING_PIECES = 16

interface Piece {
  readonly bytes: Buffer
  readonly taken: () => void
  readonly refused: (reason: unknown) => void
}

/** A request's body on its way from the function: what it writes is taken as fast as the connection takes it. */
export class UploadBody implements ByteSink {
  readonly #failure: string
  readonly #pieces: Piece[] = []
  #ended = false
  /** Nobody takes any more. */
  #closed = false
  #wake: (() => void) | undefined
  #bytes = 0

  /** `failure`: how a message about a body that broke off begins. */
  constructor(failure: string) {
    this.#failure = failure
  }

  write(bytes: Buffer): Promise<void> {
    if (this.#ended || this.#closed) return Promise.reject(requestOver())
    if (this.#pieces.length >= MAX_WAITING_PIECES) {
      return Promise.reject(new HostError('RangeError', `Cannot send the body: ${MAX_WAITING_PIECES} pieces are waiting already`))
    }
    this.#bytes += bytes.length
    if (this.#bytes > MAX_STREAMED_BODY_BYTES) {
      this.close()
      return Promise.reject(new HostError('RangeError', `Cannot send the body: it is larger than ${MAX_STREAMED_BODY_BYTES} bytes`))
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#pieces.push({ bytes, taken: resolve, refused: reject })
    this.#wake?.()
    return promise
  }

  end(): Promise<void> {
    this.#ended = true
    this.#wake?.()
    return Promise.resolve()
  }

  /** What came is not the whole: a request that is not over yet must fail, not end. */
  abort(): void {
    this.close()
  }

  /** The request is over, with or without all of it. */
  close(): void {
    this.#closed = true
    for (const { refused } of this.#pieces.splice(0)) refused(requestOver())
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    for (;;) {
      if (this.#closed) throw new HostError('TypeError', `${this.#failure}: the request body broke off`)
      const next = this.#pieces.shift()
      if (next !== undefined) {
        next.taken()
        yield next.bytes
      } else if (this.#ended) return
      else {
        const { promise, resolve } = Promise.withResolvers<void>()
        this.#wake = resolve
        await promise
      }
    }
  }
}

function requestOver(): HostError {
  return new HostError('TypeError', 'Cannot send the body: the request is over')
}
