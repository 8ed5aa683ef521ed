import { ReplyGoesOn } from '../contract/messages.ts'
import type { ByteSink } from '../host/pipes.ts'
import { ReplyStream, type ReplyStreamOptions } from './reply-stream.ts'

export interface RunReplyEvents {
  /** The caller has all of it, or nobody wants it: what goes on from now on goes on without him. */
  onOut(): void
  /** The caller has left before he had it all, and nothing was to go on without him. */
  onLeft(): void
  onTooLarge(): void
}

/**
 * A reply that goes out before its run ends, beside the lane: streamed, or whole while `waitUntil` goes on. How far it has got
 * decides what the run's clock means, and whether its end still changes what the caller sees.
 */
export class RunReply {
  readonly #events: RunReplyEvents
  #stream: ReplyStream | undefined
  #outAt: number | undefined

  constructor(events: RunReplyEvents) {
    this.#events = events
  }

  get begun(): boolean {
    return this.#stream !== undefined
  }

  /** When it was out; undefined: it is not. */
  get outAt(): number | undefined {
    return this.#outAt
  }

  get bytes(): number {
    return this.#stream?.bytes ?? 0
  }

  /** Sends it off. Gives back where the rest of it goes, if there is a rest. */
  begin(open: ReplyStreamOptions['open'], body: Buffer, goesOn: number): ByteSink | undefined {
    const stream = new ReplyStream({
      open,
      onCut: () => ((goesOn & ReplyGoesOn.open) === 0 ? this.#events.onLeft() : this.#out()),
      onTooLarge: () => this.#events.onTooLarge(),
    })
    this.#stream = stream
    const end = async (): Promise<void> => {
      await stream.end()
      this.#out()
    }
    if ((goesOn & ReplyGoesOn.stream) !== 0) return { write: (piece) => stream.write(piece), end, abort: () => stream.abort() }
    void (body.length === 0 ? end() : stream.write(body).then(end)).catch(() => this.#out())
    return undefined
  }

  /** The run is over. A stream that its function did not end must not look whole. */
  close(): void {
    if (this.#outAt === undefined) this.#stream?.abort()
  }

  #out(): void {
    if (this.#outAt !== undefined) return
    this.#outAt = performance.now()
    this.#events.onOut()
  }
}
