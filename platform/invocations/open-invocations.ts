import type { DataReplyHead } from '../../runtime/contract/data.ts'
import type { ReplyHead } from '../../runtime/contract/messages.ts'
import type { LaneReply } from '../../runtime/lane/lane-reply.ts'
import type { ByteFlow } from './byte-flow.ts'

/** The bytes of an event. A Buffer is all of it. A flow is still with its sender, and is read when the function reads. */
export type EventBody = Buffer | ByteFlow

/** A reply that comes beside the lane, while its invocation goes on. */
export interface StreamedReply extends DataReplyHead {
  readonly kind: 'streamed'
  /** undefined: not one that HTTP can carry. */
  readonly head: ReplyHead | undefined
  readonly body: ByteFlow
  /** What the lane says of it in the end. */
  readonly settled: Promise<LaneReply>
}

/** What came back for an invocation, by whichever way. */
export type Reply = LaneReply | StreamedReply

/** An invocation somebody here waits for. */
export interface OpenInvocation {
  readonly tenant: string
  readonly depth: number
  readonly body: EventBody
  /** @returns false when nobody wants it: there is an answer already, or its caller has left */
  takeReply(reply: Omit<StreamedReply, 'kind' | 'settled'>): boolean
}

/** What this gateway waits for, by `id/attempt`: what workers may ask it about. From its submission to the lane's last word on it. */
export class OpenInvocations {
  readonly #open = new Map<string, OpenInvocation>()

  get(key: string): OpenInvocation | undefined {
    return this.#open.get(key)
  }

  add(key: string, invocation: OpenInvocation): void {
    this.#open.set(key, invocation)
  }

  remove(key: string): void {
    this.#open.delete(key)
  }
}
