import { describe, expect, test } from 'vitest'
import { parseCron } from '../../../platform/async/cron.ts'

describe('parseCron()', () => {
  test.each([
    ['0 9 * * *', '0 9 * * *'],
    ['  */15\t* * * *  ', '*/15 * * * *'],
    ['0 9 * * MON-fri', '0 9 * * 1-5'],
    ['0 0 1 Jan,jul *', '0 0 1 1,7 *'],
    ['0 0 * * fri-sun', '0 0 * * 5-7'],
    ['0 0 * * sun', '0 0 * * 0'],
    ['5,10-20/5,*/30 * * * *', '5,10-20/5,*/30 * * * *'],
    ['*/20 * * * * *', '*/20 * * * * *'],
    ['@daily', '0 0 * * *'],
    ['@HOURLY', '0 * * * *'],
    ['@weekly', '0 0 * * 0'],
    ['@monthly', '0 0 1 * *'],
    ['@yearly', '0 0 1 1 *'],
  ])('writes %j as %j', (text, pattern) => {
    expect(parseCron(text)).toBe(pattern)
  })

  test.each([
    [undefined, 'wanted five fields (minute, hour,'],
    ['', 'wanted five fields'],
    ['* * * *', 'wanted five fields'],
    ['* * * * * * *', 'wanted five fields'],
    ['@never', 'or one of @hourly, @daily,'],
    ['60 * * * *', 'in its minute "*", 0 to 59, ranges (a-b), lists (a,b) and steps (*/n), got "60"'],
    ['* 24 * * *', 'in its hour "*", 0 to 23'],
    ['* * 0 * *', 'in its day of the month "*", 1 to 31'],
    ['* * * 13 *', 'in its month "*", 1 to 12 or jan to dec'],
    ['* * * * 8', 'in its day of the week "*", 0 to 7 or sun to sat'],
    ['mon * * * *', 'in its minute'],
    ['* * * * mondays', 'in its day of the week'],
    ['10-5 * * * *', 'in its minute a range that goes up, got "10-5"'],
    ['* * * * fri-mon', 'in its day of the week a range that goes up'],
    ['*/0 * * * *', 'in its minute a step from 1 to 59'],
    ['*/90 * * * *', 'in its minute a step from 1 to 59'],
    ['1,,2 * * * *', 'in its minute'],
    ['-1 * * * *', 'in its minute'],
    ['* * L * *', 'in its day of the month'],
    ['* * ? * *', 'in its day of the month'],
    ['* * * * 1#2', 'in its day of the week'],
    ['61 * * * * *', 'in its second'],
    [`${'1,'.repeat(200)}1 * * * *`, 'wanted five fields'],
  ])('refuses %j and says which field it is and what that may be', (text, message) => {
    expect(() => parseCron(text)).toThrow(message)
  })
})
