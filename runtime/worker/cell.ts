import type { FunctionVersion } from '../contract/function-version.ts'
import type { CellProcess } from './cell-process.ts'
import { killVerdict, nextBaseline, rssLimitMb, type SliceBaseline, type SliceUse, useSince } from './kill-clock.ts'
import { ProcessGauge } from './proc.ts'
import type { Sandbox } from './sandbox.ts'

/** A slice in an answered cell is a few tens of µs; one that has been out this long means the thread is taken. */
export const BUSY_MS = 10

/** A cell bound to its tenant, with the sandboxes in it. */
export class Cell implements Disposable {
  readonly process: CellProcess
  readonly tenant: string
  /** A function this cell is for alone, because it keeps the thread for long. */
  readonly onlyFor: string | undefined
  readonly sandboxes = new Map<number, Sandbox>()
  readonly #gauge: ProcessGauge
  #baseline: SliceBaseline | undefined
  /** What the slice it is in had used when it was last looked at: all that is known of one it dies in. */
  lastUse: SliceUse = { cpuMs: 0, wallMs: 0, grewMb: 0 }
  idleSince: number

  constructor(process: CellProcess, tenant: string, onlyFor: string | undefined, now: number) {
    this.process = process
    this.tenant = tenant
    this.onlyFor = onlyFor
    this.idleSince = now
    this.#gauge = new ProcessGauge(process.pid)
  }

  isBusy(now: number): boolean {
    return this.process.busyForMs(now) >= BUSY_MS
  }

  sandboxFor(version: FunctionVersion): Sandbox | undefined {
    for (const sandbox of this.sandboxes.values()) if (sandbox.canTake(version)) return sandbox
    return undefined
  }

  rssMb(): number {
    return this.#gauge.anonymousMb()
  }

  /** Looks at the running slice and its memory, and ends the process where it must. */
  watch(now: number): void {
    // What is seen of a process that is being killed says nothing about the slice any more.
    if (!this.process.alive) return
    const running = this.process.running()
    const seen = { now, frameNumber: running?.frameNumber, cpuMs: running === undefined ? 0 : this.#gauge.cpuMs(), rssMb: this.rssMb() }
    this.#baseline = nextBaseline(this.#baseline, seen)
    this.lastUse = useSince(this.#baseline, seen)
    const verdict = killVerdict(
      this.#baseline,
      seen,
      running === undefined ? UNLIMITED : { cpuMs: running.owner.cpuMs, wallMs: running.owner.wallMs, guardMs: running.guardMs },
      this.#rssLimitMb(),
    )
    if (verdict !== undefined) this.process.kill(verdict)
  }

  #rssLimitMb(): number {
    let runningMb = 0
    let warmMb = 0
    for (const sandbox of this.sandboxes.values()) {
      if (sandbox.riders.size > 0 || sandbox.opening) runningMb += sandbox.memoryMb
      else warmMb += sandbox.heapMb
    }
    return rssLimitMb(runningMb, warmMb)
  }

  [Symbol.dispose](): void {
    this.#gauge[Symbol.dispose]()
  }
}

const UNLIMITED = { cpuMs: Number.POSITIVE_INFINITY, wallMs: Number.POSITIVE_INFINITY, guardMs: Number.POSITIVE_INFINITY }
