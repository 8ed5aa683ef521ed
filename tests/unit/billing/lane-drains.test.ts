import { expect, test } from 'vitest'
import { LaneDrains } from '../../../platform/billing/lane-drains.ts'

function drain(lagMs: number, toEnd: () => Promise<number> = async () => 0) {
  return { run: async () => {}, toEnd, status: () => ({ lagMs, inserted: 1, duplicates: 2, rejected: 3 }) }
}

const away = () => Promise.reject(new Error('lane b is away'))

test('are as far behind as the last of them, and count together', () => {
  const drains = new LaneDrains(
    new Map([
      ['main', drain(5)],
      ['b', drain(70)],
    ]),
  )
  expect(drains.status()).toEqual({ lagMs: 70, inserted: 2, duplicates: 4, rejected: 6 })
})

test('a lane that is away holds up nobody who does not ask for it', async () => {
  const drains = new LaneDrains(
    new Map([
      ['main', drain(0)],
      ['b', drain(0, away)],
    ]),
  )
  await drains.toEnd(['main'])
  await drains.toEnd(['main', 'nowhere'])
  await expect(drains.toEnd(['b'])).rejects.toThrow('lane b is away')
})

test('asked for all, each is drained even when one cannot be', async () => {
  let drained = 0
  const slow = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    return ++drained
  }
  const drains = new LaneDrains(
    new Map([
      ['b', drain(0, away)],
      ['main', drain(0, slow)],
    ]),
  )
  await expect(drains.toEnd()).rejects.toThrow('lane b is away')
  expect(drained).toBe(1)
})
