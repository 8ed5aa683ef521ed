import { setTimeout as pause } from 'node:timers/promises'
import type { Deployment } from './deployment.ts'
import type { Part } from './part.ts'

const EVERY_MS = 100
const WITHIN_MS = 2_000
/** An outage that begins so shortly before a trouble is that trouble's: its last good answer came just before. */
const ROUND_MS = 3 * EVERY_MS

interface Success {
  /** Milliseconds since 1970. */
  readonly askedAt: number
  readonly answeredAt: number
}

/** Asks each gateway, ten times a second, for its health and for a call of `hello`, and knows when both went well. */
export class Probe {
  readonly #deployment: Deployment
  readonly #stop = new AbortController()
  readonly #successes: Success[][]
  readonly #asking: Promise<void>[]

  constructor(deployment: Deployment) {
    this.#deployment = deployment
    this.#successes = deployment.gateways.map(() => [])
    this.#asking = deployment.gateways.map((gateway, i) => this.#ask(gateway, this.#successes[i] as Success[]))
  }

  /** Every gateway has answered well a question asked since then. */
  answersSince(at: number): boolean {
    return this.#successes.every((successes) => successes.some(({ askedAt }) => askedAt >= at))
  }

  /** The longest time that a gateway gave no good answer for, of those that began before `until` and ended after `from`; undefined: one never ended. */
  longestOutage(from: number, until: number): number | undefined {
    if (!this.answersSince(from)) return undefined
    const gaps = this.#successes.flatMap((successes) => {
      const times = successes.map(({ answeredAt }) => answeredAt).sort((a, b) => a - b)
      return times.flatMap((time, i) => {
        const before = times[i - 1]
        return before !== undefined && before < until - ROUND_MS && time > from ? [time - before] : []
      })
    })
    return Math.max(0, ...gaps)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#asking)
  }

  /** A question that is not answered does not hold up the next. */
  async #ask(gateway: Part, successes: Success[]): Promise<void> {
    const asked: Promise<void>[] = []
    for (; !this.#stop.signal.aborted; await pause(EVERY_MS)) asked.push(this.#askOnce(gateway, successes))
    await Promise.all(asked)
  }

  async #askOnce(gateway: Part, successes: Success[]): Promise<void> {
    const askedAt = Date.now()
    try {
      const signal = AbortSignal.timeout(WITHIN_MS)
      const health = await this.#deployment.fetch(gateway, '/healthz', { signal })
      await health.text()
      const hello = await this.#deployment.fetch(gateway, '/v1/functions/hello/invocations', { method: 'POST', body: 'null', signal })
      await hello.text()
      if (health.ok && hello.ok) successes.push({ askedAt, answeredAt: Date.now() })
    } catch {
      // Not now.
    }
  }
}
