import { readFileSync } from 'node:fs'
import { furthestGuardMs } from './kill-clock.ts'

/** Shorter slices say more about the clock's tick than about the machine. */
const BUSY_MS = 8
/** Weight of what was before, per busy slice. */
const FORGET = 0.7
/** Less CPU than a few ticks says nothing. */
const ENOUGH_CPU_MS = 20
const FRESH_MS = 1_000
const MOST_CROWDED = 16

/**
 * How much longer work takes here than the CPU it needs: 1 on a quiet machine, 3 where six processes share two cores.
 *
 * Known in two ways, of which the larger counts: what recent slices took (a while ago, but exact), and how many
 * processes want a core right now.
 */
export class Crowding {
  readonly #readRunnable: () => number
  readonly #cores: number
  readonly #now: () => number
  #seenAt = Number.NEGATIVE_INFINITY
  #wallMs = 0
  #cpuMs = 0

  constructor(readRunnable: () => number, cores: number, now: () => number) {
    this.#readRunnable = readRunnable
    this.#now = now
    this.#cores = Math.max(1, cores)
  }

  observe(wallMs: number, cpuMs: number): void {
    if (wallMs < BUSY_MS) return
    this.#seenAt = this.#now()
    this.#wallMs = this.#wallMs * FORGET + wallMs
    this.#cpuMs = this.#cpuMs * FORGET + cpuMs
  }

  get wallPerCpu(): number {
    // A crowd that has gone must not hold guards back: the kill clock would come first.
    const known = this.#cpuMs >= ENOUGH_CPU_MS && this.#now() - this.#seenAt < FRESH_MS
    const seen = known ? this.#wallMs / this.#cpuMs : 1
    return Math.min(MOST_CROWDED, Math.max(1, seen, this.#readRunnable() / this.#cores))
  }
}

const REREAD_MS = 100

/** Processes that run or want to, of the whole machine; 0 where the system does not say. Read at most ten times a second. */
export function runnableProcesses(now: () => number): () => number {
  let readAt = Number.NEGATIVE_INFINITY
  let runnable = 0
  return () => {
    if (now() - readAt < REREAD_MS) return runnable
    readAt = now()
    try {
      // "0.42 0.30 0.11 3/187 4711": the fourth field is runnable/all.
      runnable = Number(/ (\d+)\/\d+ /.exec(readFileSync('/proc/loadavg', 'latin1'))?.[1] ?? 0)
    } catch {
      runnable = 0
    }
    return runnable
  }
}

/** Beyond the budget, in CPU: half of it, but well before the kill clock's 250 ms, for the guard ends one sandbox and SIGKILL all of a cell. */
const MARGIN_MS = 100
const LATENESS_MS = 20
/** An estimate of a crowd may be short by this much of what it adds. */
const DOUBT = 1.3

/**
 * Wall time after which the isolate's own guard ends a slice. Only a guard: the verdict comes from measured CPU.
 * Close to the budget on a quiet machine, generous on a crowded one, so that no innocent is ended for the neighbours' load.
 */
export function guardMs(cpuLeftMs: number, wallLeftMs: number, wallPerCpu: number): number {
  const stretch = 1 + DOUBT * (wallPerCpu - 1)
  const stretched = (cpuLeftMs + Math.min(cpuLeftMs / 2, MARGIN_MS)) * stretch + LATENESS_MS
  const guard = Math.min(stretched, furthestGuardMs(cpuLeftMs))
  // 0 would be over before it began.
  return Math.max(1, Math.ceil(Math.min(guard, wallLeftMs)))
}
