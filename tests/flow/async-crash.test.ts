import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, test, vi } from 'vitest'
import { spawnRedisServer } from '../../platform/redis/redis-server.ts'
import { startPlatform } from '../platform.ts'
import { AsyncWorld, type EventView, returns } from './async-world.ts'
import { startController } from './controller-process.ts'

test('kill -9 of the process that dispatches loses nothing and repeats nothing: another one goes on where it stood', async () => {
  await using world = await AsyncWorld.open({ dispatch: false })
  const { redisUrl } = world.gateway
  const gate = Promise.withResolvers<void>()
  const { name, runs } = await world.functionThat([
    async (run) => {
      await gate.promise
      returns(run.invocation.id)(run)
    },
  ])
  {
    await using first = await startController(redisUrl)
    const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => world.send(name, i)))
    await Promise.all(ids.map((id) => world.until(id, 'running')))
    first.kill('SIGKILL')
    await first.ended
    // Some end while nobody waits for them, the others while the second one does.
    gate.resolve()
    await using _second = await startController(redisUrl)
    const views = await Promise.all(ids.map((id) => world.until(id, 'succeeded', 40_000)))
    expect(views.map(({ result }) => result)).toEqual(ids)
    expect(views.map(({ attempts }) => attempts.length)).toEqual(ids.map(() => 1))
    expect(runs.map(({ invocation }) => invocation.id).sort()).toEqual([...ids].sort())
  }
}, 70_000)

test('a dispatcher that was paused and taken over changes nothing when it comes back', async () => {
  await using world = await AsyncWorld.open({ dispatch: false })
  const gate = Promise.withResolvers<void>()
  const told = await world.functionThat([returns(null)])
  const { name, runs } = await world.functionThat(
    [
      async (run) => {
        await gate.promise
        returns('once')(run)
      },
    ],
    { settings: { onSuccess: told.name } },
  )
  await using first = await startController(world.gateway.redisUrl)
  const id = await world.send(name)
  await vi.waitFor(() => expect(runs).toHaveLength(1), { timeout: 5_000 })
  first.kill('SIGSTOP')
  await using _second = await startController(world.gateway.redisUrl)
  gate.resolve()
  const view = await world.until(id, 'succeeded', 40_000)
  await vi.waitFor(() => expect(told.runs).toHaveLength(1), { timeout: 5_000 })
  first.kill('SIGCONT')
  // Both are there for what comes next.
  await world.until(await world.send(name), 'succeeded')
  await pause(2_000)
  expect(await world.json(`/v1/invocations/${id}`)).toEqual(view)
  expect([view.attempts.length, runs.length, told.runs.length]).toEqual([1, 2, 2])
}, 80_000)

test('a dispatcher that is told to stop hands back what takes long, and the next one joins it', async () => {
  await using world = await AsyncWorld.open({ dispatch: false })
  const gate = Promise.withResolvers<void>()
  const { name, runs } = await world.functionThat([
    async (run) => {
      await gate.promise
      returns('once')(run)
    },
  ])
  const first = await world.gateway.dispatch()
  const id = await world.send(name)
  await vi.waitFor(() => expect(runs).toHaveLength(1), { timeout: 5_000 })
  await first[Symbol.asyncDispose]()
  expect((await world.json<EventView>(`/v1/invocations/${id}`)).status).toBe('running')
  await using _second = await world.gateway.dispatch()
  gate.resolve()
  const view = await world.until(id, 'succeeded')
  expect([view.result, view.attempts.length, runs.length]).toEqual(['once', 1, 1])
}, 30_000)

test('an event whose job has gone gets one again', async () => {
  await using world = await AsyncWorld.open({ dispatch: false })
  const { name } = await world.functionThat([returns(1)])
  const id = await world.send(name)
  const redis = new Redis(world.gateway.redisUrl)
  try {
    // As if somebody had emptied the queue, or died between the two steps of a redrive.
    const keys = await redis.keys('isolane:async:default:*')
    expect(keys.length).toBeGreaterThan(0)
    await redis.del(...keys, 'isolane:events-waiting')
  } finally {
    redis.disconnect()
  }
  await using _dispatcher = await world.gateway.dispatch()
  await world.until(id, 'succeeded')
})

test('kill -9 of the store, again and again, loses nothing that was answered 202', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'isolane-store-'))
  const place = { role: 'store', folder, socket: join(folder, 'store.sock') } as const
  const start = async () => {
    const server = spawnRedisServer(process.env.ISOLANE_REDIS_BINARY as string, place, { info: () => {}, warn: () => {} })
    await server.ready()
    return server
  }
  let store = await start()
  try {
    await using world = await AsyncWorld.open({ storeUrl: place.socket })
    const { name } = await world.functionThat([(run) => returns(JSON.parse(run.body.toString()))(run)])
    const accepted = new Map<string, number>()
    let refused = 0
    let stop = false
    const senders = Array.from({ length: 8 }, async (_, sender) => {
      for (let n = sender; !stop; n += 8) {
        const answer = await world.post(name, n)
        const { id } = (await answer.json()) as EventView
        if (answer.status === 202) accepted.set(id, n)
        else refused++
      }
    })
    for (let round = 0; round < 3; round++) {
      await pause(400)
      process.kill(store.pid, 'SIGKILL')
      await store.exited
      await pause(200)
      store = await start()
    }
    await pause(400)
    stop = true
    await Promise.all(senders)
    expect(accepted.size).toBeGreaterThan(50)
    expect(refused).toBeGreaterThan(0)
    for (const [id, n] of accepted) expect((await world.until(id, 'succeeded', 40_000)).result).toBe(n)
  } finally {
    await store.stop()
    await rm(folder, { recursive: true, force: true })
  }
}, 90_000)

test('kill -9 of everything on the machine loses no accepted event', async () => {
  await using first = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
  await first.deploy(
    'slow',
    'export default async (event) => { await new Promise((done) => setTimeout(done, 100)); return event.n }',
    'concurrency=4',
  )
  const ids = await Promise.all(
    Array.from({ length: 40 }, async (_, n) => {
      const init = { method: 'POST', body: JSON.stringify({ n }), headers: { prefer: 'respond-async' } }
      return (await first.json<{ id: string }>('/v1/functions/slow/invocations', init)).id
    }),
  )
  await vi.waitFor(async () => expect((await first.json<EventView>(`/v1/invocations/${ids[0]}`)).status).toBe('succeeded'), { timeout: 10_000 })
  await first.kill()
  await using second = await startPlatform({ dataDir: first.dataDir, env: { ISOLANE_MAX_WORKERS: '1' } })
  for (const [n, id] of ids.entries()) {
    await vi.waitFor(
      async () => {
        const view = await second.json<EventView>(`/v1/invocations/${id}`)
        expect(view, JSON.stringify(view)).toMatchObject({ status: 'succeeded', result: n })
      },
      { timeout: 40_000, interval: 50 },
    )
  }
}, 90_000)
