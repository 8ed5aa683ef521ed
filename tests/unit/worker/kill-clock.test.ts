import { expect, test } from 'vitest'
import { guardMs } from '../../../runtime/worker/crowding.ts'
import { type CellSighting, killVerdict, nextBaseline, rssLimitMb, useSince } from '../../../runtime/worker/kill-clock.ts'

const ALLOWED = { cpuMs: 100, wallMs: 1_000, guardMs: 170 }
const seen = (over: Partial<CellSighting>): CellSighting => ({ now: 0, frameNumber: 1, cpuMs: 0, rssMb: 50, ...over })

test('a slice within its budget lives', () => {
  const baseline = nextBaseline(undefined, seen({}))
  expect(killVerdict(baseline, seen({ now: 900, cpuMs: 300 }), ALLOWED, 200)).toBeUndefined()
})

test('a slice is killed once the cell has used its CPU budget and 250 ms', () => {
  const baseline = nextBaseline(undefined, seen({ cpuMs: 5_000 }))
  expect(killVerdict(baseline, seen({ now: 400, cpuMs: 5_350 }), ALLOWED, 200)).toBeUndefined()
  expect(killVerdict(baseline, seen({ now: 400, cpuMs: 5_360 }), ALLOWED, 200)).toBe('cpu')
})

test.each([10, 362, 1_447, 30_000])('with a CPU budget of %d ms the isolate’s own guard comes first on a quiet machine', (cpuMs) => {
  const guard = guardMs(cpuMs, 900_000, 1)
  const baseline = nextBaseline(undefined, seen({}))
  // Nobody else computes: CPU passes as fast as time.
  expect(killVerdict(baseline, seen({ now: guard, cpuMs: guard }), { cpuMs, wallMs: 900_000, guardMs: guard }, 200)).toBeUndefined()
})

test('a guard that stands further off on a crowded machine gets its chance', () => {
  const crowded = { cpuMs: 1_000, wallMs: 10_000, guardMs: 1_800 }
  const baseline = nextBaseline(undefined, seen({}))
  expect(killVerdict(baseline, seen({ now: 1_900, cpuMs: 1_800 }), crowded, 200)).toBeUndefined()
  expect(killVerdict(baseline, seen({ now: 1_910, cpuMs: 1_800 }), crowded, 200)).toBe('cpu')
})

test.each([10, 109, 362, 1_447, 30_000])(
  'with a CPU budget of %d ms the guard comes first however crowded the machine was thought to be',
  (cpuMs) => {
    for (const wallPerCpu of [1, 2, 4, 16]) {
      const guard = guardMs(cpuMs, 900_000, wallPerCpu)
      const baseline = nextBaseline(undefined, seen({}))
      // In fact it had a core to itself, and its guard was 90 ms late.
      const late = seen({ now: guard + 90, cpuMs: guard + 90 })
      expect(killVerdict(baseline, late, { cpuMs, wallMs: 900_000, guardMs: guard }, 200)).toBeUndefined()
    }
  },
)

test('what a slice used is counted from where the cell stood when it began', () => {
  const baseline = nextBaseline(undefined, seen({ now: 100, cpuMs: 5_000, rssMb: 60 }))
  expect(useSince(baseline, seen({ now: 300, cpuMs: 5_150, rssMb: 190 }))).toEqual({ cpuMs: 150, wallMs: 200, grewMb: 130 })
  expect(useSince(undefined, seen({ cpuMs: 5_150 }))).toEqual({ cpuMs: 0, wallMs: 0, grewMb: 0 })
})

test('a slice that sleeps in native code is killed by the wall clock', () => {
  const baseline = nextBaseline(undefined, seen({}))
  expect(killVerdict(baseline, seen({ now: 1_251 }), ALLOWED, 200)).toBe('wall')
})

test('the clock starts anew with every slice', () => {
  const first = nextBaseline(undefined, seen({}))
  const second = nextBaseline(first, seen({ now: 5_000, frameNumber: 2, cpuMs: 4_000 }))
  expect(second).toEqual({ frameNumber: 2, since: 5_000, cpuMs: 4_000, rssMb: 50 })
  expect(killVerdict(second, seen({ now: 5_100, frameNumber: 2, cpuMs: 4_100 }), ALLOWED, 200)).toBeUndefined()
})

test('the clock stands while the cell owes nothing', () => {
  expect(nextBaseline({ frameNumber: 1, since: 0, cpuMs: 0, rssMb: 50 }, seen({ frameNumber: undefined }))).toBeUndefined()
  expect(killVerdict(undefined, seen({ now: 1e9, frameNumber: undefined }), ALLOWED, 200)).toBeUndefined()
})

test('memory over the limit kills whoever runs', () => {
  expect(killVerdict(undefined, seen({ rssMb: 201 }), ALLOWED, 200)).toBe('memory')
})

test('running sandboxes may stand half above their limit, warm ones at what they were measured', () => {
  expect(rssLimitMb(128, 10)).toBe(40 + 192 + 10)
})
