import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { CellProcess } from '../../../runtime/worker/cell-process.ts'
import { OrderedCells } from '../../../runtime/worker/ordered-cells.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Cells that start when the test says so. */
function world() {
  const started: { wasmMb: number; cell: CellProcess; ready: () => void; exit: () => void; kill: ReturnType<typeof vi.fn> }[] = []
  const ordered = new OrderedCells({
    respawnDelayMs: 200,
    spawn(wasmMb, onReady, onExit) {
      const kill = vi.fn()
      const cell = { kill } as unknown as CellProcess
      started.push({ wasmMb, cell, kill, ready: () => onReady(cell), exit: () => onExit(cell) })
      return cell
    },
  })
  const taken: string[] = []
  const want = (key: string, who: string): void =>
    ordered.want(key, 64, () => {
      if (ordered.take(key) === undefined) want(key, who)
      else taken.push(who)
    })
  return { started, ordered, taken, want }
}

test('each who asks gets a cell of the size that was asked for, in the order of asking', () => {
  const { started, taken, want } = world()
  want('shop', 'first')
  want('shop', 'second')
  expect(started.map(({ wasmMb }) => wasmMb)).toEqual([64, 64])
  started[1]?.ready()
  expect(taken).toEqual(['first'])
  started[0]?.ready()
  expect(taken).toEqual(['first', 'second'])
  expect(started).toHaveLength(2)
})

test('a cell is nobody else’s', () => {
  const { started, ordered, want, taken } = world()
  want('shop', 'shopper')
  ordered.want('bank', 128, () => taken.push(ordered.take('shop') === undefined ? 'nothing' : 'a cell of the shop'))
  started[1]?.ready()
  expect(taken).toEqual(['nothing'])
})

test('a cell that nobody takes after all is ended', () => {
  const { started, ordered } = world()
  ordered.want('shop', 64, () => {})
  started[0]?.ready()
  expect(started[0]?.kill).toHaveBeenCalledWith('stop')
  expect([ordered.isReady('shop'), ordered.take('shop')]).toEqual([false, undefined])
})

test('only a few start at a time; the others follow', () => {
  const { started, taken, want } = world()
  for (let n = 0; n < 10; n++) want(`shop-${n % 3}`, String(n))
  expect(started).toHaveLength(4)
  for (let n = 0; n < 10; n++) started[n]?.ready()
  expect(taken).toHaveLength(10)
  expect(started).toHaveLength(10)
})

test('one that ends before it is ready is started anew, after a while', () => {
  const { started, taken, want } = world()
  want('shop', 'patient')
  started[0]?.exit()
  expect(started).toHaveLength(1)
  vi.advanceTimersByTime(200)
  started[1]?.ready()
  expect(taken).toEqual(['patient'])
})

test('once closed it starts none, and ends those that were starting', () => {
  const { started, ordered, want } = world()
  want('shop', 'late')
  ordered.close()
  expect(started[0]?.kill).toHaveBeenCalledWith('stop')
  want('shop', 'too late')
  started[0]?.exit()
  vi.advanceTimersByTime(1_000)
  expect(started).toHaveLength(1)
})
