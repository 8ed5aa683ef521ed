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
import { type CellLoad, chooseCell, shortestQueue } from './choose-cell.ts'
import { Crowding, runnableProcesses } from './crowding.ts'
import { OrderedCells } from './ordered-cells.ts'
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
const REFILL_DELAY_MS = 500
const CORES = availableParallelism()

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
    CORES,
    () => performance.now(),
  )
  readonly #ordered = new OrderedCells({
    respawnDelayMs: RESPAWN_DELAY_MS,
    spawn: (wasmMb, onReady, onExit) =>
      this.#start(wasmMb, onReady, (gone, exit) => {
        onExit(gone)
        this.#exited(gone, exit)
      }),
  })
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
    const wasmKey = wasmKeyOf(version)
    const alone = wasmKey ?? (this.#isHeavy(key) || this.#penaltyBox.confines(key, now) ? key : undefined)
    const maxSandboxes = wasmKey === undefined ? MAX_SANDBOXES_PER_CELL : 1
    const blankIsReady = wasmKey === undefined ? this.#blanks.length > 0 : this.#ordered.isReady(wasmKey)
    const candidates: (CellLoad & { readonly cell: Cell })[] = []
    for (const cell of this.#cells.values()) {
      if (cell.tenant !== version.tenant || cell.onlyFor !== alone || !cell.process.alive) continue
      candidates.push({
        cell,
        runningForMs: cell.process.runningForMs(now),
        unanswered: cell.process.unanswered,
        isWarm: cell.sandboxFor(version) !== undefined,
        hasRoom: cell.sandboxes.size < maxSandboxes,
      })
    }
    const chosen = chooseCell(candidates, blankIsReady, candidates.length < CORES)
    if (typeof chosen === 'object') return chosen.cell
    if (this.#cells.size >= MAX_CELLS) {
      const least = shortestQueue(candidates)
      if (least !== undefined) return least.cell
    }
    if (chosen !== 'blank') return undefined
    const process = wasmKey === undefined ? this.#takeBlank() : this.#ordered.take(wasmKey)
    return process === undefined ? undefined : this.#bind(process, version.tenant, alone, now)
  }

  whenReady(version: FunctionVersion, callback: () => void): void {
    const wasmKey = wasmKeyOf(version)
    if (wasmKey !== undefined) {
      this.#ordered.want(wasmKey, version.limits.memoryMb, callback)
      return
    }
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

  /** Workers have died while they ran it: for a while it gets a cell of its own. */
  suspect(version: FunctionVersion, now: number): void {
    this.#penaltyBox.suspected(functionKey(version.tenant, version.name), now)
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
    this.#ordered.close()
    for (const process of [...this.#cells.keys(), ...this.#blanks, ...this.#starting]) process.kill('stop')
  }

  /** Ends every bound cell at once; blanks have seen nothing of anybody and stay. */
  killAll(): void {
    for (const process of this.#cells.keys()) process.kill('stop')
  }

  #isHeavy(key: string): boolean {
    return (this.#sliceMs.get(key) ?? 0) > HEAVY_SLICE_MS
  }

  #takeBlank(): CellProcess | undefined {
    // Later: its start would take a tenth of a second of a core from what the bound one has to do now.
    setTimeout(() => this.#refill(), REFILL_DELAY_MS).unref()
    return this.#blanks.shift()
  }

  #bind(process: CellProcess, tenant: string, onlyFor: string | undefined, now: number): Cell {
    const cell = new Cell(process, tenant, onlyFor, now)
    this.#cells.set(process, cell)
    return cell
  }

  #refill(): void {
    const wanted = Math.max(BLANKS, Math.min(this.#waiting.length, MAX_STARTING))
    while (!this.#closed && this.#blanks.length + this.#starting.size < wanted) this.#spawn()
  }

  #spawn(): void {
    const onReady = (ready: CellProcess): void => {
      this.#starting.delete(ready)
      this.#blanks.push(ready)
      for (const callback of this.#waiting.splice(0)) callback()
    }
    this.#starting.add(this.#start(undefined, onReady, (gone, exit) => this.#exited(gone, exit)))
  }

  #start(wasmMb: number | undefined, onReady: (ready: CellProcess) => void, onExit: (gone: CellProcess, exit: CellExit) => void): CellProcess {
    const { assets, jail, memoryGroups, dataDir, onError } = this.#options
    return new CellProcess({ assets, jail, memoryGroups, dataDir, wasmMb, crowding: this.#crowding, onError, onReady, onExit })
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

/**
 * Whom a cell with WebAssembly is for: one version, one sandbox at a time. V8 tells nobody how much its memories hold, so
 * that only the process can be held to a limit; and a name like this is no other function's.
 */
function wasmKeyOf({ wasm, tenant, name, versionId }: FunctionVersion): string | undefined {
  return wasm === true ? `${functionKey(tenant, name)} ${versionId} wasm` : undefined
}

const MAX_STARTING = 4
const MAX_FUNCTIONS_REMEMBERED = 10_000
