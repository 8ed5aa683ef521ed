import { describe, expect, test } from 'vitest'
import { changeSchedule, MAX_INPUT_BYTES, parseSchedule, unknownField } from '../../../platform/async/schedule.ts'

describe('parseSchedule()', () => {
  test('takes the defaults for what is not said', () => {
    expect(parseSchedule({ function: 'hello', every: '1h' })).toEqual({ function: 'hello', timing: { every: '1h' }, enabled: true })
  })

  test('keeps what is said', () => {
    const body = { function: 'hello', qualifier: '3', cron: '@daily', timeZone: 'Asia/Tokyo', enabled: false, input: { days: [7] } }
    expect(parseSchedule(body)).toEqual({
      function: 'hello',
      qualifier: '3',
      timing: { cron: '@daily', timeZone: 'Asia/Tokyo' },
      enabled: false,
      input: { days: [7] },
    })
  })

  test.each([
    [{ every: '1h' }, 'function', 'got nothing'],
    [{ function: 'Hello', every: '1h' }, 'function', 'a lower-case letter'],
    [{ function: 'hello', every: '1h', qualifier: 3 }, 'qualifier', 'as a text, got 3'],
    [{ function: 'hello', every: '1h', enabled: 'yes' }, 'enabled', 'true or false, got "yes"'],
    [
      { function: 'hello', every: '1h', input: 'x'.repeat(MAX_INPUT_BYTES) },
      'input',
      `at most ${MAX_INPUT_BYTES} bytes, got "${MAX_INPUT_BYTES + 2} bytes"`,
    ],
  ])('refuses %o and names the field', (body, field, message) => {
    expect(() => parseSchedule(body)).toThrow(expect.objectContaining({ field, message: expect.stringContaining(message) }))
  })

  test('a field that no schedule has is found', () => {
    expect(unknownField({ function: 'hello', crontab: '@daily' })).toMatchObject({ field: 'crontab' })
    expect(unknownField({ function: 'hello', cron: '@daily' })).toBe(undefined)
  })
})

describe('changeSchedule()', () => {
  const daily = parseSchedule({ function: 'hello', cron: '@daily', timeZone: 'Asia/Tokyo', input: 1 })

  test('changes what is named and leaves the rest', () => {
    expect(changeSchedule(daily, { enabled: false })).toEqual({ ...daily, enabled: false })
    expect(changeSchedule(daily, { cron: '@hourly' }).timing).toEqual({ cron: '@hourly', timeZone: 'Asia/Tokyo' })
    expect(changeSchedule(daily, { timeZone: 'UTC' }).timing).toEqual({ cron: '@daily', timeZone: 'UTC' })
  })

  test('every takes the place of cron, and cron that of every', () => {
    const hourly = changeSchedule(daily, { every: '1h' })
    expect(hourly.timing).toEqual({ every: '1h' })
    expect(changeSchedule(hourly, { cron: '@daily' }).timing).toEqual({ cron: '@daily', timeZone: 'UTC' })
    expect(() => changeSchedule(hourly, { timeZone: 'UTC' })).toThrow('nothing beside `every`')
    expect(() => changeSchedule(daily, { every: '1h', cron: '@daily' })).toThrow('nothing beside `cron`')
  })

  test('null takes a field back to its default', () => {
    expect(changeSchedule(daily, { timeZone: null, input: null })).toEqual({
      function: 'hello',
      timing: { cron: '@daily', timeZone: 'UTC' },
      enabled: true,
    })
  })
})
