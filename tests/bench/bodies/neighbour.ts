import { Worker } from 'node:worker_threads'

const CALLS_PER_SECOND = 20

/** Another tenant with small calls, 20 a second, from a thread of its own: what this one does delays no clock. */
export class Neighbour implements AsyncDisposable {
  readonly #thread: Worker
  readonly #calls: { readonly at: number; readonly ms: number; readonly failure: string | undefined }[] = []

  constructor(url: string, key: string) {
    this.#thread = new Worker(new URL('./neighbour-thread.ts', import.meta.url), { workerData: { url, key, everyMs: 1_000 / CALLS_PER_SECOND } })
    this.#thread.on('message', ([at, ms, failure]: [number, number, string | undefined]) => this.#calls.push({ at, ms, failure }))
  }

  /** How long its calls took, in ms, that began while `work` was under way, and why some failed. */
  async during<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly ms: number[]; readonly failures: string[] }> {
    const from = now()
    const result = await work()
    const to = now()
    // Those under way tell later.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const calls = this.#calls.filter(({ at }) => at >= from && at < to)
    return { result, ms: calls.map(({ ms }) => ms), failures: calls.flatMap(({ failure }) => failure ?? []) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.terminate()
  }
}

/** Of a clock that all threads share. */
function now(): number {
  return performance.timeOrigin + performance.now()
}
