import { availableParallelism } from 'node:os'
import { getuid } from 'node:process'
import type { CellAssets } from '../assets/cell-assets.ts'
import type { FunctionVersion } from '../contract/function-version.ts'
import { functionKey } from '../contract/names.ts'
import type { Jail } from '../jail/jail.ts'
import { endLeftovers } from '../jail/leftovers.ts'
import type { MemoryGroups } from '../jail/memory-group.ts'
import { Cell } from './cell.ts'
import { type CellExit, CellProcess } from './cell-process.ts'
import { Crowding, runnableProcesses } from './crowding.ts'
import { PenaltyBox } from './penalty-box.ts'

export interface CellPoolOptions {
  readonly assets: CellAssets
  readonly jail: Jail
  readonly memoryGroups: MemoryGroups | undefined
  readonly dataDir: string
  readonly onExit: (cell: Cell, exit: CellExit) => void
  readonly onError: (error: Error) => void
}

/** Pre-forked and loaded, for nobody yet: binding one takes no time, making one takes a tenth of a second. */
const BLANKS = 1
/** A core's worth of tenants; beyond it the least busy cell of the tenant takes more. */
const MAX_CELLS = 64
/** A tenant with more warm functions gets another cell: beyond this a cell holds more memory than its watch lets it. */
const MAX_SANDBOXES_PER_CELL = 200
/** A function whose slices take this long on average gets a cell of its own, so that its siblings do not wait behind it. */
const HEAVY_SLICE_MS = 20
const RESPAWN_DELAY_MS = 200

/** All cell processes of a worker: blank ones waiting, bound ones by tenant. */
export class CellPool {
  readonly #options: CellPoolOptions
  readonly #cells = new Map<CellProcess, Cell>()
  readonly #blanks: CellProcess[] = []
  readonly #starting = new Set<CellProcess>()
  readonly #waiting: (() => void)[] = []
  readonly #sliceMs = new Map<string, number>()
  readonly #penaltyBox = new PenaltyBox()
  readonly #crowding = new Crowding(
    runnableProcesses(() => performance.now()),
    availableParallelism(),
    () => performance.now(),
  )
  #closed = false

  constructor(options: CellPoolOptions) {
    this.#options = options
  }

  /** Resolves when the first blank cell is ready. */
  async open(): Promise<void> {
    this.#refill()
    if (this.#blanks.length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  get size(): number {
    return this.#cells.size + this.#blanks.length
  }

  cells(): IterableIterator<Cell> {
    return this.#cells.values()
  }

  /**
   * A cell in which this version can start now: one with a warm sandbox for it, else any of the tenant's whose thread is
   * free, else a blank one. undefined when there is none yet: `whenReady` tells.
   */
  pick(version: FunctionVersion, now: number): Cell | undefined {
    const cell = this.#pick(version, now)
    cell?.makeRoom(version.limits.memoryMb)
    return cell
  }

  #pick(version: FunctionVersion, now: number): Cell | undefined {
    const key = functionKey(version.tenant, version.name)
    const alone = this.#isHeavy(key) || this.#penaltyBox.confines(key, now) ? key : undefined
    let free: Cell | undefined
    let leastBusy: Cell | undefined
    for (const cell of this.#cells.values()) {
      if (cell.tenant !== version.tenant || cell.onlyFor !== alone || !cell.process.alive) continue
      if (leastBusy === undefined || cell.process.unanswered < leastBusy.process.unanswered) leastBusy = cell
      if (cell.isBusy(now)) continue
      if (cell.sandboxFor(version) !== undefined) return cell
      if (cell.sandboxes.size < MAX_SANDBOXES_PER_CELL) free ??= cell
    }
    if (free !== undefined) return free
    if (this.#cells.size >= MAX_CELLS && leastBusy !== undefined) return leastBusy
    return this.#bind(version.tenant, alone, now)
  }

  whenReady(callback: () => void): void {
    this.#waiting.push(callback)
    this.#refill()
  }

  /** Learns how long a function's slices keep the thread. */
  observe(version: FunctionVersion, sliceMs: number): void {
    const key = functionKey(version.tenant, version.name)
    const before = this.#sliceMs.get(key)
    this.#sliceMs.delete(key)
    this.#sliceMs.set(key, before === undefined ? sliceMs : before + 0.2 * (sliceMs - before))
    if (this.#sliceMs.size > MAX_FUNCTIONS_REMEMBERED) this.#sliceMs.delete(this.#sliceMs.keys().next().value as string)
  }

  /** It ended its sandbox abnormally, or took its whole cell along: it may come to have a cell of its own (penalty-box.ts). */
  blame(version: FunctionVersion, ended: 'sandbox' | 'cell', now: number): void {
    const key = functionKey(version.tenant, version.name)
    if (ended === 'cell') this.#penaltyBox.cellEnded(key, now)
    else this.#penaltyBox.sandboxEnded(key, now)
  }

  /** Compares every cell's figures with the kernel's. Once a second. */
  audit(now: number): void {
    for (const cell of this.#cells.values()) cell.audit(now)
  }

  /** Looks at every cell that owes an answer. Returns whether there was one. */
  watch(now: number): boolean {
    let busy = false
    for (const cell of this.#cells.values()) {
      if (cell.process.unanswered === 0) continue
      busy = true
      cell.watch(now)
    }
    return busy
  }

  close(): void {
    this.#closed = true
    for (const process of [...this.#cells.keys(), ...this.#blanks, ...this.#starting]) process.kill('stop')
  }

  /** Ends every bound cell at once; blanks have seen nothing of anybody and stay. */
  killAll(): void {
    for (const process of this.#cells.keys()) process.kill('stop')
  }

  #isHeavy(key: string): boolean {
    return (this.#sliceMs.get(key) ?? 0) > HEAVY_SLICE_MS
  }

  #bind(tenant: string, onlyFor: string | undefined, now: number): Cell | undefined {
    const process = this.#blanks.shift()
    this.#refill()
    if (process === undefined) return undefined
    const cell = new Cell(process, tenant, onlyFor, now)
    this.#cells.set(process, cell)
    return cell
  }

  #refill(): void {
    const wanted = Math.max(BLANKS, Math.min(this.#waiting.length, MAX_STARTING))
    while (!this.#closed && this.#blanks.length + this.#starting.size < wanted) this.#spawn()
  }

  #spawn(): void {
    const { assets, jail, memoryGroups, dataDir, onError } = this.#options
    const process = new CellProcess({
      assets,
      jail,
      memoryGroups,
      dataDir,
      crowding: this.#crowding,
      onError,
      onReady: (ready) => {
        this.#starting.delete(ready)
        this.#blanks.push(ready)
        for (const callback of this.#waiting.splice(0)) callback()
      },
      onExit: (gone, exit) => this.#exited(gone, exit),
    })
    this.#starting.add(process)
  }

  /** Whatever it has forked outlives it. Containers have fewer uids than pids: one that a live cell has as well waits for that cell's end. */
  #endLeftovers({ uid }: CellProcess): void {
    if (uid === undefined || uid <= 0 || uid === getuid?.()) return
    if ([...this.#cells.keys(), ...this.#blanks, ...this.#starting].some((other) => other.uid === uid)) return
    const { onError } = this.#options
    endLeftovers(uid).then((found) => {
      if (found > 0) onError(new Error(`Processes were left under the uid of a cell that had ended, and have been ended: ${found}`))
    }, onError)
  }

  #exited(process: CellProcess, exit: CellExit): void {
    const cell = this.#cells.get(process)
    if (cell === undefined) {
      const at = this.#blanks.indexOf(process)
      if (at >= 0) this.#blanks.splice(at, 1)
      this.#starting.delete(process)
      // A cell that dies before it is bound will probably die again: no fork loop.
      if (!this.#closed) setTimeout(() => this.#refill(), RESPAWN_DELAY_MS).unref()
      return
    }
    this.#cells.delete(process)
    cell[Symbol.dispose]()
    this.#endLeftovers(process)
    this.#options.onExit(cell, exit)
  }
}

const MAX_STARTING = 4
const MAX_FUNCTIONS_REMEMBERED = 10_000
