import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { commandOf, familyOf } from '../../processes.ts'

export const PARTS = ['gateway', 'worker', 'cell', 'Redis'] as const
export type Part = (typeof PARTS)[number]

/** MiB that a part held above what it held at the beginning, at most: in the first half of the time, and in the second. */
export type Growth = Readonly<Record<Part, { readonly first: number; readonly second: number }>>

export interface Places {
  /** Process ids. */
  readonly gateway: number
  readonly worker: number
  /** Of the Redis servers. */
  readonly sockets: readonly string[]
}

interface Look extends Record<'gateway' | 'worker' | 'Redis', number> {
  readonly cells: ReadonlyMap<number, number>
}

/** In a cell's command line, and in no other. */
const CELL = '--single-threaded-gc'
const EVERY_MS = 50
const PAGE_BYTES = 4_096
const MIB = 1_048_576

/**
 * Resident memory of a platform with one worker: of its processes from /proc, of its Redis servers by their own word
 * (`used_memory`, both together). Of the cells the one that grew most.
 */
export class MemoryWatch implements Disposable {
  readonly #places: Places
  readonly #redis: readonly Redis[]
  #before: Look | undefined

  constructor(places: Places) {
    this.#places = places
    this.#redis = places.sockets.map((path) => new Redis({ path }))
  }

  /** What all growth is counted from. */
  async begin(): Promise<void> {
    this.#before = await this.#look()
  }

  /** Looks every 50 ms while `work` is under way. */
  async during<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly growth: Growth }> {
    const before = this.#before as Look
    const blank = Math.min(...before.cells.values())
    const looks: Record<Part, number>[] = []
    let over = false
    const watching = (async () => {
      while (!over) {
        const now = await this.#look()
        looks.push({
          gateway: now.gateway - before.gateway,
          worker: now.worker - before.worker,
          cell: Math.max(0, ...[...now.cells].map(([pid, bytes]) => bytes - (before.cells.get(pid) ?? blank))),
          Redis: now.Redis - before.Redis,
        })
        await new Promise((resolve) => setTimeout(resolve, EVERY_MS))
      }
    })()
    const result = await work().finally(() => (over = true))
    await watching
    const half = Math.ceil(looks.length / 2)
    const most = (part: Part, from: number, to: number): number => Math.max(0, ...looks.slice(from, to).map((look) => look[part])) / MIB
    const growth = Object.fromEntries(PARTS.map((part) => [part, { first: most(part, 0, half), second: most(part, half, looks.length) }]))
    return { result, growth: growth as Growth }
  }

  async #look(): Promise<Look> {
    const cells = familyOf(this.#places.worker).filter((pid) => commandOf(pid).includes(CELL))
    return {
      gateway: residentBytes(this.#places.gateway),
      worker: residentBytes(this.#places.worker),
      cells: new Map(cells.map((pid) => [pid, residentBytes(pid)])),
      Redis: (await Promise.all(this.#redis.map(usedMemory))).reduce((sum, bytes) => sum + bytes, 0),
    }
  }

  [Symbol.dispose](): void {
    for (const redis of this.#redis) redis.disconnect()
  }
}

/** 0 once it is gone. */
function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES
  } catch {
    return 0
  }
}

async function usedMemory(redis: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1])
}
