import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'

/** A ledger that lived this long did start: the next one is not delayed. */
const STEADY_MS = 5_000
const FIRST_RETRY_MS = 100
const MAX_RETRY_MS = 10_000
const STOP_GRACE_MS = 5_000

interface Parts {
  readonly env: NodeJS.ProcessEnv
  readonly log: Pick<Logger, 'error' | 'warn'>
}

/** Keeps one ledger process alive. While it is down bills are late and nothing else is: records wait in the lane's stream. */
export class LedgerProcess {
  readonly #parts: Parts
  readonly #stopping = new AbortController()
  readonly #ready = Promise.withResolvers<void>()
  readonly #ended: Promise<void>
  #child: ChildProcess | undefined

  /** `env` as ledger-main.ts reads it. */
  constructor(parts: Parts) {
    this.#parts = parts
    this.#ended = this.#keepAlive()
  }

  /** Resolves when a ledger has first opened. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Lets it drain the stream once more, then waits for its end. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    const child = this.#child
    child?.kill('SIGTERM')
    const killer = setTimeout(() => child?.kill('SIGKILL'), STOP_GRACE_MS)
    await this.#ended
    clearTimeout(killer)
  }

  async #keepAlive(): Promise<void> {
    let retryMs = FIRST_RETRY_MS
    while (!this.#stopping.signal.aborted) {
      const startedAt = performance.now()
      const ending = await this.#runOnce()
      if (this.#stopping.signal.aborted) return
      retryMs = performance.now() - startedAt > STEADY_MS ? FIRST_RETRY_MS : Math.min(retryMs * 2, MAX_RETRY_MS)
      this.#parts.log.error({ ending, retryMs }, 'The ledger process ended unasked: usage records wait in the lane until it is back')
      await sleep(retryMs, undefined, { signal: this.#stopping.signal }).catch(() => {})
    }
  }

  /** How it ended, in words. */
  #runOnce(): Promise<string> {
    return new Promise((resolve) => {
      const child = fork(new URL('ledger-main.ts', import.meta.url), { env: this.#parts.env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      this.#child = child
      child.once('message', () => this.#ready.resolve())
      child.once('error', (error) => resolve(error.message))
      child.once('exit', (code, signal) => {
        this.#child = undefined
        resolve(signal ?? `exit code ${code}`)
      })
    })
  }
}
