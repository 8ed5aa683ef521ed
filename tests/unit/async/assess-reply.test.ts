import { describe, expect, test } from 'vitest'
import { assessReply, type WholeReply } from '../../../platform/async/assess-reply.ts'
import { attemptOf } from '../../../platform/async/attempt.ts'
import { parseRetryAfter } from '../../../platform/async/retry-after.ts'
import type { HandlerStyle } from '../../../runtime/contract/function-version.ts'
import type { Outcome } from '../../../runtime/contract/outcome.ts'

const NOW = Date.parse('2026-01-31T12:00:00Z')
const limits = { memoryMb: 128, timeoutMs: 5_000, concurrency: 1 }
const usage = { queueMs: 0, initMs: 0, runMs: 1, cpuMs: 1, billedMs: 1, heapMb: 1, start: 'warm' } as const

function answered(outcome: Outcome, head: object | undefined = undefined, body = ''): WholeReply {
  const text = Buffer.from(head === undefined ? '' : JSON.stringify(head))
  return { last: { kind: 'answered', head: { outcome, usage, worker: 'w1' }, text, body: Buffer.from(body) } }
}

function assess(reply: WholeReply, { style = 'event' as HandlerStyle, cancelled = false } = {}) {
  return assessReply(reply, { tenant: 'acme', name: 'greet', limits, style }, { cancelled, now: NOW })
}

const returned = { kind: 'returned' } as const

describe('what a reply means for its event', () => {
  test('a value is its result, as it came', () => {
    expect(assess(answered(returned, { kind: 'json' }, '{"a": 1}'))).toEqual({ verdict: { kind: 'succeeded' }, result: { result: '{"a": 1}' } })
    expect(assess(answered(returned, { kind: 'json' }, '')).result).toEqual({ result: 'null' })
  })

  test('bytes of an isolate that are no JSON are not kept as a result', () => {
    expect(assess(answered(returned, { kind: 'json' }, '{')).result).toEqual({ resultNote: 'The result is not kept: it is no JSON' })
    expect(assess(answered(returned, { kind: 'strange' })).verdict).toMatchObject({ kind: 'failed', error: { code: 'bad_reply' } })
  })

  test.each([
    [200, 'succeeded'],
    [302, 'succeeded'],
    [404, 'succeeded'],
    [429, 'failed'],
    [500, 'failed'],
    [503, 'failed'],
  ])('an HTTP answer with status %i: %s', (status, kind) => {
    const { verdict, result } = assess(answered(returned, { kind: 'http', status, headers: [['x-a', '1']] }, 'text'), { style: 'fetch' })
    expect(verdict.kind).toBe(kind)
    expect(result).toEqual({ result: JSON.stringify({ status, headers: { 'x-a': '1' }, body: 'text' }) })
  })

  test('a status code within the value of a Lambda handler counts, of other handlers it is a value like any other', () => {
    const busy = answered(returned, { kind: 'json' }, '{"statusCode":503,"headers":{"retry-after":30}}')
    expect(assess(busy, { style: 'lambda' }).verdict).toMatchObject({ kind: 'failed', retryAfterMs: 30_000, error: { code: 'function_answered' } })
    expect(assess(busy).verdict).toEqual({ kind: 'succeeded' })
    for (const value of ['null', '7', '{"statusCode":"503"}', '{"statusCode":500,"headers":null}']) {
      expect(() => assess(answered(returned, { kind: 'json' }, value), { style: 'lambda' })).not.toThrow()
    }
  })

  test.each([
    [{ kind: 'threw', error: { name: 'E', message: 'm', stack: 's' }, phase: 'run' }, 'failed', 'function_threw'],
    [{ kind: 'exceeded', limit: 'cpu', allowed: 50, unit: 'ms', phase: 'run' }, 'failed', 'exceeded_cpu'],
    [{ kind: 'expired' }, 'again', 'expired'],
    [{ kind: 'lost', reason: 'r', started: 'maybe' }, 'again', 'lost'],
    [{ kind: 'lost', reason: 'r', started: 'replied' }, 'again', 'lost'],
    [{ kind: 'lost', reason: 'r', started: 'maybe', repeat: false }, 'failed', 'lost'],
  ] as const)('%o: %s by %s', (outcome, kind, code) => {
    expect(assess(answered(outcome)).verdict).toMatchObject({ kind, error: { code } })
    expect(assess({ last: { kind: 'verdict', outcome } }).verdict).toMatchObject({ kind, error: { code } })
  })

  test('cancelled is over where somebody wanted it; where its function was switched off it waits', () => {
    expect(assess(answered({ kind: 'cancelled' }), { cancelled: true }).verdict).toEqual({ kind: 'cancelled' })
    expect(assess(answered({ kind: 'cancelled' })).verdict).toMatchObject({ kind: 'again', off: true, error: { code: 'cancelled' } })
  })

  test('a refusal is no attempt, and says when to come again', () => {
    const last = { kind: 'refused', reason: 'full', scope: 'lane', retryAfterMs: 7_000 } as const
    const { verdict } = assess({ last })
    expect(verdict).toMatchObject({ kind: 'again', retryAfterMs: 7_000, error: { code: 'overloaded' } })
    expect(attemptOf(last, verdict, { attempt: 1, version: 1, startedAt: 0, endedAt: 1 })).toBeUndefined()
  })

  test('an answer that went to a dispatcher that died is not asked for again by running it again', () => {
    const last = { kind: 'refused', reason: 'answer_not_kept', id: 'x' } as const
    const { verdict, result } = assess({ last })
    expect([verdict, result]).toEqual([{ kind: 'succeeded' }, { resultNote: expect.stringContaining('died before it had come') }])
    expect(attemptOf(last, verdict, { attempt: 1, version: 1, startedAt: 0, endedAt: 1 })).toMatchObject({ attempt: 1, outcome: 'returned' })
  })

  test('what came beside the lane is kept while it is whole and not too much', () => {
    const last = answered(returned).last
    const beside = (body: Buffer | 'over' | 'cut') => assess({ last, beside: { head: { kind: 'json' }, body } }).result
    expect(beside(Buffer.from('[1]'))).toEqual({ result: '[1]' })
    expect(beside('over')).toEqual({ resultNote: 'The result is not kept: it has more than 262144 bytes' })
    expect(beside('cut')).toEqual({ resultNote: 'The result is not kept: its stream was cut' })
  })
})

test.each([
  ['7', 7_000],
  [' 0 ', 0],
  ['Sat, 31 Jan 2026 12:00:30 GMT', 30_000],
  ['Sat, 31 Jan 2026 11:00:00 GMT', 0],
  ['-1', undefined],
  ['soon', undefined],
  ['', undefined],
  ['1e3', undefined],
])('Retry-After: %j is %j', (text, ms) => {
  expect(parseRetryAfter(text, NOW)).toBe(ms)
})
