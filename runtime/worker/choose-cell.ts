/** A tenant's cell, as far as it matters for new work. */
export interface CellLoad {
  /** How long the slice it is in has been running; 0 when it owes nothing. */
  readonly runningForMs: number
  /** Slices it owes. */
  readonly unanswered: number
  /** It has a warm sandbox that would take the work. */
  readonly isWarm: boolean
  /** It may hold another sandbox. */
  readonly hasRoom: boolean
}

/** A slice in an answered cell is a few tens of µs, a cold start some ms; one that has been running this long has taken the thread. */
const TAKEN_MS = 10
/** With so many slices before it, and the one in hand no short one, new work is better off in a blank cell, if there is one. */
const CROWDED = 8
const SHORT_MS = 2
/** Making a cell takes a tenth of a second of a core: a slice that has not been running this long will sooner be over. */
const WORTH_A_CELL_MS = 40

/**
 * Which cell new work goes to: one with a warm sandbox, else one with room; both only while their thread is not taken. The
 * first that will do, so that a tenant's work is done in few cells and large batches, and the others come to their end. Many at once (first calls of a hundred functions) share two cells and do not start ten, whose
 * start would take more of the machine than the calls. `mayGrow`: another cell would have a core to run on.
 */
export function chooseCell<T extends CellLoad>(cells: readonly T[], blankIsReady: boolean, mayGrow: boolean): T | 'blank' | 'wait' {
  const open = cells.filter(({ runningForMs }) => runningForMs < TAKEN_MS)
  const warm = firstFit(open.filter(({ isWarm }) => isWarm))
  if (warm !== undefined) return warm
  const free = firstFit(open.filter(({ hasRoom }) => hasRoom))
  if (free !== undefined && !(isCrowded(free) && blankIsReady && mayGrow)) return free
  if (blankIsReady) return 'blank'
  const soon = shortestQueue(cells.filter(({ runningForMs, isWarm, hasRoom }) => runningForMs < WORTH_A_CELL_MS && (isWarm || hasRoom)))
  return soon ?? 'wait'
}

function firstFit<T extends CellLoad>(cells: readonly T[]): T | undefined {
  return cells.find((cell) => !isCrowded(cell)) ?? shortestQueue(cells)
}

/** Sixty slices of 50 µs are sooner done in one cell, in one batch, than in two. */
function isCrowded({ unanswered, runningForMs }: CellLoad): boolean {
  return unanswered >= CROWDED && runningForMs >= SHORT_MS
}

export function shortestQueue<T extends CellLoad>(cells: readonly T[]): T | undefined {
  return cells.reduce<T | undefined>((best, cell) => (best === undefined || cell.unanswered < best.unanswered ? cell : best), undefined)
}
