import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'

interface ScheduleView {
  readonly name: string
  readonly nextRuns: string[]
  readonly lastRun: { readonly id: string; readonly scheduledTime: string; readonly status?: string } | null
  readonly skipped: number
  readonly [field: string]: unknown
}

/** Writes down each run, and tells them over HTTP. */
const DIARY = `export default {
  async scheduled(event, env, ctx) {
    await env.KV.put(String(event.scheduledTime), JSON.stringify({ ...event, version: ctx.functionVersion, ranAt: Date.now() }))
    await new Promise((resolve) => setTimeout(resolve, event.input?.forMs ?? 0))
    return { noted: event.schedule }
  },
  async fetch(request, env) {
    const { keys } = await env.KV.list()
    const notes = await Promise.all(keys.map(({ name }) => env.KV.get(name)))
    return Response.json(notes.map((text) => JSON.parse(text)))
  },
}`

let folder: string
let platform: Platform

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isolane-schedules-'))
  platform = await startPlatform({ dataDir: folder })
})
afterAll(async () => {
  await platform.stop()
  await rm(folder, { recursive: true, force: true })
})

async function send(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: ScheduleView & { code?: string; detail?: string } }> {
  const response = await platform.fetch(`/v1/schedules${path}`, { method, ...(body !== undefined && { body: JSON.stringify(body) }) })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

async function make(name: string, body: Record<string, unknown>): Promise<ScheduleView> {
  const made = await send('POST', '', { name, ...body })
  if (made.status !== 201) throw new Error(`Cannot make ${name}: ${made.status} ${JSON.stringify(made.body)}`)
  return made.body
}

async function diaryOf(name: string): Promise<{ scheduledTime: number; ranAt: number; [field: string]: unknown }[]> {
  return await platform.json(`/fn/default/${name}/`)
}

async function untilNoted(name: string, count: number): Promise<number[]> {
  return await vi.waitFor(
    async () => {
      const times = (await diaryOf(name)).map(({ scheduledTime }) => scheduledTime)
      expect(times.length).toBeGreaterThanOrEqual(count)
      return times
    },
    { timeout: 20_000, interval: 100 },
  )
}

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, at) => time - (times[at] as number))
}

describe('/v1/schedules', () => {
  test('makes, reads, lists, changes and removes one, and shows when it is due next', async () => {
    await platform.deploy('diary', DIARY)
    const made = await make('mornings', { function: 'diary', cron: '0 9 * * mon-fri', timeZone: 'Europe/Berlin', input: { a: 1 } })
    expect(made).toMatchObject({
      name: 'mornings',
      function: 'diary',
      qualifier: null,
      every: null,
      enabled: true,
      input: { a: 1 },
      lastRun: null,
      skipped: 0,
    })
    expect(made.nextRuns).toHaveLength(3)
    const clock = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', hour: '2-digit', minute: '2-digit' })
    for (const time of made.nextRuns) expect(clock.format(new Date(time))).toBe('09:00')
    expect((await send('GET', '/mornings')).body).toEqual(made)
    expect((await platform.json<{ schedules: unknown[] }>('/v1/schedules')).schedules).toEqual([made])
    expect((await send('PATCH', '/mornings', { every: '1h', enabled: false })).body).toMatchObject({
      cron: null,
      timeZone: null,
      every: '1h',
      nextRuns: [],
    })
    expect((await send('DELETE', '/mornings')).status).toBe(204)
    expect((await send('GET', '/mornings')).body.code).toBe('schedule_not_found')
  })

  test('says which field is wrong, what it may be and what came', async () => {
    const refused = async (body: unknown) => {
      const { status, body: problem } = await send('POST', '', body)
      return [status, problem.code, problem.field, problem.detail]
    }
    expect(await refused({ name: 'x', function: 'diary', cron: '0 25 * * *' })).toEqual([
      400,
      'field_invalid',
      'cron',
      'Cannot read cron: wanted in its hour "*", 0 to 23, ranges (a-b), lists (a,b) and steps (*/n), got "25"',
    ])
    expect((await refused({ function: 'diary', every: '1h' })).slice(0, 3)).toEqual([400, 'field_invalid', 'name'])
    const unknown = await refused({ name: 'x', function: 'diary', every: '1h', tz: 'UTC' })
    expect(unknown.slice(0, 3)).toEqual([400, 'field_unknown', 'tz'])
    expect(unknown[3]).toContain('allowed are name, function,')
    expect((await refused({ name: 'x', function: 'nobody', every: '1h' })).slice(0, 2)).toEqual([404, 'function_not_found'])
    expect((await refused({ name: 'x', function: 'diary', qualifier: 'stable', every: '1h' })).slice(0, 2)).toEqual([404, 'function_not_found'])
    await make('taken', { function: 'diary', every: '1h' })
    expect((await refused({ name: 'taken', function: 'diary', every: '1h' })).slice(0, 2)).toEqual([409, 'schedule_exists'])
    await send('DELETE', '/taken')
  })

  test('a key reaches the schedules of its functions only, and does what its scopes say', async () => {
    await platform.deploy('mine', DIARY)
    await platform.deploy('theirs', DIARY)
    for (const name of ['mine', 'theirs']) await make(`of-${name}`, { function: name, cron: '@yearly' })
    const { key } = await platform.json<{ key: string }>('/v1/keys', {
      method: 'POST',
      body: JSON.stringify({ tenant: 'default', scopes: ['read', 'invoke'], functions: ['mine'] }),
    })
    const status = async (method: string, path: string, body?: unknown) => {
      const init = { method, headers: { authorization: `Bearer ${key}` }, ...(body !== undefined && { body: JSON.stringify(body) }) }
      const response = await platform.fetch(`/v1/schedules${path}`, init)
      await response.text()
      return response.status
    }
    const listed = await platform.json<{ schedules: ScheduleView[] }>('/v1/schedules', { headers: { authorization: `Bearer ${key}` } })
    expect(listed.schedules.map(({ name }) => name)).toEqual(['of-mine'])
    expect([await status('GET', '/of-mine'), await status('GET', '/of-theirs')]).toEqual([200, 404])
    expect([await status('POST', '/of-mine/run'), await status('POST', '/of-theirs/run')]).toEqual([202, 404])
    expect([await status('POST', '', {}), await status('PATCH', '/of-mine', {}), await status('DELETE', '/of-mine')]).toEqual([403, 403, 403])
    for (const name of ['mine', 'theirs']) await send('DELETE', `/of-${name}`)
  })

  test('a function is not removed while a schedule runs it', async () => {
    await platform.deploy('kept', DIARY)
    await make('keeper', { function: 'kept', cron: '@yearly' })
    const refused = await platform.fetch('/v1/functions/kept', { method: 'DELETE' })
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([409, 'function_has_schedules'])
    await send('DELETE', '/keeper')
    expect((await platform.fetch('/v1/functions/kept', { method: 'DELETE' })).status).toBe(204)
  })

  test('runs one by hand, as an invocation that tells what it returned', async () => {
    await platform.deploy('by-hand', `export default { scheduled: async ({ schedule, input }) => ({ schedule, input }) }`)
    await make('button', { function: 'by-hand', cron: '@yearly', enabled: false, input: [1, 2] })
    const response = await platform.fetch('/v1/schedules/button/run', { method: 'POST' })
    expect(response.status).toBe(202)
    const { id } = (await response.json()) as { id: string }
    expect(response.headers.get('location')).toBe(`/v1/invocations/${id}`)
    await vi.waitFor(async () => expect((await send('GET', '/button')).body.lastRun).toMatchObject({ id, status: 'succeeded' }), { timeout: 10_000 })
    expect(await platform.json(`/v1/invocations/${id}`)).toMatchObject({ status: 'succeeded', result: { schedule: 'button', input: [1, 2] } })
    await send('DELETE', '/button')
  })
})

describe('a schedule', () => {
  test('runs scheduled(event, env, ctx) every second, and no more once it is removed', async () => {
    await platform.deploy('ticking', DIARY)
    await make('tick', { function: 'ticking', every: '1s', input: { n: 1 } })
    await untilNoted('ticking', 3)
    expect((await send('DELETE', '/tick')).status).toBe(204)
    await new Promise((resolve) => setTimeout(resolve, 500))
    const notes = await diaryOf('ticking')
    for (const gap of gaps(notes.map(({ scheduledTime }) => scheduledTime))) expect(gap % 1_000).toBe(0)
    const [{ scheduledTime = 0, ranAt = 0, ...rest } = {}] = notes
    expect(rest).toEqual({ type: 'scheduled', schedule: 'tick', every: '1s', input: { n: 1 }, version: '1' })
    expect(ranAt).toBeGreaterThanOrEqual(scheduledTime)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect((await diaryOf('ticking')).length).toBe(notes.length)
  })

  test('skips what comes due while it runs, and counts that', async () => {
    await platform.deploy('slowly', DIARY)
    await make('slow', { function: 'slowly', cron: '* * * * * *', input: { forMs: 2_500 } })
    const times = await untilNoted('slowly', 3)
    const { body } = await send('GET', '/slow')
    await send('DELETE', '/slow')
    for (const gap of gaps(times)) expect(gap).toBeGreaterThanOrEqual(3_000)
    expect(body.skipped).toBeGreaterThanOrEqual(4)
    expect(body.lastSkip).toMatchObject({ reason: 'running' })
  })

  test('of a function that has no scheduled fails, and its invocation says what is missing', async () => {
    await platform.deploy('web-only', `export default { fetch: () => new Response('hi') }`, 'retries=0')
    await make('wrong', { function: 'web-only', cron: '@yearly', enabled: false })
    const { id } = (await (await platform.fetch('/v1/schedules/wrong/run', { method: 'POST' })).json()) as { id: string }
    await vi.waitFor(async () => expect((await send('GET', '/wrong')).body.lastRun?.status).toBe('dead'), { timeout: 10_000 })
    expect(JSON.stringify(await platform.json(`/v1/invocations/${id}`))).toContain('but no `scheduled(event, env, ctx)`')
    await send('DELETE', '/wrong')
  })

  test('a deployed module with scheduled alone is of the style scheduled', async () => {
    expect(await platform.deploy('only', 'export const scheduled = () => {}')).toMatchObject({ style: 'scheduled' })
  })
})

describe('downtime', () => {
  test('after a stop, what passed meanwhile is made up for once', async () => {
    await platform.deploy('patient', DIARY)
    await make('wait', { function: 'patient', cron: '* * * * * *' })
    await untilNoted('patient', 2)
    const stoppingAt = Date.now()
    await platform.stop()
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    const startingAt = Date.now()
    platform = await startPlatform({ dataDir: folder })
    const notes = await vi.waitFor(
      async () => {
        const noted = await diaryOf('patient')
        expect(noted.filter(({ scheduledTime }) => scheduledTime > startingAt).length).toBeGreaterThanOrEqual(2)
        return noted
      },
      { timeout: 20_000, interval: 100 },
    )
    await send('DELETE', '/wait')
    const late = notes.filter(({ scheduledTime, ranAt }) => scheduledTime > stoppingAt && scheduledTime < startingAt && ranAt >= startingAt)
    expect(late).toHaveLength(1)
  })

  test('kill -9 between two due times loses neither', async () => {
    await platform.deploy('hardy', DIARY)
    await make('steady', { function: 'hardy', every: '8s' })
    const [first] = (await untilNoted('hardy', 1)) as [number]
    await platform.kill()
    platform = await startPlatform({ dataDir: folder })
    const times = await untilNoted('hardy', 2)
    expect(times).toEqual([first, first + 8_000])
    await send('DELETE', '/steady')
  })
})
