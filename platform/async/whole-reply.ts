import { Writable } from 'node:stream'
import type { Reply } from '../invocations/open-invocations.ts'
import type { WholeReply } from './assess-reply.ts'
import { MAX_RESULT_BYTES } from './event-result.ts'

/** Waits until a reply has come to its end, and keeps as much of it as is kept of a result. */
export async function wholeReply(reply: Reply): Promise<WholeReply> {
  if (reply.kind !== 'streamed') return { last: reply }
  const kept = new KeptBytes(MAX_RESULT_BYTES)
  const how = await reply.body.into(kept)
  const last = await reply.settled
  return { last, beside: { head: reply.head, body: how === 'whole' ? kept.bytes : 'cut' } }
}

/** Takes everything, and remembers it while that is not too much. */
class KeptBytes extends Writable {
  readonly #most: number
  #pieces: Buffer[] | undefined = []
  #length = 0

  constructor(most: number) {
    super()
    this.#most = most
  }

  /** All that came; `over`: it was more than is kept. */
  get bytes(): Buffer | 'over' {
    return this.#pieces === undefined ? 'over' : Buffer.concat(this.#pieces)
  }

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.#length += piece.length
    if (this.#length > this.#most) this.#pieces = undefined
    // A piece may lie in a larger buffer that is used again.
    else this.#pieces?.push(Buffer.from(piece))
    done()
  }
}
