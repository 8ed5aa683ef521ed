import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Crowding, guardMs, runnableProcesses } from '../../../runtime/worker/crowding.ts'

const quiet = (now = () => 0) => new Crowding(() => 0, 2, now)

test('a quiet machine is not crowded', () => {
  const crowding = quiet()
  for (let i = 0; i < 10; i++) crowding.observe(100, 100)
  expect(crowding.wallPerCpu).toBe(1)
})

test('slices that took three times their CPU make it three', () => {
  const crowding = quiet()
  for (let i = 0; i < 10; i++) crowding.observe(60, 20)
  expect(crowding.wallPerCpu).toBeCloseTo(3, 5)
})

test('a crowd of a second ago says nothing', () => {
  let now = 0
  const crowding = quiet(() => now)
  for (let i = 0; i < 10; i++) crowding.observe(60, 20)
  now = 1_000
  expect(crowding.wallPerCpu).toBe(1)
})

test('one late clock tick in a long slice says nothing', () => {
  const crowding = quiet()
  crowding.observe(40, 0.5)
  expect(crowding.wallPerCpu).toBe(1)
})

test('six processes on two cores count before any slice has come back', () => {
  expect(
    new Crowding(
      () => 6,
      2,
      () => 0,
    ).wallPerCpu,
  ).toBe(3)
})

test('the crowd is counted at most every tenth of a second', () => {
  let now = 0
  const read = runnableProcesses(() => now)
  const first = read()
  now = 99
  expect(read()).toBe(first)
})

test('the guard stands a little beyond the budget on a quiet machine', () => {
  expect(guardMs(100, 10_000, 1)).toBe(170)
  expect(guardMs(2_000, 10_000, 1)).toBe(2_120)
})

test('the guard comes before the kill clock, whatever the budget, where the crowd was judged rightly', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30_000 }), (cpuMs) => {
      expect(guardMs(cpuMs, 900_000, 1)).toBeLessThan(cpuMs + 250)
    }),
  )
})

test('an innocent slice is never ended below its budget where two want each core, and four for a moment, and that was judged rightly', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30_000 }), fc.double({ min: 1, max: 4, noNaN: true }), (cpuMs, most) => {
      const crowd = cpuMs <= 500 ? most : Math.min(2, most)
      expect(guardMs(cpuMs, 900_000, crowd)).toBeGreaterThan(cpuMs * crowd)
    }),
  )
})

test('the guard never exceeds the wall time left, and is never 0, which would mean no limit', () => {
  expect(guardMs(1_000, 50, 1)).toBe(50)
  expect(guardMs(0, 0, 1)).toBe(1)
  expect(guardMs(100, -5, 1)).toBe(1)
})
