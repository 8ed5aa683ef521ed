import type { CellProcess } from './cell-process.ts'

/** One version's wish for cells of its own. */
interface Order {
  readonly wasmMb: number
  /** Called once a cell is there, which they may take; in the order of asking. */
  readonly waiting: (() => void)[]
  readonly starting: Set<CellProcess>
  /** For as long as those who wait are asked whether they take it. */
  ready: CellProcess | undefined
}

export interface OrderedCellsOptions {
  /** Starts a cell; exactly one of the two is called, or `onReady` and later `onExit`. */
  readonly spawn: (wasmMb: number, onReady: (cell: CellProcess) => void, onExit: (cell: CellProcess) => void) => CellProcess
  readonly respawnDelayMs: number
}

const MAX_STARTING = 4

/**
 * Cells that cannot be started before it is known for whom: those with WebAssembly, whose memory is bounded by their
 * command line. Each is started because somebody waits for it, and ended if nobody takes it after all.
 */
export class OrderedCells {
  readonly #options: OrderedCellsOptions
  readonly #orders = new Map<string, Order>()
  #closed = false

  constructor(options: OrderedCellsOptions) {
    this.#options = options
  }

  /** Asks for a cell. `callback` may `take` it then, unless it no longer wants to. */
  want(key: string, wasmMb: number, callback: () => void): void {
    let order = this.#orders.get(key)
    if (order === undefined) {
      order = { wasmMb, waiting: [], starting: new Set(), ready: undefined }
      this.#orders.set(key, order)
    }
    order.waiting.push(callback)
    this.#start()
  }

  isReady(key: string): boolean {
    return this.#orders.get(key)?.ready !== undefined
  }

  take(key: string): CellProcess | undefined {
    const order = this.#orders.get(key)
    const cell = order?.ready
    if (order !== undefined) order.ready = undefined
    return cell
  }

  close(): void {
    this.#closed = true
    for (const { starting } of this.#orders.values()) for (const cell of starting) cell.kill('stop')
  }

  #start(): void {
    if (this.#closed) return
    let starting = 0
    for (const order of this.#orders.values()) starting += order.starting.size
    for (const [key, order] of this.#orders) {
      if (starting >= MAX_STARTING) return
      if (order.starting.size >= order.waiting.length) continue
      order.starting.add(
        this.#options.spawn(
          order.wasmMb,
          (cell) => this.#ready(key, order, cell),
          (cell) => this.#gone(order, cell),
        ),
      )
      starting++
    }
  }

  #ready(key: string, order: Order, cell: CellProcess): void {
    order.starting.delete(cell)
    order.ready = cell
    while (order.ready !== undefined && order.waiting.length > 0) (order.waiting.shift() as () => void)()
    order.ready?.kill('stop')
    order.ready = undefined
    if (order.waiting.length === 0 && order.starting.size === 0) this.#orders.delete(key)
    this.#start()
  }

  /** It ended before it was anybody's; the next one will probably do the same: no fork loop. */
  #gone(order: Order, cell: CellProcess): void {
    if (order.starting.delete(cell) && !this.#closed) setTimeout(() => this.#start(), this.#options.respawnDelayMs).unref()
  }
}
