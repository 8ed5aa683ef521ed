import { HostError } from './operation.ts'

interface Lane {
  running: number
  /** In the order they came. */
  readonly waiting: Set<() => void>
}

/**
 * Lets each tenant have `most` pieces of work under way at once, so that one which asks for thousands waits for itself and
 * not others for it. Whoever has left by the time it is their turn is not served.
 */
export class TenantTurns {
  readonly #most: number
  readonly #lanes = new Map<string, Lane>()

  constructor(most: number) {
    this.#most = most
  }

  /** Rejects with an AbortError when `signal` aborts before `work` has begun; later it changes nothing. */
  async run<T>(tenant: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#enter(tenant, signal)
    try {
      return await work()
    } finally {
      this.#leave(tenant)
    }
  }

  async #enter(tenant: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw left()
    const lane = this.#lanes.get(tenant) ?? { running: 0, waiting: new Set() }
    this.#lanes.set(tenant, lane)
    if (lane.running < this.#most) {
      lane.running++
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const drop = (): void => {
      lane.waiting.delete(start)
      reject(left())
    }
    const start = (): void => {
      signal.removeEventListener('abort', drop)
      resolve()
    }
    lane.waiting.add(start)
    signal.addEventListener('abort', drop, { once: true })
    await promise
  }

  /** Its turn goes to the next of the same tenant. */
  #leave(tenant: string): void {
    const lane = this.#lanes.get(tenant) as Lane
    const [next] = lane.waiting
    if (next !== undefined) {
      lane.waiting.delete(next)
      next()
    } else if (--lane.running === 0) {
      this.#lanes.delete(tenant)
    }
  }
}

function left(): HostError {
  return new HostError('AbortError', 'It was given up before it began')
}
