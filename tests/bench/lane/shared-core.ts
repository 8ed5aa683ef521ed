interface Job {
  readonly done: () => void
  /** Service each job will have received when this one is done, on the core's own count. */
  readonly endsAt: number
}

/**
 * One core, shared equally by all that compute on it (processor sharing): with n of them, each advances at 1/n of its speed.
 * Knows no clock: whoever owns it says what time it is.
 */
export class SharedCore {
  /** Sorted by `endsAt`. */
  readonly #jobs: Job[] = []
  /** Service, in ms, that one who has been here from the start would have received. */
  #served = 0
  #now: number
  /** Time with nothing to compute, up to the last call. */
  idleMs = 0

  constructor(nowMs: number) {
    this.#now = nowMs
  }

  get busy(): number {
    return this.#jobs.length
  }

  add(cpuMs: number, nowMs: number, done: () => void): void {
    this.advance(nowMs)
    const endsAt = this.#served + cpuMs
    const at = this.#jobs.findIndex((job) => job.endsAt > endsAt)
    this.#jobs.splice(at === -1 ? this.#jobs.length : at, 0, { done, endsAt })
  }

  /** Ends what is done by now, each at the time it was done: a late caller changes nothing about the others' share. */
  advance(nowMs: number): void {
    const finished: Job[] = []
    for (;;) {
      const next = this.nextEnd()
      if (next === undefined || next > nowMs) break
      const job = this.#jobs.shift() as Job
      this.#served = job.endsAt
      this.#now = next
      finished.push(job)
    }
    const passed = Math.max(0, nowMs - this.#now)
    if (this.#jobs.length > 0) this.#served += passed / this.#jobs.length
    else this.idleMs += passed
    this.#now = Math.max(nowMs, this.#now)
    for (const job of finished) job.done()
  }

  /** When the next one will be done if nobody else comes. */
  nextEnd(): number | undefined {
    const [first] = this.#jobs
    return first === undefined ? undefined : this.#now + Math.max(0, first.endsAt - this.#served) * this.#jobs.length
  }
}
