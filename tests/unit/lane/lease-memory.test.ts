import { expect, test } from 'vitest'
import { LeaseMemory } from '../../../runtime/lane/lease-memory.ts'
import type { Settlement } from '../../../runtime/lane/worker-lane.ts'
import { usage } from '../billing/usage-fixture.ts'

function settlement(key: string, bytes = 10): Settlement {
  return { key, cpuMs: 1, waitMs: 0, runMs: 1, frame: Buffer.alloc(bytes), record: usage(0) }
}

function recentKeys(memory: LeaseMemory, now: number, quietMs = 0): string[] {
  return memory.recent(now, quietMs).map(({ lease }) => lease)
}

test('what is held is remembered until it is settled or given back', () => {
  const memory = new LeaseMemory()
  for (const key of ['a', 'b', 'c']) memory.hold(key, `lease of ${key}`)
  memory.settled(settlement('a'), 0)
  memory.drop('b')
  expect(memory.held()).toEqual(['lease of c'])
  expect(recentKeys(memory, 0)).toEqual(['lease of a'])
})

test('what was settled is remembered for three seconds, and as much longer as nothing could reach Redis', () => {
  const memory = new LeaseMemory()
  memory.hold('a', 'a')
  memory.settled(settlement('a'), 1_000)
  expect(recentKeys(memory, 4_000)).toEqual(['a'])
  expect(recentKeys(memory, 4_001)).toEqual([])
  expect(recentKeys(memory, 9_000, 5_000)).toEqual(['a'])
})

test('what it was never handed is nothing to remember', () => {
  const memory = new LeaseMemory()
  memory.settled(settlement('a'), 0)
  expect(recentKeys(memory, 0)).toEqual([])
})

test('large answers push the oldest out: no more than 64 MiB are kept', () => {
  const memory = new LeaseMemory()
  const MIB = 1024 * 1024
  for (let i = 0; i < 100; i++) {
    memory.hold(String(i), String(i))
    memory.settled(settlement(String(i), MIB), 0)
  }
  const keys = recentKeys(memory, 0)
  expect(keys.length).toBeGreaterThan(60)
  expect(keys.length).toBeLessThanOrEqual(64)
  expect(keys.at(-1)).toBe('99')
})

test('a worker that the lane gave up has nothing to say of what it was', () => {
  const memory = new LeaseMemory()
  memory.hold('a', 'a')
  memory.settled(settlement('a'), 0)
  memory.hold('b', 'b')
  memory.clear()
  expect([memory.held(), recentKeys(memory, 0)]).toEqual([[], []])
})
