import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deadlineOf, leftUntil, MAX_DEADLINE_MS } from '../../../platform/gateway/deadline.ts'

const NOW = 1_000_000
const asked = (value: string | undefined) => deadlineOf({ headers: { 'isolane-deadline-ms': value } } as never as IncomingMessage, NOW)

test('a request without the header has no deadline of its own', () => {
  expect(asked(undefined)).toBe(Number.POSITIVE_INFINITY)
})

test('every whole number up to the longest a call may take is a duration from now', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: MAX_DEADLINE_MS }), (ms) => asked(String(ms)) === NOW + ms))
})

test.each(['0', '-1', '1.5', '1e3', '', ' 5', '5 ', '5, 5', '010', 'soon', '0x10', '∞', String(MAX_DEADLINE_MS + 1), '9'.repeat(400)])(
  'the deadline %j is refused, with what came and what is allowed',
  (value) => {
    expect(() => asked(value)).toThrow(
      expect.objectContaining({
        init: expect.objectContaining({
          status: 400,
          code: 'header_invalid',
          detail: expect.stringContaining(`Isolane-Deadline-Ms: wanted a whole number of milliseconds from 1 to 930000; got "${value.slice(0, 70)}`),
        }),
      }),
    )
  },
)

test('no other text is a number', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const isOne = /^\d+$/.test(text) && String(Number(text)) === text && Number(text) >= 1 && Number(text) <= MAX_DEADLINE_MS
      try {
        return asked(text) === NOW + Number(text) && isOne
      } catch {
        return !isOne
      }
    }),
  )
})

test('what is left goes down to a refusal, never to nothing', () => {
  expect([leftUntil(NOW + 500, NOW + 499.5), leftUntil(Number.POSITIVE_INFINITY, NOW)]).toEqual([0.5, Number.POSITIVE_INFINITY])
  expect(() => leftUntil(NOW, NOW)).toThrow(expect.objectContaining({ init: expect.objectContaining({ status: 408, code: 'deadline_passed' }) }))
})
