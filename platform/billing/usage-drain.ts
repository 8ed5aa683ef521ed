import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { UsageRecord } from '../../runtime/contract/usage.ts'
import type { Ledger } from './ledger.ts'
import { parseUsageRecord } from './parse-usage-record.ts'

/** What the ledger needs of a lane. */
export interface UsageSource {
  /**
   * Records after the entry `afterId`, oldest first, each as JSON text, as many as one read gives; `lastId` is the
   * last entry's id, or `afterId` when there is none. Waits up to `blockMs` for a first entry; 0: does not wait.
   */
  read(afterId: string, blockMs: number): Promise<{ readonly lastId: string; readonly records: readonly string[] }>
  /** Deletes every entry up to and including this one. */
  trim(throughId: string): Promise<void>
}

/** `lagMs`: how old the oldest record may be that the lane has and the ledger has not. The counts are since this process began. */
export interface DrainStatus {
  readonly lagMs: number
  readonly inserted: number
  readonly duplicates: number
  /** Entries that are no usage record: logged, counted and dropped, so that they hold nothing up. */
  readonly rejected: number
}

/**
 * Every read begins at the stream's start. What is in the ledger has been trimmed, so whatever is there still has to
 * be written, also after a crash between commit and trim or a stream that went back in time with its Redis.
 */
const START = '0'

/** Between two busy reads: batches grow instead of commits. A query never waits for it. */
const LINGER_MS = 50
const BLOCK_MS = 1_000
const RETRY_MS = 500
/** A stream filled faster than it is drained for this long counts as a failure to reach its end. */
const MAX_DRAIN_MS = 10_000
const MAX_LOGGED_CHARS = 500

interface Parts {
  readonly stream: UsageSource
  /** The same stream on a connection of its own, which may block. */
  readonly bell: UsageSource
  readonly ledger: Pick<Ledger, 'insert'>
  readonly log: Pick<Logger, 'warn' | 'error' | 'info'>
  /** Monotonic, in milliseconds. */
  readonly now: () => number
}

/** Moves usage records from the lane's stream into the ledger: insert, commit, then trim. */
export class UsageDrain {
  readonly #parts: Parts
  #running: Promise<number> | undefined
  #following: Promise<number> | undefined
  #listening = false
  #atEndAt: number
  #inserted = 0
  #duplicates = 0
  #rejected = 0

  constructor(parts: Parts) {
    this.#parts = parts
    this.#atEndAt = parts.now()
  }

  status(): DrainStatus {
    const lagMs = this.#listening ? 0 : this.#parts.now() - this.#atEndAt
    return { lagMs, inserted: this.#inserted, duplicates: this.#duplicates, rejected: this.#rejected }
  }

  /** Drains until told to stop. Outlives every failure of lane and disk. */
  async run(stop: AbortSignal): Promise<void> {
    let failing = false
    while (!stop.aborted) {
      try {
        const found = await this.toEnd()
        if (failing) this.#parts.log.info('Usage records flow again')
        failing = false
        if (found > 0) await sleep(LINGER_MS, undefined, { signal: stop })
        else await this.#listen()
      } catch (error) {
        if (stop.aborted) return
        if (!failing) this.#parts.log.error({ err: error }, 'Cannot move usage records from the lane to the ledger: trying again until it works')
        failing = true
        await sleep(RETRY_MS, undefined, { signal: stop }).catch(() => {})
      }
    }
  }

  /**
   * Every record the stream holds now is in the ledger when this resolves, with the number of entries' records read.
   * Calls that come while a drain runs share the one after it, since that one began after they asked.
   */
  toEnd(): Promise<number> {
    if (!this.#running) return this.#begin()
    this.#following ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    )
    return this.#following
  }

  #begin(): Promise<number> {
    this.#following = undefined
    const running = this.#drain().finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }

  async #drain(): Promise<number> {
    const { stream, now } = this.#parts
    const begunAt = now()
    let found = 0
    for (;;) {
      const { lastId, records } = await stream.read(START, 0)
      if (lastId === START) break
      this.#store(records)
      await stream.trim(lastId)
      found += records.length
      if (now() - begunAt > MAX_DRAIN_MS) throw new Error(`Cannot reach the end of the usage stream: still filling after ${MAX_DRAIN_MS} ms`)
    }
    this.#atEndAt = now()
    return found
  }

  /** Waits for an entry without taking it. The stream is empty while this waits. */
  async #listen(): Promise<void> {
    this.#listening = true
    try {
      await this.#parts.bell.read(START, BLOCK_MS)
    } finally {
      this.#listening = false
      this.#atEndAt = this.#parts.now()
    }
  }

  #store(texts: readonly string[]): void {
    const records: UsageRecord[] = []
    let rejected = 0
    for (const text of texts) {
      try {
        records.push(parseUsageRecord(JSON.parse(text)))
      } catch (error) {
        rejected += 1
        this.#parts.log.warn({ err: error, entry: text.slice(0, MAX_LOGGED_CHARS) }, 'Dropped a usage entry that cannot be read')
      }
    }
    const inserted = records.length > 0 ? this.#parts.ledger.insert(records) : 0
    this.#inserted += inserted
    this.#duplicates += records.length - inserted
    this.#rejected += rejected
  }
}
