import { expect, test } from 'vitest'
import { PenaltyBox } from '../../../runtime/worker/penalty-box.ts'

const MINUTE = 60_000

test('a function that took its cell along is confined for a minute, and twice as long each time', () => {
  const box = new PenaltyBox()
  expect(box.confines('t/f', 0)).toBe(false)
  box.cellEnded('t/f', 0)
  expect([box.confines('t/f', MINUTE - 1), box.confines('t/f', MINUTE), box.confines('t/g', 1)]).toEqual([true, false, false])
  box.cellEnded('t/f', MINUTE)
  expect([box.confines('t/f', 3 * MINUTE - 1), box.confines('t/f', 3 * MINUTE)]).toEqual([true, false])
})

test('no term is longer than an hour', () => {
  const box = new PenaltyBox()
  for (let i = 0; i < 100; i++) box.cellEnded('t/f', 0)
  expect([box.confines('t/f', 60 * MINUTE - 1), box.confines('t/f', 60 * MINUTE)]).toEqual([true, false])
})

test('one sandbox that ended abnormally is forgiven, three in a row are not', () => {
  const box = new PenaltyBox()
  box.sandboxEnded('t/f', 0)
  box.sandboxEnded('t/f', 1_000)
  expect(box.confines('t/f', 1_001)).toBe(false)
  box.sandboxEnded('t/f', 2_000)
  expect(box.confines('t/f', 2_001)).toBe(true)
})

test('sandboxes that end more than a minute apart are no row', () => {
  const box = new PenaltyBox()
  for (let i = 0; i < 10; i++) box.sandboxEnded('t/f', i * (MINUTE + 1))
  expect(box.confines('t/f', 9 * (MINUTE + 1) + 1)).toBe(false)
})

test('ten good minutes after a term, the next one is a first one again', () => {
  const box = new PenaltyBox()
  box.cellEnded('t/f', 0)
  box.cellEnded('t/f', 12 * MINUTE)
  expect(box.confines('t/f', 13 * MINUTE)).toBe(false)
})

test('a function that was there when workers died is confined for a minute, without a mark for the next time', () => {
  const box = new PenaltyBox()
  box.suspected('t/f', 0)
  box.suspected('t/f', 1_000)
  expect([box.confines('t/f', MINUTE + 999), box.confines('t/f', MINUTE + 1_000)]).toEqual([true, false])
  box.cellEnded('t/f', 2 * MINUTE)
  expect(box.confines('t/f', 3 * MINUTE)).toBe(false)
})

test('suspicion does not shorten a term', () => {
  const box = new PenaltyBox()
  box.cellEnded('t/f', 0)
  box.cellEnded('t/f', 0)
  box.suspected('t/f', 0)
  expect(box.confines('t/f', 2 * MINUTE - 1)).toBe(true)
})
