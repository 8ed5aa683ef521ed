import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IDLE_TTL_MS, type Idle, victims } from '../../../runtime/worker/eviction.ts'

const idle = (over: Partial<Idle> = {}): Idle => ({ uses: 1, initMs: 10, heapMb: 2, lastUsedAt: 0, ...over })

test('nothing goes while there is room', () => {
  expect(victims([idle(), idle()], 0, 0, 1_000).evict).toEqual([])
})

test('what has been idle for ten minutes goes even when there is room', () => {
  const old = idle()
  const fresh = idle({ lastUsedAt: IDLE_TTL_MS })
  expect(victims([old, fresh], 0, 0, IDLE_TTL_MS).evict).toEqual([old])
})

test('the rarely used and cheap goes before the often used and dear', () => {
  const cheap = idle({ uses: 1, initMs: 2 })
  const dear = idle({ uses: 50, initMs: 40 })
  expect(victims([dear, cheap], 1, 0, 1).evict).toEqual([cheap])
})

test('of two alike the larger goes first', () => {
  const small = idle({ heapMb: 2 })
  const large = idle({ heapMb: 60 })
  expect(victims([small, large], 1, 0, 1).evict).toEqual([large])
})

test('the clock never runs back, and rises with a victim that was worth something', () => {
  const { clock } = victims([idle({ uses: 10 })], 1, 7, 1)
  expect(clock).toBeGreaterThan(7)
})

test('enough goes, and no more than needed', () => {
  const anyIdle = fc.record({
    uses: fc.integer({ min: 0, max: 1_000 }),
    initMs: fc.integer({ min: 0, max: 1_000 }),
    heapMb: fc.integer({ min: 1, max: 100 }),
    lastUsedAt: fc.constant(0),
  })
  fc.assert(
    fc.property(fc.array(anyIdle), fc.integer({ min: 0, max: 2_000 }), (all, excessMb) => {
      const { evict } = victims(all, excessMb, 0, 1)
      const freed = evict.reduce((sum, { heapMb }) => sum + heapMb, 0)
      const total = all.reduce((sum, { heapMb }) => sum + heapMb, 0)
      expect(new Set(evict).size).toBe(evict.length)
      expect(freed).toBeGreaterThanOrEqual(Math.min(excessMb, total))
      if (evict.length > 0) expect(freed - (evict.at(-1)?.heapMb ?? 0)).toBeLessThan(excessMb)
    }),
  )
})
