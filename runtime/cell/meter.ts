/**
 * Shares a turn's CPU out among its slices.
 *
 * `process.cpuUsage()` is exact over time but moves in ticks of 4 ms and costs a system call; slice wall time is exact to
 * the microsecond but counts time the kernel gave to somebody else. So CPU is read once per turn and divided by wall; what
 * a tick too few or too many leaves over is carried to the next turn, and sums are exact to one tick.
 */
export class CpuMeter {
  readonly #readCpuMs: () => number
  #cpuAtLastTurn: number
  #carriedMs = 0

  constructor(readCpuMs: () => number) {
    this.#readCpuMs = readCpuMs
    this.#cpuAtLastTurn = readCpuMs()
  }

  /** Idle work between turns (refilling blanks) is nobody's: forget it. */
  startTurn(): void {
    this.#cpuAtLastTurn = this.#readCpuMs()
  }

  /** CPU of each slice of the turn that ends now, in ms, given their wall times in ms, and how many threads may have worked for them. */
  endTurn(wallMs: readonly number[], threads = 1): number[] {
    const now = this.#readCpuMs()
    const spent = now - this.#cpuAtLastTurn
    this.#cpuAtLastTurn = now
    const wall = wallMs.reduce((sum, ms) => sum + ms, 0)
    if (wall === 0) return wallMs.map(() => 0)
    // Never more than the wall it took, for every thread that took it.
    const payable = Math.max(0, spent + this.#carriedMs)
    const charged = wall >= BUSY_MS ? payable : Math.min(payable, wall * threads)
    this.#carriedMs = Math.min(CARRY_AT_MOST_MS, payable - charged)
    return wallMs.map((ms) => (charged * ms) / wall)
  }
}

/** Shorter turns say more about the clock's tick than about the machine. */
const BUSY_MS = 8
const CARRY_AT_MOST_MS = 8
