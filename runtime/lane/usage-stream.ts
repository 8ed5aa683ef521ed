import type { Redis } from 'ioredis'
import { MAIN_LANE } from '../contract/lanes.ts'
import { lanePrefix } from './scripts.ts'

export interface UsageEntries {
  /** Of the last entry read; what `after` was when there was none. */
  readonly lastId: string
  /** Each still as it was written: the reader parses. */
  readonly records: string[]
}

const AT_ONCE = 500

/** The lane's usage records, in the order they were settled. One reader at a time, which trims what it has kept. */
export class UsageStream {
  readonly #redis: Redis
  readonly #key: string

  constructor(redis: Redis, lane: string = MAIN_LANE) {
    this.#redis = redis
    this.#key = `${lanePrefix(lane)}usage`
  }

  /** Up to 500 entries (each of one batch of records) after `after` ('0' for the start), waiting up to `blockMs` (0: not at all). */
  async read(after: string, blockMs: number): Promise<UsageEntries> {
    const reply = (
      blockMs > 0
        ? await this.#redis.xread('COUNT', AT_ONCE, 'BLOCK', blockMs, 'STREAMS', this.#key, after)
        : await this.#redis.xread('COUNT', AT_ONCE, 'STREAMS', this.#key, after)
    ) as [string, [string, string[]][]][] | null
    const entries = reply?.[0]?.[1] ?? []
    const records: string[] = []
    for (const [, fields] of entries) for (let i = 1; i < fields.length; i += 2) records.push(fields[i] as string)
    return { lastId: entries.at(-1)?.[0] ?? after, records }
  }

  /** Deletes everything up to and including `through`. */
  async trim(through: string): Promise<void> {
    const [ms, sequence] = through.split('-') as [string, string | undefined]
    await this.#redis.xtrim(this.#key, 'MINID', `${ms}-${BigInt(sequence ?? '0') + 1n}`)
  }
}
