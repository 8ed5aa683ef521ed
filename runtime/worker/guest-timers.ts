import { MAX_TIMEOUT_MS } from '../contract/limits.ts'

/** The prelude allows each call 1 000; behind it this only bounds a cell that lies. */
const MAX_OPEN_TIMERS = 10_000

/** The timers of one invocation: the clock is the worker's, the callbacks are the guest's. */
export class GuestTimers implements Disposable {
  readonly #fire: (number: number) => void
  readonly #timers = new Map<number, NodeJS.Timeout>()

  constructor(fire: (number: number) => void) {
    this.#fire = fire
  }

  set(number: number, delayMs: number): void {
    if (this.#timers.size >= MAX_OPEN_TIMERS) return
    const wait = Number.isFinite(delayMs) ? Math.min(Math.max(0, delayMs), MAX_TIMEOUT_MS) : 0
    clearTimeout(this.#timers.get(number))
    this.#timers.set(
      number,
      setTimeout(() => {
        this.#timers.delete(number)
        this.#fire(number)
      }, wait),
    )
  }

  clear(number: number): void {
    clearTimeout(this.#timers.get(number))
    this.#timers.delete(number)
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }
}
