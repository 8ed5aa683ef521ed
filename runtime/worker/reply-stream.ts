import type { ClientRequest } from 'node:http'
import { MAX_STREAMED_BODY_BYTES } from '../contract/limits.ts'
import { sinkOf } from '../host/node-pipes.ts'
import { HostError } from '../host/operation.ts'
import type { ByteSink } from '../host/pipes.ts'

export interface ReplyStreamOptions {
  readonly open: () => Promise<{ readonly outgoing: ClientRequest; readonly finished: Promise<void> }>
  /** The caller has left, or his gateway has. */
  readonly onCut: () => void
  readonly onTooLarge: () => void
}

const CALLER_LEFT = 'Cannot write: the caller has left'

/** A reply on its way to the caller beside the lane. Told apart: it ended, the caller left, it was more than may be sent. */
export class ReplyStream implements ByteSink {
  readonly #options: ReplyStreamOptions
  readonly #opened: Promise<ByteSink>
  bytes = 0
  #over = false

  constructor(options: ReplyStreamOptions) {
    this.#options = options
    this.#opened = options.open().then(({ outgoing, finished }) => {
      finished.catch(() => this.#cut())
      return sinkOf(outgoing, CALLER_LEFT)
    })
    this.#opened.catch(() => this.#cut())
  }

  async write(piece: Buffer): Promise<void> {
    this.bytes += piece.length
    if (this.bytes > MAX_STREAMED_BODY_BYTES) {
      this.#options.onTooLarge()
      throw new HostError('RangeError', `Cannot write: a streamed reply may have up to ${MAX_STREAMED_BODY_BYTES} bytes (fixed for all functions)`)
    }
    await (await this.#sink()).write(piece)
  }

  /** Resolves when all of it is on its way: what is then still in buffers is the gateway's affair. */
  async end(): Promise<void> {
    const sink = await this.#sink()
    this.#over = true
    await sink.end()
  }

  abort(): void {
    this.#over = true
    this.#opened.then(
      (sink) => sink.abort(),
      () => {},
    )
  }

  async #sink(): Promise<ByteSink> {
    try {
      return await this.#opened
    } catch {
      throw new HostError('TypeError', CALLER_LEFT)
    }
  }

  #cut(): void {
    if (this.#over) return
    this.#over = true
    this.#options.onCut()
  }
}
