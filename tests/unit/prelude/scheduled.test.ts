import { describe, expect, test } from 'vitest'
import { type Answer, Sandbox, VARIANTS } from './sandbox.ts'

function value(answer: Answer): unknown {
  if (answer.kind !== 'result' || answer.head.kind !== 'json') throw new Error(`not a value: ${JSON.stringify(answer)}`)
  return JSON.parse(answer.body)
}

describe.each(VARIANTS)('from %s', (variant) => {
  test('scheduled of the default export gets the event, env and ctx, and what it returns is kept', () => {
    using sandbox = new Sandbox(
      `export default { name: 'app', async scheduled(event, env, ctx) { return { self: this.name, event, greeting: env.GREETING, id: ctx.invocationId } } }`,
      { variant, env: { GREETING: 'hi' } },
    )
    expect(sandbox.loaded).toEqual({ style: 'scheduled', exports: ['default'] })
    expect(value(sandbox.scheduled({ cron: '0 3 * * *' }, { days: 7 }))).toEqual({
      self: 'app',
      event: { type: 'scheduled', schedule: 'nightly', cron: '0 3 * * *', scheduledTime: 1_700_000_000_000, input: { days: 7 } },
      greeting: 'hi',
      id: 'id-2',
    })
  })
})

describe('which function a schedule calls', () => {
  test('scheduled beside fetch, each through its own door', () => {
    using sandbox = new Sandbox(`export default { fetch: () => new Response('web'), scheduled: ({ every }) => every }`)
    expect(sandbox.loaded?.style).toBe('fetch')
    expect(sandbox.url()).toMatchObject({ head: { status: 200 }, body: 'web' })
    expect(value(sandbox.scheduled({ every: '30s' }))).toBe('30s')
  })

  test('an export named scheduled, alone or beside any other handler; the default export comes first', () => {
    using alone = new Sandbox(`export const scheduled = (event, env, ctx) => [event.type, typeof env.KV, typeof ctx.waitUntil]`)
    expect(alone.loaded).toMatchObject({ style: 'scheduled', exports: ['scheduled'] })
    expect(value(alone.scheduled())).toEqual(['scheduled', 'object', 'function'])
    using beside = new Sandbox(`export default (event) => 'event'; export const scheduled = () => 'scheduled'`)
    expect(beside.loaded?.style).toBe('event')
    expect([value(beside.rpc(1)), value(beside.scheduled())]).toEqual(['event', 'scheduled'])
    using both = new Sandbox(`export default { scheduled: () => 'default' }; export const scheduled = () => 'named'`)
    expect(value(both.scheduled())).toBe('default')
  })

  test('an event or lambda handler without it, with the event as its first argument and ctx as its second', () => {
    using event = new Sandbox('export default ({ type, schedule, input }, ctx) => [type, schedule, input, ctx.functionName]')
    expect(value(event.scheduled())).toEqual(['scheduled', 'nightly', null, 'hello'])
    using lambda = new Sandbox('export const handler = async ({ cron }, context) => [cron, context.awsRequestId]')
    expect(value(lambda.scheduled())).toEqual(['0 3 * * *', 'id-2'])
  })

  test('a module of CommonJS', () => {
    using sandbox = new Sandbox('exports.scheduled = (event) => event.cron', { commonJs: true })
    expect(sandbox.loaded?.style).toBe('scheduled')
    expect(value(sandbox.scheduled())).toBe('0 3 * * *')
  })

  test('nothing of a fetch handler alone: the run fails and says what is missing', () => {
    using sandbox = new Sandbox(`export default { fetch: () => new Response('web') }`)
    expect(sandbox.scheduled()).toMatchObject({
      kind: 'failed',
      error: {
        name: 'TypeError',
        message: 'A schedule cannot run this function: its default export has `fetch`, but no `scheduled(event, env, ctx)`',
      },
    })
  })

  test('a function with scheduled alone says to other callers that only schedules run it', () => {
    using sandbox = new Sandbox('export default { scheduled() {} }')
    for (const answer of [sandbox.url(), sandbox.rpc()])
      expect(answer).toMatchObject({
        kind: 'failed',
        error: { name: 'TypeError', message: expect.stringMatching(/^Only a schedule can run this function/) },
      })
  })

  test('the style set to scheduled wants one, and leaves the rest of the module alone', () => {
    using sandbox = new Sandbox(`export default { fetch: () => new Response('web'), scheduled: () => 1 }`, { style: 'scheduled' })
    expect(sandbox.loaded?.style).toBe('scheduled')
    expect(sandbox.url()).toMatchObject({ kind: 'failed' })
    using without = new Sandbox('export default () => 1', { style: 'scheduled' })
    expect(without.loadError?.message).toMatch(/^The style is set to scheduled, but no export fits it/)
    using none = new Sandbox('export const scheduled = 5')
    expect(none.loadError?.message).toMatch(/^No handler is exported. Exports found: scheduled\./)
  })
})

describe('what a scheduled run returns', () => {
  test('is null where it is not JSON, and never a failure', () => {
    for (const result of [
      'undefined',
      '() => {}',
      '1n',
      'new Response("x")',
      '(() => { const a = {}; a.a = a; return a })()',
      '({ toJSON() { throw 1 } })',
    ]) {
      using sandbox = new Sandbox(`export default { scheduled: async () => ${result} }`)
      expect(value(sandbox.scheduled()), result).toBe(null)
    }
  })

  test('does not hide what it throws', () => {
    using sandbox = new Sandbox(`export default { async scheduled() { throw new RangeError('no') } }`)
    expect(sandbox.scheduled()).toMatchObject({ kind: 'failed', error: { name: 'RangeError', message: 'no' } })
  })
})

test('a module that has poisoned Object.prototype still gets the event its schedule has', () => {
  using sandbox = new Sandbox(
    `Object.prototype.every = 'never'; Object.prototype.cron = 'never'; Object.prototype.scheduled = () => 'stolen'
     export default { scheduled: (event) => Object.keys(event) }`,
  )
  expect(value(sandbox.scheduled({ every: '1m' }))).toEqual(['type', 'schedule', 'every', 'scheduledTime', 'input'])
})

test('an input that is not held is read whole first, whichever style the module has', async () => {
  using sandbox = new Sandbox(`export default { fetch: () => new Response(''), scheduled: ({ input }) => input.length }`)
  const text = JSON.stringify('x'.repeat(200_000))
  const call = sandbox.startStreamed({ door: 'scheduled', schedule: 'nightly', cron: '* * * * *', scheduledTime: 0 }, Buffer.from(text))
  expect(value(await sandbox.complete(call))).toBe(200_000)
})
