import type { Redis } from 'ioredis'
import { connected, SILENCE_MS } from './connection.ts'

export interface StreamEntry {
  readonly id: string
  /** field, value, field, value … */
  readonly fields: Buffer[]
}

export interface StreamReaderOptions {
  /** A connection of its own: it blocks, and is silent for up to READER_SILENCE_MS. */
  readonly redis: Redis
  readonly key: string
  /** '0' reads from the start of the stream. */
  readonly from: string
  /**
   * A consumer group that remembers on the server how far this reader has come: what lies behind that, nobody has seen.
   * Default: none, the reader alone knows.
   */
  readonly group?: string
  readonly onEntries: (entries: StreamEntry[]) => void
  /** After every (re)connection, once the stream has been read to its end: only now is what is missing known to be missing. */
  readonly onCaughtUp?: () => void
}

type RawEntry = [id: Buffer, fields: Buffer[]]
type RawStreams = [Buffer, RawEntry[]][] | null

const AT_ONCE = 256
/** Its owner hears in another way that the stream is gone, and stops the reader. */
const LOOK_AGAIN_MS = 100
/** How long one read waits: a stream that nobody writes to looks like a dead connection meanwhile. */
const READ_BLOCK_MS = 1_000
/** For the connection of a reader. */
export const READER_SILENCE_MS = READ_BLOCK_MS + SILENCE_MS

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
        while (!this.#stopped) await this.#read(READ_BLOCK_MS, onEntries)
      } catch (error) {
        if (this.#stopped) return
        this.#caughtUp = false
        if (isGone(error)) {
          await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
          continue
        }
        if (!isConnectionError(error)) throw error
        // The status changes a moment after the command fails; without this turn the loop would spin.
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
  }

  async #read(blockMs: number | undefined, onEntries: (entries: StreamEntry[]) => void): Promise<boolean> {
    const { group } = this.#options
    const raw = group === undefined ? await this.#readFrom(this.#lastId, blockMs) : await this.#readGroup(group, blockMs)
    if (raw.length === 0 || this.#stopped) return false
    const read = raw.map(([id, fields]) => ({ id: id.toString('latin1'), fields }))
    // A group is as old as its Redis, which may have begun anew and have forgotten how far this reader had come.
    const entries = read.filter(({ id }) => isAfter(id, this.#lastId))
    this.#lastId = entries.at(-1)?.id ?? this.#lastId
    if (entries.length > 0) onEntries(entries)
    return true
  }

  async #readFrom(after: string, blockMs: number | undefined): Promise<RawEntry[]> {
    const { redis, key } = this.#options
    const reply = (
      blockMs === undefined
        ? await redis.xreadBuffer('COUNT', AT_ONCE, 'STREAMS', key, after)
        : await redis.xreadBuffer('COUNT', AT_ONCE, 'BLOCK', blockMs, 'STREAMS', key, after)
    ) as RawStreams
    return reply?.[0]?.[1] ?? []
  }

  async #readGroup(group: string, blockMs: number | undefined): Promise<RawEntry[]> {
    const { redis, key } = this.#options
    if (blockMs === undefined) {
      // What was on its way when the connection was cut: the group counts it as seen.
      const lost = await redis.xrangeBuffer(key, `(${this.#lastId}`, await this.#seenBy(group), 'COUNT', AT_ONCE)
      if (lost.length > 0) return lost as RawEntry[]
    }
    const reply = (
      blockMs === undefined
        ? await redis.xreadgroupBuffer('GROUP', group, group, 'COUNT', AT_ONCE, 'NOACK', 'STREAMS', key, '>')
        : await redis.xreadgroupBuffer('GROUP', group, group, 'COUNT', AT_ONCE, 'BLOCK', blockMs, 'NOACK', 'STREAMS', key, '>')
    ) as RawStreams
    return reply?.[0]?.[1] ?? []
  }

  async #seenBy(group: string): Promise<string> {
    const { redis, key } = this.#options
    const groups = (await redis.xinfo('GROUPS', key)) as (string | number)[][]
    const fields = groups.find((one) => one[1] === group) ?? []
    return String(fields[fields.indexOf('last-delivered-id') + 1])
  }

  stop(): void {
    this.#stopped = true
    this.#end.resolve()
    this.#options.redis.disconnect()
  }
}

/** Of two ids of stream entries, `milliseconds-sequence`. */
function isAfter(id: string, other: string): boolean {
  const [ms, sequence] = numbersOf(id)
  const [otherMs, otherSequence] = numbersOf(other)
  return ms > otherMs || (ms === otherMs && sequence > otherSequence)
}

function numbersOf(id: string): [number, number] {
  const [ms, sequence = '0'] = id.split('-') as [string, string?]
  return [Number(ms), Number(sequence)]
}

/** The verb's fate is unknown: the connection went while it was under way, or was not there. */
export function isConnectionError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return (
    error.name === 'MaxRetriesPerRequestError' ||
    /Connection is closed|Stream isn't writeable|ECONN|EPIPE|LOADING|enableOfflineQueue/.test(error.message)
  )
}

function isGone(error: unknown): boolean {
  return error instanceof Error && /^NOGROUP|no such key|UNBLOCKED/.test(error.message)
}
