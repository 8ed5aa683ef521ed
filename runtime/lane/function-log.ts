import type { Redis } from 'ioredis'
import { MAIN_LANE } from '../contract/lanes.ts'
import { functionKey } from '../contract/names.ts'
import { connected, openLaneConnection, type RedisUrl, SILENCE_MS } from './connection.ts'
import { lanePrefix } from './scripts.ts'
import { TurnBatch } from './turn-batch.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** One line a function wrote. */
export interface LogLine {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly id: string
  readonly version: number
  readonly level: string
  readonly message: string
}

/** Kept per function; a newer line pushes the oldest out. */
const LINES_KEPT = 1_000
const KEPT_FOR_MS = 24 * 3_600_000
/** Of one read for the next line. */
const LONGEST_WAIT_MS = 10_000

interface Entry {
  readonly key: string
  readonly line: LogLine
}

/** The last lines of each function, in the lane's Redis: short-lived, bounded, and never in the way of a reply. */
export class FunctionLog {
  readonly #redis: Redis
  readonly #prefix: string
  readonly #batch: TurnBatch<Entry>

  constructor({ url, lane = MAIN_LANE, onError }: { url: RedisUrl; lane?: string; onError: (error: Error) => void }) {
    this.#redis = openLaneConnection(url, 'function-log', onError, LONGEST_WAIT_MS + SILENCE_MS)
    this.#prefix = lanePrefix(lane)
    this.#batch = new TurnBatch(
      (entries) => this.#append(entries),
      ({ line }) => line.message.length,
    )
  }

  append(tenant: string, name: string, line: LogLine): void {
    this.#batch.add({ key: this.#key(tenant, name), line })
  }

  /** Lines after `after` ('0' for the oldest kept), waiting up to `blockMs` for the first (0: not at all; at most 10 s). Blocks its connection. */
  async read(tenant: string, name: string, after: string, blockMs: number): Promise<{ lastId: string; lines: LogLine[] }> {
    await connected(this.#redis)
    const key = this.#key(tenant, name)
    const reply = (
      blockMs > 0
        ? await this.#redis.xread('COUNT', LINES_KEPT, 'BLOCK', blockMs, 'STREAMS', key, after)
        : await this.#redis.xread('COUNT', LINES_KEPT, 'STREAMS', key, after)
    ) as [string, [string, string[]][]][] | null
    const entries = reply?.[0]?.[1] ?? []
    return { lastId: entries.at(-1)?.[0] ?? after, lines: entries.map(([, fields]) => JSON.parse(fields[1] as string) as LogLine) }
  }

  /** For a function that was deleted. While the lane is away it does nothing: the lines go by their age then. */
  async remove(tenant: string, name: string): Promise<void> {
    if (this.#redis.status === 'ready') await this.#redis.del(this.#key(tenant, name)).catch(() => {})
  }

  close(): void {
    this.#redis.disconnect()
  }

  #append(entries: Entry[]): void {
    const pipeline = this.#redis.pipeline()
    const keys = new Set<string>()
    for (const { key, line } of entries) {
      pipeline.xadd(key, 'MAXLEN', '~', LINES_KEPT, '*', 'l', JSON.stringify(line))
      keys.add(key)
    }
    for (const key of keys) pipeline.pexpire(key, KEPT_FOR_MS)
    // Lines written while the lane is away are lost: a log must never hold up or outweigh the work.
    pipeline.exec().catch(() => {})
  }

  #key(tenant: string, name: string): string {
    return `${this.#prefix}log:${functionKey(tenant, name)}`
  }
}
