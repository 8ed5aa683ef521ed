/** One answered call. */
export interface Sample {
  readonly startedAt: number
  readonly ms: number
  /** `200`, or what came instead, in words. */
  readonly ending: string
}

/** Calls again and again at a steady pace, whether the last call has been answered or not, and keeps what came back. */
export class Traffic implements AsyncDisposable {
  readonly samples: Sample[] = []
  readonly #call: () => Promise<Response>
  readonly #open = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout

  constructor(everyMs: number, call: () => Promise<Response>) {
    this.#call = call
    this.#timer = setInterval(() => this.#send(), everyMs)
  }

  /** Those that were open or begun from then on. */
  since(time: number): readonly Sample[] {
    return this.samples.filter(({ startedAt, ms }) => startedAt + ms >= time)
  }

  /** Resolves when all that are under way now have been answered. */
  async settled(): Promise<void> {
    await Promise.all([...this.#open])
  }

  #send(): void {
    const startedAt = performance.now()
    const done = this.#call()
      .then(async (response) => ending(response.status, await response.text()))
      .catch((error: Error) => `no answer: ${error.message}`)
      .then((words) => void this.samples.push({ startedAt, ms: performance.now() - startedAt, ending: words }))
      .finally(() => this.#open.delete(done))
    this.#open.add(done)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.settled()
  }
}

function ending(status: number, text: string): string {
  return status === 200 ? '200' : `${status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? text.slice(0, 100)}`
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
