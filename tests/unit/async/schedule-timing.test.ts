import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { everyMs, nextRuns, parseTiming } from '../../../platform/async/schedule-timing.ts'

function cronRuns(cron: string, timeZone: string, after: string, count = 3): string[] {
  return nextRuns({ cron, timeZone }, 0, Date.parse(after), count).map((ms) => new Date(ms).toISOString().replace('.000Z', 'Z'))
}

describe('the due times of a cron text', () => {
  test('go by the clock of the time zone', () => {
    expect(cronRuns('0 9 * * mon-fri', 'UTC', '2026-01-30T10:00:00Z')).toEqual([
      '2026-02-02T09:00:00Z',
      '2026-02-03T09:00:00Z',
      '2026-02-04T09:00:00Z',
    ])
    expect(cronRuns('0 9 * * *', 'Asia/Kolkata', '2026-01-30T00:00:00Z', 1)).toEqual(['2026-01-30T03:30:00Z'])
    expect(cronRuns('@daily', 'Pacific/Apia', '2026-06-01T00:00:00Z', 1)).toEqual(['2026-06-01T11:00:00Z'])
  })

  test('are after, never at, the time asked from', () => {
    expect(cronRuns('0 9 * * *', 'UTC', '2026-01-30T09:00:00Z', 1)).toEqual(['2026-01-31T09:00:00Z'])
    expect(cronRuns('* * * * * *', 'UTC', '2026-01-30T09:00:00.001Z', 2)).toEqual(['2026-01-30T09:00:01Z', '2026-01-30T09:00:02Z'])
  })

  test('take a day of the month and a day of the week as alternatives', () => {
    expect(cronRuns('0 0 13 * fri', 'UTC', '2026-03-06T12:00:00Z')).toEqual(['2026-03-13T00:00:00Z', '2026-03-20T00:00:00Z', '2026-03-27T00:00:00Z'])
    expect(cronRuns('0 0 15 * fri', 'UTC', '2026-03-13T12:00:00Z', 2)).toEqual(['2026-03-15T00:00:00Z', '2026-03-20T00:00:00Z'])
  })

  test('find the 29th of February', () => {
    expect(cronRuns('0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', 2)).toEqual(['2028-02-29T00:00:00Z', '2032-02-29T00:00:00Z'])
  })

  describe.each([
    // Clocks go forward at 02:00 and back at 03:00, Berlin; at 02:00 both, New York.
    {
      timeZone: 'Europe/Berlin',
      spring: ['2026-03-28T01:30:00Z', '2026-03-29T01:30:00Z', '2026-03-30T00:30:00Z'],
      autumn: ['2026-10-24T00:30:00Z', '2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z'],
      skipped: '30 2 * * *',
      repeated: '30 2 * * *',
      springFrom: '2026-03-28T00:00:00Z',
      autumnFrom: '2026-10-24T00:00:00Z',
    },
    {
      timeZone: 'America/New_York',
      spring: ['2026-03-07T07:30:00Z', '2026-03-08T07:30:00Z', '2026-03-09T06:30:00Z'],
      autumn: ['2026-10-31T05:30:00Z', '2026-11-01T05:30:00Z', '2026-11-02T06:30:00Z'],
      skipped: '30 2 * * *',
      repeated: '30 1 * * *',
      springFrom: '2026-03-07T00:00:00Z',
      autumnFrom: '2026-10-31T00:00:00Z',
    },
  ])('in $timeZone', ({ timeZone, spring, autumn, skipped, repeated, springFrom, autumnFrom }) => {
    test('a time that is skipped when clocks go forward comes an hour later by the clock, on that day only', () => {
      expect(cronRuns(skipped, timeZone, springFrom)).toEqual(spring)
    })

    test('a time that is there twice when clocks go back comes once, the first time', () => {
      expect(cronRuns(repeated, timeZone, autumnFrom)).toEqual(autumn)
    })

    test('every half hour stays every half hour through both', () => {
      for (const from of [springFrom, autumnFrom]) {
        const runs = nextRuns({ cron: '*/30 * * * *', timeZone }, 0, Date.parse(from), 100)
        expect(new Set(runs.slice(1).map((run, at) => run - (runs[at] as number)))).toEqual(new Set([1_800_000]))
      }
    })
  })

  test('read on the clock of their zone what the text says, wherever no clock is changed', () => {
    const minute = fc.integer({ min: 0, max: 59 })
    const hour = fc.integer({ min: 0, max: 23 })
    const zone = fc.constantFrom('UTC', 'Asia/Tokyo', 'Asia/Kathmandu', 'America/Sao_Paulo', 'Africa/Nairobi')
    fc.assert(
      fc.property(minute, hour, zone, fc.integer({ min: Date.UTC(2022, 0, 1), max: Date.UTC(2040, 0, 1) }), (m, h, timeZone, after) => {
        const clock = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' })
        const [first, second] = nextRuns({ cron: `${m} ${h} * * *`, timeZone }, 0, after, 2) as [number, number]
        expect(clock.format(first)).toBe(`${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`)
        expect(first - after).toBeGreaterThan(0)
        expect(first - after).toBeLessThanOrEqual(86_400_000)
        expect(second - first).toBe(86_400_000)
      }),
    )
  })
})

describe('the due times of every-N', () => {
  test('count from the anchor, not from the time asked', () => {
    expect(nextRuns({ every: '30s' }, 1_000, 1_000, 2)).toEqual([31_000, 61_000])
    expect(nextRuns({ every: '30s' }, 1_000, 75_000, 2)).toEqual([91_000, 121_000])
  })

  test('are multiples away from it, after the time asked, and no two nearer than N', () => {
    const arbitrary = fc.tuple(fc.integer({ min: 1, max: 1_000 }), fc.constantFrom('s', 'm', 'h'), fc.nat(1e12), fc.nat(1e12))
    fc.assert(
      fc.property(arbitrary, ([count, unit, anchor, later]) => {
        const every = `${count}${unit}`
        const [first, second] = nextRuns({ every }, anchor, anchor + later, 2) as [number, number]
        expect((first - anchor) % everyMs(every)).toBe(0)
        expect(first).toBeGreaterThan(anchor + later)
        expect(first - everyMs(every)).toBeLessThanOrEqual(anchor + later)
        expect(second - first).toBe(everyMs(every))
      }),
    )
  })
})

describe('parseTiming()', () => {
  test('keeps the words, and takes UTC where no time zone is named', () => {
    expect(parseTiming(' 0 9 * * mon ', undefined, undefined)).toEqual({ cron: '0 9 * * mon', timeZone: 'UTC' })
    expect(parseTiming('@daily', undefined, 'Europe/Berlin')).toEqual({ cron: '@daily', timeZone: 'Europe/Berlin' })
    expect(parseTiming(undefined, '90m', undefined)).toEqual({ every: '90m' })
  })

  test.each([
    [undefined, undefined, undefined, 'cron', 'either `cron`'],
    ['@daily', '1h', undefined, 'every', 'nothing beside `cron`'],
    [undefined, '1h', 'UTC', 'timeZone', 'nothing beside `every`'],
    ['0 0 30 2 *', undefined, undefined, 'cron', 'a day that some year has'],
    ['0 0 31 4,6 *', undefined, undefined, 'cron', 'a day that some year has'],
    ['@daily', undefined, 'Berlin', 'timeZone', 'an IANA time zone, such as "UTC" or "Europe/Berlin", got "Berlin"'],
    ['@daily', undefined, '+02:00', 'timeZone', 'an IANA time zone'],
    ['@daily', undefined, 3, 'timeZone', 'an IANA time zone'],
    [undefined, '0s', undefined, 'every', 'from "1s" to "366d", such as "30s", "5m", "1h", got "0s"'],
    [undefined, '500ms', undefined, 'every', 'a whole number'],
    [undefined, '1.5h', undefined, 'every', 'a whole number'],
    [undefined, '367d', undefined, 'every', 'a whole number'],
    [undefined, 30, undefined, 'every', 'got 30'],
  ])('refuses cron %j, every %j, timeZone %j, naming %s', (cron, every, timeZone, field, message) => {
    expect(() => parseTiming(cron, every, timeZone)).toThrow(expect.objectContaining({ field, message: expect.stringContaining(message) }))
  })
})
