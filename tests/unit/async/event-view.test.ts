import { describe, expect, test } from 'vitest'
import { parseAsyncEvent, toAsyncEvent } from '../../../platform/async/async-event.ts'
import { destinationEvent } from '../../../platform/async/destination.ts'
import { eventView } from '../../../platform/async/event-view.ts'
import { type Attempt, parseStory } from '../../../platform/async/story.ts'
import { ID, storyOf } from './story-fixture.ts'

const AT = 1_800_000_000_000
const ISO = new Date(AT).toISOString()
const thrown = { name: 'Error', message: 'the secret is 7', stack: 'Error: the secret is 7\n    at f' }
const attempt: Attempt = {
  ...{ attempt: 1, version: 3, outcome: 'threw', startedAt: AT, endedAt: AT },
  error: { code: 'function_threw', message: 'acme/greet threw Error: the secret is 7', error: thrown },
}

describe('what is told of an event', () => {
  test('one that waits has no more than its beginning', () => {
    expect(eventView(storyOf({}), { owner: true })).toEqual({
      ...{ id: ID, function: 'greet', qualifier: null, version: null, trigger: 'async', status: 'queued', acceptedAt: ISO, attempts: [] },
    })
  })

  test('what its function threw is for the owner alone', () => {
    const story = storyOf({ status: 'dead', settled: 1, attempts: [attempt], error: attempt.error as NonNullable<Attempt['error']>, endedAt: AT })
    expect(JSON.stringify(eventView(story, { owner: true }))).toContain('the secret is 7')
    const told = eventView(story, { owner: false })
    expect(JSON.stringify(told)).not.toContain('secret')
    expect(told).toMatchObject({ error: { code: 'function_threw', message: 'the function failed' }, version: 3, endedAt: ISO })
  })

  test('one that succeeded does not tell of an earlier failure but in its attempts', () => {
    const view = eventView(storyOf({ status: 'succeeded', result: '{"a":1}', error: { code: 'lost', message: 'lost' } }), { owner: true })
    expect(view).toMatchObject({ result: { a: 1 } })
    expect(view).not.toHaveProperty('error')
  })

  test('attempts that are no longer kept are counted', () => {
    expect(eventView(storyOf({ settled: 21, attempts: [attempt] }), { owner: true })).toMatchObject({ attemptsNotShown: 20 })
  })
})

describe('an event in the store', () => {
  test.each([
    { door: 'rpc', headers: [['a', 'b']] },
    { door: 'url', method: 'PUT', url: 'http://x/y', headers: [] },
    { door: 'scheduled', schedule: 'nightly', cron: '0 3 * * *', scheduledTime: AT },
  ] as const)('comes back as it was: %o', (event) => {
    const given = {
      id: ID,
      tenant: 'acme',
      name: 'greet',
      qualifier: '3',
      trigger: 'async',
      event,
      body: Buffer.from('{}'),
      callback: 'https://x/',
      schedule: 's',
    } as const
    const kept = toAsyncEvent({ ...given, event: event as never }, AT)
    expect(parseAsyncEvent(JSON.parse(JSON.stringify(kept)))).toEqual(kept)
    expect(kept).toMatchObject({ depth: 0, bodyBytes: 2, acceptedAt: AT })
  })

  test.each([
    ['id', 'x', 'Cannot read id: wanted a UUID'],
    ['tenant', 'A', 'Cannot read tenant: wanted a lower-case letter'],
    ['trigger', 'http', 'Cannot read trigger: wanted "async" or "schedule"'],
    ['event', { door: 'back' }, 'Cannot read door: wanted url, rpc, scheduled'],
    ['event', { door: 'rpc', headers: [['a']] }, 'Cannot read headers: wanted a name and a value'],
    ['bodyBytes', -1, 'Cannot read bodyBytes: wanted an integer from 0'],
  ])('with a wrong %s is refused by name: %o', (field, value, message) => {
    expect(() => parseAsyncEvent({ ...storyOf({}).event, [field]: value })).toThrow(message)
  })

  test('whose story is damaged is refused', () => {
    expect(() => parseStory({ status: 'sleeping' })).toThrow('Cannot read status: wanted queued, running')
  })
})

describe('the function that is told how an event ended', () => {
  const both = { onSuccess: 'good', onFailure: 'bad' }

  test('hears of success and of failure for good, and of nothing else', () => {
    const name = (status: Parameters<typeof storyOf>[0]['status']) => destinationEvent(storyOf({ status: status as never, endedAt: AT }), both)?.name
    expect(['succeeded', 'dead', 'failed', 'cancelled', 'queued'].map((status) => name(status as never))).toEqual([
      'good',
      'bad',
      undefined,
      undefined,
      undefined,
    ])
  })

  test('is told once for one end, and again for another after a redrive', () => {
    const id = (endedAt: number) => destinationEvent(storyOf({ status: 'dead', endedAt }), both)?.id
    expect(id(AT)).toBe(id(AT))
    expect(id(AT)).not.toBe(id(AT + 1))
    expect(id(AT)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('gets the result as it is, unless both together are more than an event may have', () => {
    const body = (result: string) => destinationEvent(storyOf({ status: 'succeeded', result, endedAt: AT }), both)?.body.toString() ?? ''
    expect(JSON.parse(body('{"a":[1]}'))).toEqual({ invocation: ID, function: 'greet', outcome: 'succeeded', result: { a: [1] } })
    expect(JSON.parse(body(JSON.stringify('x'.repeat(262_140))))).toMatchObject({ resultNote: expect.stringContaining(`/v1/invocations/${ID}`) })
  })

  test('is not told by one that stands at the end of the longest chain', () => {
    const story = storyOf({ status: 'succeeded', endedAt: AT })
    expect(destinationEvent({ ...story, event: { ...story.event, depth: 8 } }, both)).toBeUndefined()
    expect(destinationEvent({ ...story, event: { ...story.event, depth: 7 } }, both)?.depth).toBe(8)
  })
})
