import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backoffMs, CALLBACK_BACKOFF, REQUEUE_BACKOFF, RETRY_BACKOFF } from '../../../platform/async/backoff.ts'
import { decideNext, MAX_RETRY_AFTER_MS, OFF_PAUSE_MS, type Situation, type Verdict } from '../../../platform/async/decide-next.ts'
import { MAX_EVENT_AGE_MS } from '../../../platform/async/stories.ts'

const error = { code: 'function_threw', message: 'no' }
const NOW = 1_800_000_000_000
const at = (more: Partial<Situation> = {}): Situation => ({
  since: NOW,
  spent: 0,
  requeues: 0,
  retries: 2,
  cancelling: false,
  now: NOW,
  random: 0.5,
  ...more,
})

describe('after an attempt', () => {
  test('what succeeded or was cancelled is over', () => {
    expect(decideNext({ kind: 'succeeded' }, at())).toEqual({ to: 'succeeded' })
    expect(decideNext({ kind: 'cancelled' }, at())).toEqual({ to: 'cancelled' })
  })

  test('a failure of the function uses a retry, and waits half of the first second by a middling draw', () => {
    expect(decideNext({ kind: 'failed', error }, at())).toEqual({ to: 'queued', nextAt: NOW + 500, spent: 1, requeues: 0, error })
  })

  test('with all retries used it is dead', () => {
    expect(decideNext({ kind: 'failed', error }, at({ spent: 2 }))).toEqual({ to: 'dead', error })
    expect(decideNext({ kind: 'failed', error }, at({ retries: 0 }))).toEqual({ to: 'dead', error })
  })

  test('what somebody wants ended is not tried again, and is no dead letter', () => {
    const cancelling = at({ cancelling: true })
    expect(decideNext({ kind: 'failed', error }, cancelling)).toEqual({ to: 'cancelled' })
    expect(decideNext({ kind: 'again', error }, cancelling)).toEqual({ to: 'cancelled' })
    expect(decideNext({ kind: 'succeeded' }, cancelling)).toEqual({ to: 'succeeded' })
  })

  test('fewer retries set meanwhile count at once', () => {
    expect(decideNext({ kind: 'failed', error }, at({ spent: 1, retries: 1 })).to).toBe('dead')
  })

  test('what the platform is to blame for uses none, however often', () => {
    const next = decideNext({ kind: 'again', error }, at({ spent: 2, requeues: 50, random: 0 }))
    expect(next).toEqual({ to: 'queued', nextAt: NOW, spent: 2, requeues: 51, error })
  })

  test('the function may ask for more time than the backoff has, up to an hour', () => {
    const nextAt = (retryAfterMs: number) => {
      const next = decideNext({ kind: 'failed', error, retryAfterMs }, at())
      return next.to === 'queued' ? next.nextAt - NOW : undefined
    }
    expect([nextAt(100), nextAt(60_000), nextAt(86_400_000)]).toEqual([500, 60_000, MAX_RETRY_AFTER_MS])
  })

  test('a function that is switched off is looked at again after a fixed time', () => {
    expect(decideNext({ kind: 'again', error, off: true }, at({ requeues: 9 }))).toMatchObject({ nextAt: NOW + OFF_PAUSE_MS })
  })

  test('an attempt that would begin too late is none: it is dead, and says what the last one failed with', () => {
    const next = decideNext({ kind: 'again', error, retryAfterMs: 60_000 }, at({ now: NOW + MAX_EVENT_AGE_MS - 30_000 }))
    expect(next).toEqual({ to: 'dead', error: { code: 'event_too_old', message: 'It was not done within 6 hours. Its last attempt: no' } })
  })
})

test('whatever happens, an event ends: retries are used up by its function, time by the platform', () => {
  const verdict = fc.oneof(
    fc.record({ kind: fc.constant('failed' as const), error: fc.constant(error), retryAfterMs: fc.integer({ min: 0, max: 1e9 }) }),
    fc.record({ kind: fc.constant('again' as const), error: fc.constant(error) }),
  )
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 10 }),
      fc.infiniteStream(verdict),
      fc.infiniteStream(fc.double({ min: 0.01, max: 0.999, noNaN: true })),
      (retries, verdicts, draws) => {
        let [now, spent, requeues, failures] = [NOW, 0, 0, 0]
        for (let attempts = 1; ; attempts++) {
          const said = verdicts.next().value as Verdict
          if (said.kind === 'failed') failures++
          const next = decideNext(said, { since: NOW, spent, requeues, retries, cancelling: false, now, random: draws.next().value as number })
          expect(spent).toBeLessThanOrEqual(retries)
          if (next.to !== 'queued') {
            expect(failures === retries + 1 || next.to === 'dead').toBe(true)
            return
          }
          expect(next.nextAt).toBeGreaterThanOrEqual(now)
          expect(next.nextAt).toBeLessThan(NOW + MAX_EVENT_AGE_MS)
          ;({ nextAt: now, spent, requeues } = next)
          // Each takes a second, so that time passes even where no draw makes it.
          now += 1_000
          expect(attempts).toBeLessThan(30_000)
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('a backoff lies between nothing and its bound, which doubles up to the most', () => {
  const rule = fc.constantFrom(RETRY_BACKOFF, REQUEUE_BACKOFF, CALLBACK_BACKOFF)
  fc.assert(
    fc.property(rule, fc.nat(2_000), fc.double({ min: 0, max: 0.999999, noNaN: true }), (which, before, random) => {
      const ms = backoffMs(which, before, random)
      expect(Number.isInteger(ms) && ms >= 0).toBe(true)
      expect(ms).toBeLessThanOrEqual(Math.min(which.mostMs, which.firstMs * 2 ** before))
    }),
  )
  expect([0, 1, 2, 3].map((before) => backoffMs(RETRY_BACKOFF, before, 0.999_999))).toEqual([999, 1_999, 3_999, 7_999])
})
