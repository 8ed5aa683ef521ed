import { describe, expect, test } from 'vitest'
import { nextStep } from '../../../platform/async/next-step.ts'
import { MAX_EVENT_AGE_MS } from '../../../platform/async/stories.ts'
import { storyOf } from './story-fixture.ts'

const NOW = 1_800_000_000_000

describe('whoever finds the job of an event', () => {
  test('begins its first attempt', () => {
    expect(nextStep(storyOf({}), NOW)).toEqual({ kind: 'attempt', attempt: 1 })
  })

  test('joins the attempt that another has begun, however old it is', () => {
    expect(nextStep(storyOf({ status: 'running', settled: 3 }), NOW + 2 * MAX_EVENT_AGE_MS)).toEqual({ kind: 'attempt', attempt: 4 })
  })

  test('waits until the next attempt may begin', () => {
    expect(nextStep(storyOf({ settled: 1, nextAt: NOW + 1 }), NOW)).toEqual({ kind: 'wait', untilAt: NOW + 1 })
    expect(nextStep(storyOf({ settled: 1, nextAt: NOW }), NOW)).toEqual({ kind: 'attempt', attempt: 2 })
  })

  test('ends one that somebody wanted ended while it ran, and whose attempt did not hear of it', () => {
    expect(nextStep(storyOf({ settled: 1, cancelling: true, nextAt: NOW + 1 }), NOW)).toEqual({ kind: 'cancel' })
  })

  test('gives up on one that is too old', () => {
    expect(nextStep(storyOf({ nextAt: NOW + 1 }), NOW + MAX_EVENT_AGE_MS)).toEqual({ kind: 'give-up' })
  })

  test.each(['succeeded', 'dead', 'failed', 'cancelled'] as const)('only does what follows when it is %s', (status) => {
    expect(nextStep(storyOf({ status }), NOW)).toEqual({ kind: 'finish' })
  })
})
