import type { SliceReport } from './cell-process.ts'
import type { SliceUse } from './kill-clock.ts'

/** What a run had used when it was lost by another's doing: whoever did it pays. */
export interface Debt {
  readonly cpuMs: number
  readonly runMs: number
}

export interface MeteredUse {
  readonly initMs: number
  readonly runMs: number
  readonly stallMs: number
  readonly cpuMs: number
  /** Waiting for timers and host calls. */
  readonly waitMs: number
  readonly heapMb: number
  /** How long one of its slices kept the thread, on average. */
  readonly meanSliceMs: number
}

/** Adds up what one run uses, slice by slice. Times in milliseconds on the caller's clock. */
export class RunMeter {
  #openSlices = 0
  #slices = 0
  #runningFrom: number | undefined
  #idleSince = 0
  #initMs = 0
  #sliceMs = 0
  #waitMs = 0
  #stallMs = 0
  #cpuMs = 0
  #debtCpuMs = 0
  #debtRunMs = 0
  heapMb = 0

  /** Slices that are out. */
  get openSlices(): number {
    return this.#openSlices
  }

  /** When its first slice began. */
  get runningFrom(): number | undefined {
    return this.#runningFrom
  }

  /** Its own, without debts: what its budget is compared with. */
  get cpuMs(): number {
    return this.#cpuMs
  }

  sent(now: number): void {
    if (this.#openSlices++ === 0 && this.#runningFrom !== undefined) this.#waitMs += now - this.#idleSince
  }

  cameBack(report: SliceReport, now: number): void {
    this.#openSlices--
    this.#slices++
    this.#cpuMs += report.cpuMs
    this.#sliceMs += report.wallMs
    this.#stallMs += Math.max(0, report.turnaroundMs - report.wallMs)
    if (report.heapMb > 0) this.heapMb = report.heapMb
    this.#runningFrom ??= now - report.wallMs
    if (this.#openSlices === 0) this.#idleSince = now
  }

  /** The slice that opened its sandbox came back. Its CPU counts only where somebody has to pay for it: `charge`. */
  opened(report: SliceReport): void {
    this.#initMs = report.wallMs
    this.heapMb = report.heapMb
  }

  /** A slice that never came back, as it was seen from outside. */
  died({ cpuMs, wallMs }: SliceUse, phase: 'init' | 'run'): void {
    this.#cpuMs += cpuMs
    if (phase === 'init') this.#initMs += wallMs
    else {
      this.#sliceMs += wallMs
      this.#slices++
    }
  }

  charge(cpuMs: number): void {
    this.#cpuMs += cpuMs
  }

  payFor({ cpuMs, runMs }: Debt): void {
    this.#debtCpuMs += cpuMs
    this.#debtRunMs += runMs
  }

  debt(now: number): Debt {
    const { cpuMs, runMs } = this.use(now)
    return { cpuMs, runMs }
  }

  use(now: number): MeteredUse {
    const idleMs = this.#openSlices === 0 && this.#runningFrom !== undefined ? now - this.#idleSince : 0
    return {
      initMs: this.#initMs,
      runMs: this.#sliceMs + this.#waitMs + idleMs + this.#debtRunMs,
      stallMs: this.#stallMs,
      cpuMs: this.#cpuMs + this.#debtCpuMs,
      waitMs: this.#waitMs,
      heapMb: this.heapMb,
      meanSliceMs: this.#slices === 0 ? 0 : this.#cpuMs / this.#slices,
    }
  }
}
