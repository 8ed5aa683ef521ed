import { getNextMillis } from 'bullmq'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nextCronTime } from '../../../platform/async/next-cron-time.ts'

function times(pattern: string, timeZone: string, after: string, count: number): string[] {
  const found: string[] = []
  for (let at: number | undefined = Date.parse(after); found.length < count; ) {
    at = nextCronTime(pattern, timeZone, at)
    if (at === undefined) break
    found.push(new Date(at).toISOString().slice(5, 16))
  }
  return found
}

describe('around clock changes', () => {
  // Berlin: 2026-03-29 02:00 → 03:00 (01:00Z), 2026-10-25 03:00 → 02:00 (01:00Z). Lord Howe changes by half an hour.
  test('each of several times that are skipped comes as much later as clocks were put forward', () => {
    expect(times('0,30 2 * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', 3)).toEqual(['03-29T01:00', '03-29T01:30', '03-30T00:00'])
    expect(times('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00:00Z', 2)).toEqual(['10-03T15:45', '10-04T15:15'])
  })

  test('times that fall on one another are one', () => {
    expect(times('30 1-3 * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', 3)).toEqual(['03-29T00:30', '03-29T01:30', '03-29T23:30'])
  })

  test('a time that is shown twice comes the first time, also when it is asked for in between', () => {
    expect(times('0,30 2 * * *', 'Europe/Berlin', '2026-10-24T22:00:00Z', 3)).toEqual(['10-25T00:00', '10-25T00:30', '10-26T01:00'])
    for (const between of ['2026-10-25T00:45:00Z', '2026-10-25T01:10:00Z', '2026-10-25T01:45:00Z'])
      expect(times('30 2 * * *', 'Europe/Berlin', between, 1)).toEqual(['10-26T01:30'])
    expect(times('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00:00Z', 2)).toEqual(['04-04T14:45', '04-05T15:15'])
  })

  test('a skipped time is found from within the hour after the change', () => {
    for (const within of ['2026-03-29T00:59:59.999Z', '2026-03-29T01:00:00.005Z', '2026-03-29T01:29:59.999Z'])
      expect(times('30 2 * * *', 'Europe/Berlin', within, 1)).toEqual(['03-29T01:30'])
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-03-29T01:30:00Z', 1)).toEqual(['03-30T00:30'])
  })

  test('with the hour as *, what clocks show twice is due twice, and what they skip is not', () => {
    expect(times('30 * * * *', 'Europe/Berlin', '2026-10-24T23:45:00Z', 3)).toEqual(['10-25T00:30', '10-25T01:30', '10-25T02:30'])
    expect(times('30 * * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', 3)).toEqual(['03-29T00:30', '03-29T01:30', '03-29T02:30'])
    expect(times('15 * * * *', 'Australia/Lord_Howe', '2026-10-03T14:30:00Z', 2)).toEqual(['10-03T14:45', '10-03T16:15'])
  })
})

test('every second is no more work where clocks are changed than elsewhere', () => {
  const startedAt = performance.now()
  for (let n = 0; n < 100; n++) nextCronTime('* * 0-23 * * *', 'Europe/Berlin', Date.parse('2026-03-29T00:30:00Z') + n)
  for (let n = 0; n < 100; n++) nextCronTime('* * 0-5 28 3 *', 'Europe/Berlin', Date.parse('2026-06-01T00:00:00Z') + n)
  // It was 3 s, of the gateway or the controller, when each second of eight hours was looked at.
  expect(performance.now() - startedAt).toBeLessThan(1_000)
})

const part = (min: number, max: number) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    fc.integer({ min, max }).map(String),
    fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    fc.integer({ min: 1, max: Math.min(15, max) }).map((step) => `*/${step}`),
    fc.uniqueArray(fc.integer({ min, max }), { minLength: 2, maxLength: 4 }).map((list) => list.join(',')),
  )
const pattern = fc.tuple(part(0, 59), part(0, 59), part(0, 23), part(1, 28), part(1, 12), part(0, 6)).map((parts) => parts.join(' '))
const instant = fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2035, 0, 1) })

test('where no clock is changed, it is what BullMQ would say', () => {
  const zone = fc.constantFrom('UTC', 'Asia/Tokyo', 'Asia/Kathmandu', 'America/Bogota')
  fc.assert(
    fc.property(pattern, zone, instant, (cron, timeZone, after) => {
      expect(nextCronTime(cron, timeZone, after)).toBe(getNextMillis(after, { pattern: cron, tz: timeZone }))
    }),
    { numRuns: 300 },
  )
})

test('wherever it is asked from, the next time is the same until it has come', () => {
  const zone = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'America/Santiago')
  const change = fc.constantFrom(
    '2026-03-29T01:00:00Z',
    '2026-10-25T01:00:00Z',
    '2026-03-08T07:00:00Z',
    '2026-11-01T06:00:00Z',
    '2026-10-03T15:30:00Z',
    '2026-04-04T15:00:00Z',
  )
  const near = fc.tuple(change, fc.integer({ min: -3 * 3_600_000, max: 3 * 3_600_000 })).map(([at, by]) => Date.parse(at) + by)
  fc.assert(
    fc.property(pattern, zone, near, fc.double({ min: 0, max: 1, noNaN: true }), (cron, timeZone, after, share) => {
      const next = nextCronTime(cron, timeZone, after) as number
      expect(next).toBeGreaterThan(after)
      expect(nextCronTime(cron, timeZone, Math.min(next - 1, after + Math.floor((next - after) * share)))).toBe(next)
    }),
    { numRuns: 1_000 },
  )
})
