import type { OutgoingMessage } from 'node:http'
import type { Call } from '../invocations/invoke.ts'
import { Problem } from '../problem.ts'

/** Bodies of one tenant's calls that this gateway holds at once, and those of all tenants. */
export const MAX_TENANT_HELD_BYTES = 64 * 1024 * 1024
export const MAX_HELD_BYTES = 4 * MAX_TENANT_HELD_BYTES

/**
 * Counts one call's bytes as they are taken in.
 *
 * @throws Problem 503 when there is no room for them
 */
export type HoldBytes = (bytes: number) => void

/** Counts what this process holds of request bodies: any stranger may begin to send one, and be slow about its end. */
export class HeldBodies {
  readonly #tenants = new Map<string, number>()
  #all = 0

  get all(): number {
    return this.#all
  }

  /** Until the answer is out, or its caller has left. */
  holderFor(tenant: string, outgoing: OutgoingMessage): HoldBytes {
    const held = this.holding(tenant)
    let first = true
    return (bytes) => {
      held.hold(bytes)
      if (first) outgoing.once('close', () => held[Symbol.dispose]())
      first = false
    }
  }

  /** Until it is disposed of. */
  holding(tenant: string): Disposable & { readonly hold: HoldBytes } {
    let held = 0
    return {
      hold: (bytes) => {
        const before = this.#tenants.get(tenant) ?? 0
        if (before + bytes > MAX_TENANT_HELD_BYTES || this.#all + bytes > MAX_HELD_BYTES) throw noRoom(tenant)
        held += bytes
        this.#count(tenant, bytes)
      },
      [Symbol.dispose]: () => this.#count(tenant, -held),
    }
  }

  /** A call that goes on without its caller: from when he leaves its body counts on, until this is over. */
  keepFor(tenant: string, bytes: number, outgoing: OutgoingMessage, { answered }: Pick<Call, 'answered'>): void {
    if (bytes === 0) return
    const over = answered.then(({ reply }) => (reply.kind === 'streamed' ? reply.settled : undefined))
    let done = false
    void over.finally(() => (done = true))
    outgoing.once('close', () => {
      if (done) return
      this.#count(tenant, bytes)
      void over.finally(() => this.#count(tenant, -bytes))
    })
  }

  #count(tenant: string, bytes: number): void {
    this.#all += bytes
    const held = (this.#tenants.get(tenant) ?? 0) + bytes
    if (held === 0) this.#tenants.delete(tenant)
    else this.#tenants.set(tenant, held)
  }
}

function noRoom(tenant: string): Problem {
  return new Problem({
    status: 503,
    code: 'overloaded',
    detail: `Cannot take this body now: too many bytes of other calls of ${tenant} are held here. Try again after the time in Retry-After`,
    retryAfterSeconds: 1,
  })
}
