import { randomUUIDv7 } from 'node:crypto'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { NewAsyncEvent } from '../../platform/async/async-event.ts'
import type { AsyncEvents } from '../../platform/async/async-events.ts'
import { MAX_SCHEDULES_PER_TENANT, parseSchedule } from '../../platform/async/schedule.ts'
import { ScheduleRunner } from '../../platform/async/schedule-runner.ts'
import { ScheduleTimers, TIMERS_PREFIX, TIMERS_QUEUE } from '../../platform/async/schedule-timers.ts'
import { Schedules } from '../../platform/async/schedules.ts'
import { openStore, type Store } from '../../platform/registry/open-store.ts'
import { startRedis, type TestRedis } from '../redis-server.ts'

/** Schedules on a real Redis and a real BullMQ, in real time; what becomes of their events is for the test to say. */
let redis: TestRedis
let store: Store
let tenant = ''

const accepted: (NewAsyncEvent & { readonly at: number })[] = []
let running = new Set<string>()
const events = {
  async accept(event: NewAsyncEvent) {
    if (event.tenant === tenant && !accepted.some(({ id }) => id === event.id)) accepted.push({ ...event, at: Date.now() })
    return { kind: 'accepted', id: event.id } as const
  },
  isOver: async (_: string, id: string) => !running.has(id),
  read: async () => undefined,
} as unknown as AsyncEvents

const onError = (error: Error): void => {
  throw error
}

function openSchedules(): Schedules {
  return new Schedules({ store, events, onError })
}

async function startRunner(): Promise<ScheduleRunner & AsyncDisposable> {
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null })
  const runner = new ScheduleRunner({ store: connection, events, onError })
  await runner.start()
  return Object.assign(runner, {
    async [Symbol.asyncDispose]() {
      await runner.close()
      connection.disconnect()
    },
  })
}

function dueTimes(): number[] {
  return accepted.map(({ event }) => (event.door === 'scheduled' ? event.scheduledTime : Number.NaN))
}

async function untilAccepted(count: number): Promise<void> {
  await vi.waitFor(() => expect(accepted.length).toBeGreaterThanOrEqual(count), { timeout: 15_000, interval: 10 })
}

beforeAll(async () => {
  redis = await startRedis()
  store = await openStore(redis.url)
})
afterAll(async () => {
  store.disconnect()
  await redis.stop()
})
beforeEach(async () => {
  await store.flushall()
  tenant = `t-${randomUUIDv7().slice(-12)}`
  await store.sadd('isolane:tenants', tenant)
  await store.set(`isolane:tenant:${tenant}`, JSON.stringify({ name: tenant }))
  accepted.length = 0
  running = new Set()
})

describe.each([{ every: '1s' }, { cron: '* * * * * *' }])('a schedule with %o', (timing) => {
  test('fires at its due times, a second apart and not early', async () => {
    await using schedules = openSchedules()
    await using _runner = await startRunner()
    const created = await schedules.create(tenant, 'tick', parseSchedule({ function: 'hello', ...timing }))
    await untilAccepted(3)
    const times = dueTimes()
    expect(times.slice(1).map((time, at) => time - (times[at] as number))).toEqual([1_000, 1_000])
    if ('every' in timing && typeof created === 'object') expect((times[0] as number) - created.anchorAt).toBe(1_000)
    for (const { at, event } of accepted) expect(at - (event as { scheduledTime: number }).scheduledTime).toBeGreaterThanOrEqual(0)
  })

  test('fires once, late, for all that passed while no runner ran, and then goes on as before', async () => {
    await using schedules = openSchedules()
    {
      await using _runner = await startRunner()
      await schedules.create(tenant, 'tick', parseSchedule({ function: 'hello', ...timing }))
      await untilAccepted(1)
    }
    const before = accepted.length
    const last = dueTimes().at(-1) as number
    await new Promise((resolve) => setTimeout(resolve, 3_500))
    const startedAt = Date.now()
    await using _runner = await startRunner()
    await untilAccepted(before + 3)
    const [late, next, after] = dueTimes().slice(before) as [number, number, number]
    expect(late).toBe(last + 1_000)
    expect(next).toBeGreaterThan(startedAt)
    expect((next - last) % 1_000).toBe(0)
    expect(after - next).toBe(1_000)
  })

  test('lets due times pass while its event runs, and tells of them', async () => {
    await using schedules = openSchedules()
    await using _runner = await startRunner()
    await schedules.create(tenant, 'tick', parseSchedule({ function: 'hello', ...timing }))
    const accept = vi.spyOn(events, 'accept').mockImplementationOnce(async (event) => {
      running.add(event.id)
      accepted.push({ ...event, at: Date.now() })
      return { kind: 'accepted', id: event.id }
    })
    await vi.waitFor(async () => expect((await schedules.read(tenant, 'tick'))?.runs.skipped).toBeGreaterThanOrEqual(2), { timeout: 10_000 })
    expect(accepted.length).toBe(1)
    running.clear()
    await untilAccepted(2)
    const [first, second] = dueTimes() as [number, number]
    const skipped = (await schedules.read(tenant, 'tick'))?.runs.skipped as number
    expect(second - first).toBe((skipped + 1) * 1_000)
    accept.mockRestore()
  })
})

describe('a schedule that is changed', () => {
  test('fires by its new timing only', async () => {
    await using schedules = openSchedules()
    await using _runner = await startRunner()
    await schedules.create(tenant, 'tick', parseSchedule({ function: 'hello', every: '1h' }))
    await schedules.change(tenant, 'tick', (it) => ({ ...it, timing: { every: '1s' } }))
    await untilAccepted(2)
  })

  test('is silent once it is disabled or removed, and runs again once it is enabled, without what passed meanwhile', async () => {
    await using schedules = openSchedules()
    await using timers = new ScheduleTimers({ connection: store as Redis, onError })
    await using _runner = await startRunner()
    await schedules.create(tenant, 'tick', parseSchedule({ function: 'hello', every: '1s' }))
    await untilAccepted(1)
    await schedules.change(tenant, 'tick', (it) => ({ ...it, enabled: false }))
    const count = accepted.length
    expect(await timers.list()).toEqual([])
    await new Promise((resolve) => setTimeout(resolve, 2_200))
    expect(accepted.length).toBeLessThanOrEqual(count + 1)
    const enabledAt = Date.now()
    await schedules.change(tenant, 'tick', (it) => ({ ...it, enabled: true }))
    const quiet = accepted.length
    await untilAccepted(quiet + 1)
    expect(dueTimes()[quiet]).toBeGreaterThan(enabledAt)
    expect(await schedules.remove(tenant, 'tick')).toBe(true)
    expect(await timers.list()).toEqual([])
    expect(await store.hlen(`isolane:schedule-runs:${tenant}`)).toBe(0)
  })

  test('keeps what is overdue when only its input changes', async () => {
    await using schedules = openSchedules()
    await schedules.create(tenant, 'tick', parseSchedule({ function: 'hello', cron: '* * * * * *' }))
    await new Promise((resolve) => setTimeout(resolve, 2_200))
    const changedAt = Date.now()
    await schedules.change(tenant, 'tick', (it) => ({ ...it, input: 'new' }))
    await using _runner = await startRunner()
    await untilAccepted(1)
    expect(dueTimes()[0]).toBeLessThan(changedAt)
    expect(accepted[0]?.body.toString()).toBe('"new"')
  })
})

describe('a runner that starts', () => {
  test('makes the timers that are missing, mends those that differ, and removes those nobody has', async () => {
    await using schedules = openSchedules()
    await using timers = new ScheduleTimers({ connection: store as Redis, onError })
    for (const name of ['lost', 'changed', 'off']) await schedules.create(tenant, name, parseSchedule({ function: 'hello', every: '1h' }))
    const changed = await schedules.read(tenant, 'changed')
    await schedules.create(tenant, 'gone', parseSchedule({ function: 'hello', every: '1h' }))
    // As if whoever made the change had died before its timer.
    await timers.align(tenant, 'lost', undefined, Date.now())
    await store.hset(`isolane:schedule-records:${tenant}`, 'changed', JSON.stringify({ ...changed?.schedule, timing: { every: '2h' } }))
    await store.hset(`isolane:schedule-records:${tenant}`, 'off', JSON.stringify({ ...changed?.schedule, name: 'off', enabled: false }))
    await store.hdel(`isolane:schedule-records:${tenant}`, 'gone')
    await using _runner = await startRunner()
    const found = new Map((await timers.list()).map(({ key, every }) => [key, every]))
    expect(found).toEqual(
      new Map([
        [`${tenant}/lost`, 3_600_000],
        [`${tenant}/changed`, 7_200_000],
      ]),
    )
  })

  test('brings a schedule back whose job somebody has removed from the queue', async () => {
    await using schedules = openSchedules()
    await schedules.create(tenant, 'tick', parseSchedule({ function: 'hello', every: '1s' }))
    await using queue = Object.assign(new Queue(TIMERS_QUEUE, { connection: store as Redis, prefix: TIMERS_PREFIX }), {
      async [Symbol.asyncDispose]() {
        await queue.close()
      },
    })
    const [job] = await queue.getDelayed()
    await store.zrem('isolane:schedules:delayed', job?.id as string)
    await store.del(`isolane:schedules:${job?.id}`)
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await using _runner = await startRunner()
    await untilAccepted(2)
  })

  test('forgets what the runs of a removed schedule have left behind', async () => {
    await store.hset(`isolane:schedule-runs:${tenant}`, 'gone', '{"id":"x","upTo":0,"skipped":0}')
    await using _runner = await startRunner()
    expect(await store.hlen(`isolane:schedule-runs:${tenant}`)).toBe(0)
  })
})

test('a tenant has room for a thousand, and a name for one', async () => {
  await using schedules = openSchedules()
  const settings = parseSchedule({ function: 'hello', cron: '@yearly', enabled: false })
  const others = Array.from({ length: MAX_SCHEDULES_PER_TENANT - 1 }, (_, i) => [`s-${i}`, '{}']).flat()
  await store.hset(`isolane:schedule-records:${tenant}`, ...others)
  expect(await schedules.create(tenant, 'last', settings)).toMatchObject({ name: 'last' })
  expect(await schedules.create(tenant, 'last', settings)).toBe('exists')
  expect(await schedules.create(tenant, 'more', settings)).toBe('full')
})

test('two runners make one event of each due time', async () => {
  await using schedules = openSchedules()
  await using _first = await startRunner()
  await using _second = await startRunner()
  await schedules.create(tenant, 'tick', parseSchedule({ function: 'hello', every: '1s' }))
  await untilAccepted(3)
  const times = dueTimes()
  expect(times.slice(1).map((time, at) => time - (times[at] as number))).toEqual(times.slice(1).map(() => 1_000))
})

test('running it by hand leaves its due times alone, and waits for nothing that runs', async () => {
  await using schedules = openSchedules()
  await schedules.create(tenant, 'yearly', parseSchedule({ function: 'hello', cron: '@yearly', enabled: false }))
  const first = await schedules.run(tenant, 'yearly')
  expect(first?.fired).toEqual({ kind: 'done' })
  expect(accepted.map(({ id }) => id)).toEqual([first?.id])
  running.add(first?.id as string)
  expect((await schedules.run(tenant, 'yearly'))?.fired).toEqual({ kind: 'skipped', running: first?.id })
  expect(await schedules.run(tenant, 'other')).toBe(undefined)
})
