import { describe, expect, test } from 'vitest'
import { changeTenant, endMove, lanesLeft, MOVE_PAUSE_MS, newTenant, pauseLeftMs } from '../../../platform/registry/tenant.ts'

const DAY_MS = 24 * 3_600_000
const acme = newTenant({ name: 'acme' }, 1_000)

describe('a tenant', () => {
  test('weighs 1 in the main lane unless told otherwise', () => {
    expect(acme).toEqual({ name: 'acme', weight: 1, lane: 'main', revision: 1, createdAt: 1_000 })
  })

  test('counts its changes; a new weight alone moves nothing', () => {
    expect(changeTenant(acme, { weight: 3 }, 2_000)).toEqual({ ...acme, weight: 3, revision: 2 })
  })

  test('moves: the record says where from and since when, until the move ends', () => {
    const moving = changeTenant(acme, { lane: 'b' }, 2_000)
    expect(moving).toMatchObject({ lane: 'b', revision: 2, moving: { from: 'main', since: 2_000 } })
    expect(endMove(moving)).toEqual({ ...acme, lane: 'b', revision: 3, left: [{ lane: 'main', at: 2_000 }] })
  })

  test('a weight may change while it moves, and the move goes on', () => {
    const moving = changeTenant(acme, { lane: 'b' }, 2_000)
    expect(changeTenant(moving, { weight: 2 }, 3_000)).toMatchObject({ weight: 2, lane: 'b', revision: 3, moving: { from: 'main', since: 2_000 } })
  })

  test('waits in its new lane for 30 s at most, whatever the clocks of two machines say', () => {
    const moving = changeTenant(acme, { lane: 'b' }, 50_000)
    expect(pauseLeftMs(acme, 50_000)).toBe(0)
    expect(pauseLeftMs(moving, 60_000)).toBe(MOVE_PAUSE_MS - 10_000)
    expect(pauseLeftMs(moving, 50_000 + MOVE_PAUSE_MS)).toBe(0)
    expect(pauseLeftMs(moving, 0)).toBe(MOVE_PAUSE_MS)
  })

  test('remembers for a day the lanes it has left, last first, and never the one it is in', () => {
    const inB = endMove(changeTenant(acme, { lane: 'b' }, 1_000))
    const inC = endMove(changeTenant(inB, { lane: 'c' }, 2_000))
    expect(lanesLeft(inC, 3_000)).toEqual(['b', 'main'])
    expect(lanesLeft(inC, 1_000 + DAY_MS)).toEqual(['b'])
    expect(lanesLeft(endMove(changeTenant(inC, { lane: 'main' }, 3_000)), 4_000)).toEqual(['c', 'b'])
    expect(changeTenant(inC, { weight: 2 }, 2_000 + DAY_MS).left).toBe(undefined)
  })
})
