import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CpuMeter } from '../../../runtime/cell/meter.ts'

/** A process clock that a test sets. */
function clock() {
  let cpuMs = 0
  const meter = new CpuMeter(() => cpuMs)
  return {
    meter,
    turn(spentMs: number, wallMs: readonly number[]): number[] {
      meter.startTurn()
      cpuMs += spentMs
      return meter.endTurn(wallMs)
    },
  }
}

test('a turn’s CPU is shared out by wall time', () => {
  expect(clock().turn(30, [10, 20])).toEqual([10, 20])
  expect(clock().turn(60, [10, 20])).toEqual([20, 40])
})

test('what a coarse clock shows late is charged later, not lost', () => {
  const { turn } = clock()
  // Four milliseconds appear at once although the slice took one: the rest waits for the next turns.
  expect(turn(4, [1])).toEqual([1])
  expect(turn(0, [1])).toEqual([1])
  expect(turn(0, [3])).toEqual([2])
})

test('idle work between turns is nobody’s', () => {
  let cpuMs = 0
  const meter = new CpuMeter(() => cpuMs)
  cpuMs = 500
  meter.startTurn()
  cpuMs = 520
  expect(meter.endTurn([20])).toEqual([20])
})

test('what is charged over many turns is what was spent, to a tick or two', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ spent: fc.integer({ min: 0, max: 40 }), slices: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }) }), {
        minLength: 1,
      }),
      (turns) => {
        const { turn } = clock()
        let charged = 0
        let spent = 0
        for (const { spent: ms, slices } of turns) {
          // One thread: no turn can spend more than it lasts.
          const bounded = Math.min(
            ms,
            slices.reduce((a, b) => a + b, 0),
          )
          spent += bounded
          charged += turn(bounded, slices).reduce((a, b) => a + b, 0)
        }
        expect(charged).toBeLessThanOrEqual(spent + 1e-6)
        expect(charged).toBeGreaterThanOrEqual(spent - 8 - 1e-6)
      },
    ),
  )
})
