import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

const LOOK_MS = 10
/** Node, V8 and two blank sandboxes, as the platform counts them. */
const YOUNG_CELL_MB = 40
/** No attack may take the machine with it, whatever the platform does: far above every limit that is tested. */
const NEVER_ABOVE_MB = 1_536

/** Looks at the cells of a worker from outside, every 10 ms: which there are, and their anonymous memory. */
export class CellWatch implements Disposable {
  readonly #workerPid: number
  readonly #timer: NodeJS.Timeout
  /** Each cell's memory when it was first seen. */
  readonly #seen = new Map<number, number>()
  #peakMb = 0
  #grewMb = 0
  #runnable = 0
  #looks = 0
  /** Cells that this watch itself had to end. */
  readonly rescued: number[] = []

  constructor(workerPid: number) {
    this.#workerPid = workerPid
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  /** Starts a new round of `peakMb`, `gone` and `crowding`. */
  begin(): void {
    this.#seen.clear()
    this.#peakMb = 0
    this.#grewMb = 0
    this.#runnable = 0
    this.#looks = 0
    this.#look()
  }

  /** Anonymous memory of the largest cell of this round. */
  get peakMb(): number {
    return this.#peakMb
  }

  /** By how much the cell that grew most did so in this round; what a young cell grows to without any tenant is not counted. */
  get grewMb(): number {
    return this.#grewMb
  }

  /** How many processes wanted each core, on average over this round; at least 1. */
  get crowding(): number {
    return Math.max(1, this.#runnable / this.#looks / availableParallelism())
  }

  /** Cells of this round that are no more. */
  gone(): number[] {
    const now = new Set(this.#cells())
    return [...this.#seen.keys()].filter((pid) => !now.has(pid))
  }

  #cells(): number[] {
    return (read(`/proc/${this.#workerPid}/task/${this.#workerPid}/children`).match(/\d+/g) ?? []).map(Number)
  }

  #look(): void {
    this.#looks++
    this.#runnable += Number(/ (\d+)\/\d+ /.exec(read('/proc/loadavg'))?.[1] ?? 0)
    for (const pid of this.#cells()) {
      const mb = Number(/^RssAnon:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024
      if (!this.#seen.has(pid)) this.#seen.set(pid, Math.max(mb, YOUNG_CELL_MB))
      this.#peakMb = Math.max(this.#peakMb, mb)
      this.#grewMb = Math.max(this.#grewMb, mb - (this.#seen.get(pid) as number))
      if (mb > NEVER_ABOVE_MB) {
        this.rescued.push(pid)
        process.kill(pid, 'SIGKILL')
      }
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}

/** Processes come and go while they are looked at. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
