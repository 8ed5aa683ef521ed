import type { FunctionVersion } from '../contract/function-version.ts'
import { functionKey } from '../contract/names.ts'
import type { Cell } from './cell.ts'
import type { Run } from './run.ts'

/** One isolate with one version in it, as the worker keeps count of it. */
export class Sandbox {
  readonly number: number
  readonly cell: Cell
  readonly versionId: string
  readonly functionKey: string
  readonly memoryMb: number
  /** Riders it can carry at once. */
  concurrency: number
  readonly riders = new Set<Run>()
  /** Its module's top level has not come back yet. */
  opening = true
  /** Takes nobody new: something in it never ended, or it is about to go. */
  retired = false
  heapMb = 0
  /** What it cost to open: worth keeping in proportion. */
  initMs = 0
  uses = 0
  lastUsedAt: number
  readonly #byCall = new Map<number, Run>()
  #calls = 0

  constructor(cell: Cell, version: FunctionVersion, now: number) {
    this.number = cell.process.nextSandbox()
    this.cell = cell
    this.versionId = version.versionId
    this.functionKey = functionKey(version.tenant, version.name)
    this.memoryMb = version.limits.memoryMb
    this.concurrency = version.limits.concurrency
    this.lastUsedAt = now
    cell.sandboxes.set(this.number, this)
  }

  canTake(version: FunctionVersion): boolean {
    return this.versionId === version.versionId && !this.retired && this.riders.size < version.limits.concurrency
  }

  /** Takes a rider in; returns the number its invocation has in here. */
  admit(run: Run): number {
    // A version that was loaded to be accepted may have been given another concurrency since.
    this.concurrency = run.version.limits.concurrency
    this.riders.add(run)
    this.uses++
    this.#byCall.set(++this.#calls, run)
    return this.#calls
  }

  /** Whose invocation has this number; a slice of one may well speak for another, whose promise it resolved. */
  rider(call: number): Run | undefined {
    return this.#byCall.get(call)
  }

  /** Lets a rider go, and goes itself with the last one if it takes no new ones. */
  dismiss(run: Run, call: number, now: number): void {
    this.riders.delete(run)
    this.#byCall.delete(call)
    this.lastUsedAt = now
    if (this.retired && this.riders.size === 0 && this.cell.sandboxes.has(this.number)) this.close()
  }

  /** Forgets it here; the isolate itself is the cell's to dispose of. */
  forget(): void {
    this.retired = true
    this.cell.sandboxes.delete(this.number)
  }

  close(): void {
    this.forget()
    if (this.cell.process.alive) this.cell.process.close(this.number)
  }
}
