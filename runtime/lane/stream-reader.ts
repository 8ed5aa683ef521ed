import type { Redis } from 'ioredis'
import { connected } from './connection.ts'

export interface StreamEntry {
  readonly id: string
  /** field, value, field, value … */
  readonly fields: Buffer[]
}

export interface StreamReaderOptions {
  /** A connection of its own: it blocks. */
  readonly redis: Redis
  readonly key: string
  /** '0' reads from the start of the stream. */
  readonly from: string
  readonly onEntries: (entries: StreamEntry[]) => void
  /** After every (re)connection, once the stream has been read to its end: only now is what is missing known to be missing. */
  readonly onCaughtUp?: () => void
}

const AT_ONCE = 256
/** A half-open connection would otherwise block for ever. */
const BLOCK_MS = 5_000

/** Follows one stream, across reconnections, from the last entry seen. */
export class StreamReader {
  readonly #options: StreamReaderOptions
  readonly #end = Promise.withResolvers<void>()
  #lastId: string
  #stopped = false
  #caughtUp = false

  constructor(options: StreamReaderOptions) {
    this.#options = options
    this.#lastId = options.from
  }

  /** The last entry handed on; '' while there was none. Its owner's next verb deletes the stream up to here. */
  get lastId(): string {
    return this.#lastId === '0' || this.#lastId === '0-0' ? '' : this.#lastId
  }

  /** Read to its end since the last (re)connection. */
  get caughtUp(): boolean {
    return this.#caughtUp
  }

  /** Until it is stopped, whatever its connection is doing then. */
  async run(): Promise<void> {
    await Promise.race([this.#follow(), this.#end.promise])
  }

  async #follow(): Promise<void> {
    const { redis, onEntries, onCaughtUp } = this.#options
    while (!this.#stopped) {
      try {
        await connected(redis)
        while (await this.#read(undefined, onEntries));
        if (this.#stopped) return
        this.#caughtUp = true
        onCaughtUp?.()
        while (!this.#stopped) await this.#read(BLOCK_MS, onEntries)
      } catch (error) {
        if (this.#stopped) return
        this.#caughtUp = false
        if (!isConnectionError(error)) throw error
        // The status changes a moment after the command fails; without this turn the loop would spin.
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
  }

  async #read(blockMs: number | undefined, onEntries: (entries: StreamEntry[]) => void): Promise<boolean> {
    const { redis, key } = this.#options
    const reply = (
      blockMs === undefined
        ? await redis.xreadBuffer('COUNT', AT_ONCE, 'STREAMS', key, this.#lastId)
        : await redis.xreadBuffer('COUNT', AT_ONCE, 'BLOCK', blockMs, 'STREAMS', key, this.#lastId)
    ) as [Buffer, [Buffer, Buffer[]][]][] | null
    const raw = reply?.[0]?.[1]
    if (raw === undefined || raw.length === 0 || this.#stopped) return false
    const entries = raw.map(([id, fields]) => ({ id: id.toString('latin1'), fields }))
    this.#lastId = (entries.at(-1) as StreamEntry).id
    onEntries(entries)
    return true
  }

  stop(): void {
    this.#stopped = true
    this.#end.resolve()
    this.#options.redis.disconnect()
  }
}

/** The verb's fate is unknown: the connection went while it was under way, or was not there. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return (
    error.name === 'MaxRetriesPerRequestError' ||
    /Connection is closed|Stream isn't writeable|ECONN|EPIPE|LOADING|enableOfflineQueue/.test(error.message)
  )
}
