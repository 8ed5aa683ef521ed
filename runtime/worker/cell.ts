import type { FunctionVersion } from '../contract/function-version.ts'
import { auditCell, type CellAccounts } from './cell-audit.ts'
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
  #accounts: CellAccounts | undefined
  #balanceMs = 0
  #rssSeenMb = 0
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

  /** Its function has WebAssembly, whose memories no heap statistics count. */
  get isWasm(): boolean {
    return this.process.wasmMb !== undefined
  }

  isBusy(now: number): boolean {
    return this.process.busyForMs(now) >= BUSY_MS
  }

  sandboxFor(version: FunctionVersion): Sandbox | undefined {
    for (const sandbox of this.sandboxes.values()) if (sandbox.canTake(version)) return sandbox
    return undefined
  }

  rssMb(): number {
    this.#rssSeenMb = this.#gauge.anonymousMb()
    return this.#rssSeenMb
  }

  /** Looks at the running slice and its memory, and ends the process where it must. */
  watch(now: number): void {
    // What is seen of a process that is being killed says nothing about the slice any more.
    if (!this.process.alive) return
    this.process.burning = this.isBusy(now)
    const running = this.process.running()
    const seen = { now, frameNumber: running?.frameNumber, cpuMs: running === undefined ? 0 : this.#gauge.cpuMs(), rssMb: this.rssMb() }
    this.#baseline = nextBaseline(this.#baseline, seen)
    const rssLimitMb = this.#rssLimitMb()
    this.#setHardStop(rssLimitMb + HARD_STOP_BEYOND_MB)
    this.lastUse = useSince(this.#baseline, seen)
    const verdict = killVerdict(
      this.#baseline,
      seen,
      running === undefined ? UNLIMITED : { cpuMs: running.owner.cpuMs, wallMs: running.owner.wallMs, guardMs: running.guardMs },
      rssLimitMb,
    )
    if (verdict !== undefined) this.process.kill(verdict)
  }

  /** Once a second, busy or not: compares what it says with what the kernel says. */
  audit(now: number): void {
    if (!this.process.alive) return
    const seen = { now, ...this.process.accounts, cpuMs: this.#gauge.cpuMs(), busyForMs: this.process.busyForMs(now), rssMb: this.rssMb() }
    const before = this.#accounts
    this.#accounts = seen
    if (before === undefined) return
    const { balanceMs, surplusMs, rogue } = auditCell(before, seen, this.#balanceMs)
    this.#balanceMs = balanceMs
    if (surplusMs > 0) this.process.owe(surplusMs)
    if (rogue) this.process.kill('rogue')
    else if (this.process.unanswered === 0) this.#setHardStop(this.#rssLimitMb() + HARD_STOP_BEYOND_MB)
  }

  /** Before a slice may begin that needs this much: the watch sets the exact limit when it next looks. */
  makeRoom(memoryMb: number): void {
    const group = this.process.memoryGroup
    if (group === undefined || !group.ready) return
    const neededMb = this.#rssSeenMb + HARD_STOP_BEYOND_MB + 1.5 * memoryMb
    if (group.limitMb < neededMb) group.limitMb = neededMb + HARD_STOP_STEP_MB
  }

  /** Never close to what it holds: the kernel would search for pages to free, while the worker waits. */
  #setHardStop(wantedMb: number): void {
    const group = this.process.memoryGroup
    if (group === undefined) return
    const limitMb = Math.max(wantedMb, this.#rssSeenMb + HARD_STOP_BEYOND_MB)
    if (Math.abs(group.limitMb - limitMb) > HARD_STOP_STEP_MB) group.limitMb = limitMb
  }

  #rssLimitMb(): number {
    let runningMb = 0
    let warmMb = 0
    for (const sandbox of this.sandboxes.values()) {
      if (sandbox.riders.size > 0 || sandbox.opening || this.isWasm) runningMb += sandbox.memoryMb
      // What a cell says of a heap is worth no more than the heap may be.
      else warmMb += Math.min(sandbox.heapMb, sandbox.memoryMb) + SANDBOX_MB
    }
    return rssLimitMb(runningMb, Math.min(warmMb, MOST_WARM_MB))
  }

  [Symbol.dispose](): void {
    this.#gauge[Symbol.dispose]()
  }
}

const UNLIMITED = { cpuMs: Number.POSITIVE_INFINITY, wallMs: Number.POSITIVE_INFINITY, guardMs: Number.POSITIVE_INFINITY }
/** The kernel's limit stands this far behind the watch's: what a cell takes between two looks is for the watch to judge. */
const HARD_STOP_BEYOND_MB = 192
const HARD_STOP_STEP_MB = 64
/** A warm sandbox beyond its heap: its isolate's tables and code (measured: 3.0 MB resident with a heap of 1.9). */
const SANDBOX_MB = 2
/** However many warm sandboxes: what they say they hold raises a cell's limit no further. */
const MOST_WARM_MB = 1_024
