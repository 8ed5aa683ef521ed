import { expect, test } from 'vitest'
import { type CellLoad, chooseCell } from '../../../runtime/worker/choose-cell.ts'

const cell = (load: Partial<CellLoad>): CellLoad => ({ runningForMs: 0, unanswered: 0, isWarm: false, hasRoom: true, ...load })

test('the first work of a tenant goes to a blank cell, or waits for one', () => {
  expect(chooseCell([], true, true)).toBe('blank')
  expect(chooseCell([], false, true)).toBe('wait')
})

test('a warm sandbox comes before a shorter queue', () => {
  const warm = cell({ isWarm: true, unanswered: 20 })
  expect(chooseCell([cell({}), warm], true, true)).toBe(warm)
})

test('a cell whose slice has run for 10 ms gets nothing new while a blank one is ready', () => {
  const taken = cell({ isWarm: true, runningForMs: 10, unanswered: 1 })
  expect(chooseCell([taken], true, false)).toBe('blank')
  const free = cell({ unanswered: 3 })
  expect(chooseCell([taken, free], true, true)).toBe(free)
})

test('a queue of short slices is no reason for another cell until it is long, and a core is there for it', () => {
  const queued = (unanswered: number) => cell({ runningForMs: 4, unanswered })
  const short = queued(7)
  expect(chooseCell([short], true, true)).toBe(short)
  const long = queued(8)
  expect(chooseCell([long], true, true)).toBe('blank')
  expect(chooseCell([long], true, false)).toBe(long)
  expect(chooseCell([long], false, true)).toBe(long)
  const swift = cell({ runningForMs: 1, unanswered: 60 })
  expect(chooseCell([swift], true, true)).toBe(swift)
})

test('many at once are spread over the cells there are', () => {
  const queues = [0, 0]
  for (let n = 0; n < 100; n++) {
    const cells = queues.map((unanswered, at) => ({ ...cell({ unanswered, runningForMs: 5 }), at }))
    const chosen = chooseCell(cells, true, false)
    if (typeof chosen === 'string') throw new Error(`Got ${chosen}`)
    queues[chosen.at] = (queues[chosen.at] as number) + 1
  }
  expect(queues).toEqual([50, 50])
})

test('no cell is made for a slice that will sooner be over', () => {
  const soon = cell({ runningForMs: 30, unanswered: 1 })
  expect(chooseCell([soon], false, true)).toBe(soon)
  expect(chooseCell([cell({ runningForMs: 40, unanswered: 1 })], false, true)).toBe('wait')
})

test('a full cell takes only what it has a sandbox for', () => {
  const full = cell({ hasRoom: false })
  expect(chooseCell([full], true, false)).toBe('blank')
  expect(chooseCell([full], false, true)).toBe('wait')
  const warm = cell({ hasRoom: false, isWarm: true })
  expect(chooseCell([warm], true, true)).toBe(warm)
})
