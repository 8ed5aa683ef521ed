import { describe, expect, test } from 'vitest'
import { parseUsageRecord } from '../../../platform/billing/parse-usage-record.ts'
import { usage } from './usage-fixture.ts'

describe('a usage record at the ledger’s door', () => {
  test('a good one comes through unchanged', () => {
    expect(parseUsageRecord(JSON.parse(JSON.stringify(usage(1))))).toEqual(usage(1))
    expect(parseUsageRecord(usage(2, { outcome: 'exceeded', limit: 'cpu' }))).toEqual(usage(2, { outcome: 'exceeded', limit: 'cpu' }))
  })

  test('times are kept in whole microseconds, instants in whole milliseconds', () => {
    const parsed = parseUsageRecord(usage(1, { cpuMs: 0.123_456_7, acceptedAt: 1_790_000_000_000.9 }))
    expect(parsed.cpuMs).toBe(0.123)
    expect(parsed.acceptedAt).toBe(1_790_000_000_000)
  })

  test.each([
    ['id', 'not-a-uuid'],
    ['attempt', 0],
    ['tenant', 'Acme!'],
    ['version', 1.5],
    ['trigger', 'magic'],
    ['cpuMs', -1],
    ['runMs', Number.NaN],
    ['runMs', '4'],
    ['billedMs', 1.5],
    ['billedMs', 2 ** 53],
    ['memoryMb', 0],
    ['concurrency', 0],
    ['requestBytes', -1],
    ['outcome', 'won'],
    ['limit', 'patience'],
    ['worker', 'w'.repeat(200)],
  ])('a bad %s (%s) is refused by name', (field, value) => {
    expect(() => parseUsageRecord({ ...usage(1), [field]: value })).toThrow(field)
  })

  test.each([null, 'text', 7, []])('%j is no record', (value) => {
    expect(() => parseUsageRecord(value)).toThrow('usage record')
  })
})
