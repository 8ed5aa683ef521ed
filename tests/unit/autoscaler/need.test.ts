import { describe, expect, test } from 'vitest'
import { isStarved } from '../../../platform/autoscaler/need.ts'
import { World } from './world.ts'

/** Requests of 10 m and 64 MB: of two workers, 64 fill the memory. */
function starved(inFlight: number, queued: number): boolean {
  return isStarved(new World().load({ inFlight, queued, mb: 64, cpuMilli: 10 }).seen(2))
}

describe('work waits for want of capacity', () => {
  test('where no worker could take one more, and not where nothing waits', () => {
    expect([starved(64, 1), starved(64, 0)]).toEqual([true, false])
  })

  test('where so much is taken that the lane keeps the rest for other tenants', () => {
    expect(starved(48, 1)).toBe(true)
  })

  test('but not beside more room than that: there its function is at its cap, and another worker would not help', () => {
    expect(starved(47, 1)).toBe(false)
  })
})
