import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AsyncEvent, toAsyncEvent } from '../../platform/async/async-event.ts'
import { derivedId } from '../../platform/async/derived-id.ts'
import { EVENT_OVERHEAD_BYTES, MAX_HELD_BYTES, MAX_OVER_BYTES, Stories, type Turn } from '../../platform/async/stories.ts'
import type { Status } from '../../platform/async/story.ts'
import { startRedis, type TestRedis } from '../redis-server.ts'

let server: TestRedis
let redis: Redis
let stories: Stories
beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  stories = new Stories(redis)
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

const NOW = Date.now()
let tenants = 0

function eventOf(tenant: string, seed: string, bytes: number): { event: AsyncEvent; body: Buffer } {
  const body = Buffer.alloc(bytes, 'x')
  const id = derivedId(seed, NOW)
  return { body, event: toAsyncEvent({ id, tenant, name: 'f', trigger: 'async', event: { door: 'rpc', headers: [] }, body }, NOW) }
}

interface Shelf {
  readonly ids: string[]
  readonly bytes: Readonly<Record<string, number>>
  readonly all: number
}

async function shelf(tenant: string, kind: 'held' | 'over'): Promise<Shelf> {
  const { all = '0', ...bytes } = await redis.hgetall(`isolane:events:${tenant}:${kind}:bytes`)
  const ids = await redis.zrange(`isolane:events:${tenant}:${kind}`, 0, '-1')
  return { ids: ids.sort(), bytes: Object.fromEntries(Object.entries(bytes).map(([id, count]) => [id, Number(count)])), all: Number(all) }
}

/** What is in the store of it. */
async function keptBytes(tenant: string, id: string): Promise<number> {
  const story = `isolane:event:${tenant}/${id}`
  const values = await redis.hvals(story)
  return values.reduce((sum, value) => sum + Buffer.byteLength(value), EVENT_OVERHEAD_BYTES) + (await redis.strlen(`${story}:body`))
}

const LIVE: readonly Status[] = ['queued', 'running', 'dead']

test('whatever is done to events in whatever order, each is in one place, and every byte is counted once', async () => {
  const turns: readonly Turn[] = [
    { from: ['queued', 'running'], to: 'running' },
    { from: ['running'], to: 'queued', nextAt: NOW + 5, spent: 1 },
    { from: ['running'], to: 'succeeded', result: '"done"', nextAt: null },
    { from: ['running'], to: 'dead', error: { code: 'c', message: 'm' } },
    { from: ['queued'], to: 'cancelled' },
    { from: ['dead'], to: 'queued', since: NOW, spent: 0, error: null },
    { from: ['dead'], to: 'failed' },
    { from: ['running'], to: 'running', cancelling: true },
  ]
  const step = fc.oneof(
    fc.record({ do: fc.constant('hold' as const), which: fc.nat(5), bytes: fc.nat(2_000) }),
    fc.record({ do: fc.constant('turn' as const), which: fc.nat(5), turn: fc.constantFrom(...turns) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const tenant = `t-${++tenants}`
      const model = new Map<string, { status: Status }>()
      for (const each of steps) {
        const { event, body } = eventOf(tenant, String(each.which), each.do === 'hold' ? each.bytes : 0)
        const known = model.get(event.id)
        if (each.do === 'hold') {
          expect(await stories.hold(event, body, NOW)).toEqual(known === undefined ? { kind: 'held' } : { kind: 'known', status: known.status })
          if (known === undefined) model.set(event.id, { status: 'queued' })
        } else {
          const may = known !== undefined && each.turn.from.includes(known.status)
          expect(await stories.turn(tenant, event.id, each.turn, NOW)).toBe(may)
          if (may) known.status = each.turn.to
        }
      }
      const held = [...model].filter(([, { status }]) => LIVE.includes(status))
      const over = [...model].filter(([, { status }]) => !LIVE.includes(status)).map(([id]) => id)
      const live = await shelf(tenant, 'held')
      expect(live.ids).toEqual(held.map(([id]) => id).sort())
      const ended = await shelf(tenant, 'over')
      expect(ended.ids).toEqual(over.sort())
      for (const { bytes, all } of [live, ended]) {
        expect(all).toBe(Object.values(bytes).reduce((sum, each) => sum + each, 0))
        for (const id of Object.keys(bytes)) expect(bytes[id]).toBe(await keptBytes(tenant, id))
      }
      const dead = held.filter(([, { status }]) => status === 'dead').map(([id]) => id)
      expect((await stories.deadIds(tenant, 0, 100)).sort()).toEqual(dead.sort())
      for (const [id, { status }] of model) {
        expect((await stories.read(tenant, id))?.status).toBe(status)
        expect((await stories.body(tenant, id)) !== undefined, status).toBe(LIVE.includes(status))
        expect(await redis.pttl(`isolane:event:${tenant}/${id}`)).toBeGreaterThan(0)
      }
    }),
    { numRuns: 150 },
  )
}, 60_000)

test('an attempt is settled once: whoever comes later with the same number changes nothing', async () => {
  const { event, body } = eventOf('once', 'a', 2)
  await stories.hold(event, body, NOW)
  await stories.turn('once', event.id, { from: ['queued'], settled: 0, to: 'running' }, NOW)
  const attempt = { attempt: 1, version: 1, outcome: 'returned', startedAt: NOW, endedAt: NOW } as const
  const settle = { from: ['running'], settled: 0, attempt, to: 'queued', nextAt: NOW } as const
  expect(await stories.turn('once', event.id, settle, NOW)).toBe(true)
  await stories.turn('once', event.id, { from: ['queued'], settled: 1, to: 'running' }, NOW)
  expect(await stories.turn('once', event.id, settle, NOW)).toBe(false)
  expect(await stories.read('once', event.id)).toMatchObject({ status: 'running', settled: 1, attempts: [attempt] })
})

test('a tenant’s events may have so many bytes, and room comes back when one is over', async () => {
  const bytes = 256 * 1024
  // Of 256 KiB a few hundred bytes more or less are no difference.
  const fit = Math.floor(MAX_HELD_BYTES / (bytes + 2 * EVENT_OVERHEAD_BYTES))
  const events = Array.from({ length: fit + 1 }, (_, i) => eventOf('full', String(i), bytes))
  for (const { event, body } of events.slice(0, fit)) expect(await stories.hold(event, body, NOW)).toEqual({ kind: 'held' })
  const last = events[fit] as (typeof events)[number]
  expect(await stories.hold(last.event, last.body, NOW)).toEqual({ kind: 'full' })
  expect(await stories.read('full', last.event.id)).toBeUndefined()
  await stories.turn('full', (events[0] as (typeof events)[number]).event.id, { from: ['queued'], to: 'cancelled' }, NOW)
  expect(await stories.hold(last.event, last.body, NOW)).toEqual({ kind: 'held' })
})

test('headers count like a body, and so does what is told of attempts', async () => {
  const long = 'x'.repeat(16 * 1024)
  const { event, body } = eventOf('heads', 'a', 0)
  await stories.hold({ ...event, event: { door: 'url', method: 'GET', url: 'http://h/', headers: [['x-long', long]] } }, body, NOW)
  expect((await shelf('heads', 'held')).all).toBeGreaterThan(16 * 1024)
  await stories.turn('heads', event.id, { from: ['queued'], to: 'running' }, NOW)
  const error = { code: 'c', message: 'm', error: { name: 'E', message: 'm', stack: long } }
  const attempt = { attempt: 1, version: 1, outcome: 'threw', startedAt: NOW, endedAt: NOW, error } as const
  await stories.turn('heads', event.id, { from: ['running'], settled: 0, to: 'dead', attempt }, NOW)
  expect((await shelf('heads', 'held')).all).toBeGreaterThan(32 * 1024)
  await stories.turn('heads', event.id, { from: ['dead'], to: 'failed' }, NOW)
  expect((await shelf('heads', 'over')).all).toBeGreaterThan(32 * 1024)
})

test('what has expired by itself counts no more', async () => {
  const { event, body } = eventOf('old', 'a', 1_000)
  await stories.hold(event, body, NOW)
  const later = eventOf('old', 'b', 1)
  await stories.hold(later.event, later.body, NOW + 8 * 3_600_000)
  expect(await shelf('old', 'held')).toMatchObject({ ids: [later.event.id], all: await keptBytes('old', later.event.id) })
})

test('results beyond a tenant’s share push out the oldest', async () => {
  const result = JSON.stringify('x'.repeat(256 * 1024 - 2))
  const fit = Math.floor(MAX_OVER_BYTES / result.length)
  const ids: string[] = []
  for (let i = 0; i <= fit; i++) {
    const { event, body } = eventOf('rich', String(i), 0)
    ids.push(event.id)
    await stories.hold(event, body, NOW)
    await stories.turn('rich', event.id, { from: ['queued'], to: 'running' }, NOW)
    await stories.turn('rich', event.id, { from: ['running'], to: 'succeeded', result }, NOW + i)
  }
  expect(await stories.read('rich', ids[0] as string)).toBeUndefined()
  expect(await stories.read('rich', ids.at(-1) as string)).toMatchObject({ status: 'succeeded', result })
  expect((await shelf('rich', 'over')).all).toBeLessThanOrEqual(MAX_OVER_BYTES)
})

test('an idempotency key stands for the first event that came with it', async () => {
  const [first, second] = [eventOf('keys', 'a', 1), eventOf('keys', 'b', 1)]
  const key = { hash: 'h', fingerprint: 'f' }
  expect(await stories.hold(first.event, first.body, NOW, key)).toEqual({ kind: 'held' })
  expect(await stories.hold(second.event, second.body, NOW, { ...key, fingerprint: 'g' })).toEqual({
    kind: 'replay',
    id: first.event.id,
    fingerprint: 'f',
  })
  expect(await stories.read('keys', second.event.id)).toBeUndefined()
})
