import type { Logger } from 'pino'
import type { Fleet, FleetMember } from './fleet.ts'

const SAY_AGAIN_MS = 60_000

/** Workers that somebody else starts and that join by themselves: this fleet can only say how many are wanted. */
export class ExternalFleet implements Fleet {
  readonly #log: Pick<Logger, 'warn'>
  readonly #now: () => number
  #saidAt = Number.NEGATIVE_INFINITY

  constructor({ log, now = () => performance.now() }: { log: Pick<Logger, 'warn'>; now?: () => number }) {
    this.#log = log
    this.#now = now
  }

  members(): readonly FleetMember[] {
    return []
  }

  owns(): boolean {
    return false
  }

  start(count: number): void {
    if (count === 0 || this.#now() - this.#saidAt < SAY_AGAIN_MS) return
    this.#saidAt = this.#now()
    this.#log.warn({ count }, 'More workers are wanted than have joined: start them where they run')
  }

  seen(): void {}
  drain(): void {}
  undrain(): void {}
  end(): void {}
  async stop(): Promise<void> {}
}
