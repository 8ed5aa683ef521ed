export interface TenantQueueOptions {
  /** Pieces of work under way at once, of all tenants. */
  readonly atOnce: number
  readonly atOncePerTenant: number
  readonly mostWaitingPerTenant: number
}

/**
 * Gives out turns, to tenants in rotation and not in the order of asking: who asks for many waits for himself. Nobody holds more
 * than his part of the turns, so that what is slow in one tenant's hands does not stop the others.
 */
export class TenantQueue {
  readonly #options: TenantQueueOptions
  /** Who waits, and with how much; whose turn comes first, first. */
  readonly #waiting = new Map<string, (() => void)[]>()
  readonly #running = new Map<string, number>()
  #taken = 0

  constructor(options: TenantQueueOptions) {
    this.#options = options
  }

  /** Resolves when it is this tenant's turn; to be given back. undefined: too much of the tenant's waits already. */
  turn(tenant: string): Promise<Disposable> | undefined {
    const mine = this.#waiting.get(tenant) ?? []
    if (mine.length >= this.#options.mostWaitingPerTenant) return undefined
    const { promise, resolve } = Promise.withResolvers<Disposable>()
    this.#waiting.set(tenant, mine)
    mine.push(() => resolve({ [Symbol.dispose]: () => this.#giveBack(tenant) }))
    this.#goOn()
    return promise
  }

  waitingOf(tenant: string): number {
    return this.#waiting.get(tenant)?.length ?? 0
  }

  #goOn(): void {
    while (this.#taken < this.#options.atOnce) {
      const tenant = this.#waiting.keys().find((each) => (this.#running.get(each) ?? 0) < this.#options.atOncePerTenant)
      if (tenant === undefined) return
      const mine = this.#waiting.get(tenant) as (() => void)[]
      const start = mine.shift() as () => void
      // To the end of the rotation with it.
      this.#waiting.delete(tenant)
      if (mine.length > 0) this.#waiting.set(tenant, mine)
      this.#taken++
      this.#running.set(tenant, (this.#running.get(tenant) ?? 0) + 1)
      start()
    }
  }

  #giveBack(tenant: string): void {
    this.#taken--
    const left = (this.#running.get(tenant) as number) - 1
    if (left === 0) this.#running.delete(tenant)
    else this.#running.set(tenant, left)
    this.#goOn()
  }
}
