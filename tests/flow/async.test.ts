import { setTimeout as pause } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { AsyncWorld, answers, type EventView, returns, throws } from './async-world.ts'

let world: AsyncWorld
beforeAll(async () => {
  world = await AsyncWorld.open()
})
afterAll(async () => void (await world[Symbol.asyncDispose]()))

const echo = [(run: Parameters<typeof throws>[0]) => returns({ got: JSON.parse(run.body.toString()) })(run)]
/** Never ends by itself. */
const waits = [
  async (run: Parameters<typeof throws>[0]) => {
    await run.aborted
    run.settle({ kind: 'cancelled' })
  },
]

describe('an invocation that nobody waits for', () => {
  test('is accepted with 202 and where to look, and its result is there when it has run', async () => {
    const { name, runs } = await world.functionThat(echo)
    const answer = await world.post(name, { a: 1 }, { prefer: 'respond-async, wait=5' })
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([202, 'respond-async'])
    const accepted = (await answer.json()) as EventView
    expect(accepted).toMatchObject({ function: name, status: 'queued' })
    expect(answer.headers.get('location')).toBe(`/v1/invocations/${accepted.id}`)
    const view = await world.until(accepted.id, 'succeeded')
    expect(view).toMatchObject({ function: name, version: 1, trigger: 'async', result: { got: { a: 1 } } })
    expect(view.attempts).toMatchObject([{ attempt: 1, outcome: 'returned', version: 1, worker: 'w1', usage: { billedMs: 7 } }])
    expect(runs[0]?.invocation).toMatchObject({ id: accepted.id, attempt: 1, trigger: 'async' })
  })

  test('may be an ordinary request at the URL of a function; the answer is kept as status, headers and body', async () => {
    const { name, runs } = await world.functionThat([answers(201, [['x-made', 'yes']], Buffer.from([0xff, 0]))], { style: 'fetch' })
    const answer = await world.call(`/fn/default/${name}/a?b=1`, { method: 'PUT', body: 'text', headers: { prefer: 'respond-async' } })
    const { id } = (await answer.json()) as EventView
    const view = await world.until(id, 'succeeded')
    expect(view.result).toEqual({ status: 201, headers: { 'x-made': 'yes' }, body: '/wA=', isBase64Encoded: true })
    expect(runs[0]?.event).toMatchObject({ door: 'url', method: 'PUT', url: expect.stringMatching(/\/a\?b=1$/) })
    expect(runs[0]?.body.toString()).toBe('text')
  })

  test('of a stranger at a public URL is no such invocation: the preference is passed over', async () => {
    const { name } = await world.functionThat([answers(200, [], 'at once')], { style: 'fetch' })
    const answer = await fetch(`${world.gateway.url}/fn/default/${name}`, { headers: { prefer: 'respond-async' } })
    expect([answer.status, await answer.text()]).toEqual([200, 'at once'])
  })

  test('may have bytes that do not go through the lane', async () => {
    const { name } = await world.functionThat([
      async (run) => {
        let bytes = 0
        for await (const piece of await run.request()) bytes += piece.length
        returns(bytes)(run)
      },
    ])
    const text = 'x'.repeat(200_000)
    const view = await world.until(await world.send(name, text), 'succeeded')
    expect(view.result).toBe(JSON.stringify(text).length)
  })

  test('is refused when its event is over 256 KiB', async () => {
    const { name } = await world.functionThat(echo)
    const answer = await world.post(name, 'x'.repeat(256 * 1024))
    expect([answer.status, ((await answer.json()) as EventView).code]).toEqual([413, 'body_too_large'])
  })

  test('keeps its outcome without its result when that is over 256 KiB', async () => {
    const { name } = await world.functionThat([
      async (run) => {
        const { outgoing, finished } = await run.reply({ kind: 'json', stream: {} })
        outgoing.end(JSON.stringify('x'.repeat(300_000)))
        await finished
        run.settle()
      },
    ])
    const view = await world.until(await world.send(name), 'succeeded')
    expect(view.result).toBeUndefined()
    expect(view.resultNote).toBe('The result is not kept: it has more than 262144 bytes')
  })

  test('keeps a result that came beside the lane', async () => {
    const { name } = await world.functionThat([
      async (run) => {
        const { outgoing, finished } = await run.reply({ kind: 'json', stream: {} })
        outgoing.end(JSON.stringify('x'.repeat(100_000)))
        await finished
        run.settle()
      },
    ])
    const view = await world.until(await world.send(name), 'succeeded')
    expect(view.result).toHaveLength(100_000)
  })

  test('is not there for another tenant, nor for a key of another function', async () => {
    const { name } = await world.functionThat(echo)
    const id = await world.send(name)
    await world.call('/v1/tenants', { method: 'POST', body: '{"name":"other"}' })
    const keyFor = async (rights: object) => (await world.json<{ key: string }>('/v1/keys', { method: 'POST', body: JSON.stringify(rights) })).key
    for (const key of [
      await keyFor({ tenant: 'other', scopes: ['invoke', 'read'] }),
      await keyFor({ tenant: 'default', scopes: ['invoke', 'read'], functions: ['another'] }),
    ]) {
      for (const method of ['GET', 'DELETE']) {
        const answer = await world.call(`/v1/invocations/${id}`, { method, headers: { authorization: `Bearer ${key}` } })
        expect([answer.status, ((await answer.json()) as EventView).code]).toEqual([404, 'invocation_not_found'])
      }
    }
  })

  test('is one invocation for one Idempotency-Key, and the key is refused for another request', async () => {
    const { name, runs } = await world.functionThat(echo)
    const headers = { 'idempotency-key': 'k-1' }
    const id = await world.send(name, 1, headers)
    await world.until(id, 'succeeded')
    const again = await world.post(name, 1, headers)
    expect([again.status, again.headers.get('isolane-idempotent-replay'), ((await again.json()) as EventView).id]).toEqual([202, 'true', id])
    const other = await world.post(name, 2, headers)
    expect([other.status, ((await other.json()) as EventView).code]).toEqual([422, 'idempotency_key_reused'])
    expect(runs).toHaveLength(1)
  })
})

describe('a function that fails', () => {
  test('is tried again, and then lies among the dead letters with all its attempts, until it is redriven', async () => {
    const { name, runs } = await world.functionThat([throws, throws, returns('at last')], { settings: { retries: 1 } })
    const id = await world.send(name, { order: 7 })
    const view = await world.until(id, 'dead')
    expect(view.attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, 'threw'],
      [2, 'threw'],
    ])
    expect(view.error).toMatchObject({ code: 'function_threw', error: { message: 'no' } })
    expect(await world.json(`/v1/dead-letters/${id}`)).toMatchObject({ id, event: { body: { order: 7 } } })
    const list = await world.json<{ deadLetters: EventView[] }>('/v1/dead-letters?limit=200')
    expect(list.deadLetters.map((letter) => letter.id)).toContain(id)

    expect((await world.call(`/v1/dead-letters/${id}/redrive`, { method: 'POST' })).status).toBe(202)
    const done = await world.until(id, 'succeeded')
    expect(done.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    expect([done.result, done.error, runs.length]).toEqual(['at last', undefined, 3])
    expect((await world.call(`/v1/dead-letters/${id}`)).status).toBe(404)
  })

  test('answers that are large are not in the list of dead letters: each has its own', async () => {
    const { name } = await world.functionThat([answers(503, [], 'x'.repeat(60_000))], { settings: { retries: 0 }, style: 'fetch' })
    const id = await world.send(name)
    await world.until(id, 'dead')
    const { deadLetters } = await world.json<{ deadLetters: EventView[] }>('/v1/dead-letters?limit=200')
    expect(deadLetters.find((letter) => letter.id === id)).toMatchObject({ resultNote: `GET /v1/dead-letters/${id} has the result` })
    expect(JSON.stringify(deadLetters).length).toBeLessThan(60_000)
    expect(await world.json(`/v1/dead-letters/${id}`)).toMatchObject({ result: { status: 503, body: 'x'.repeat(60_000) } })
  })

  test('is purged from the dead letters: its outcome stays, its event goes', async () => {
    const { name } = await world.functionThat([throws], { settings: { retries: 0 } })
    const id = await world.send(name)
    await world.until(id, 'dead')
    expect((await world.call(`/v1/dead-letters/${id}`, { method: 'DELETE' })).status).toBe(204)
    expect((await world.until(id, 'failed')).error).toMatchObject({ code: 'function_threw' })
    expect((await world.call(`/v1/dead-letters/${id}/redrive`, { method: 'POST' })).status).toBe(404)
  })

  test('is neither redriven nor purged by a request for all that was meant for some', async () => {
    const { name } = await world.functionThat([throws], { settings: { retries: 0 } })
    const id = await world.send(name)
    await world.until(id, 'dead')
    for (const [method, path] of [
      ['DELETE', '/v1/dead-letters'],
      ['POST', '/v1/dead-letters/redrive'],
    ] as const) {
      const answer = await world.call(`${path}?function=other`, { method })
      expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'bad_query', field: 'function' }])
    }
    await world.until(id, 'dead')
  })

  test('is redriven and purged with all others at once', async () => {
    const { name } = await world.functionThat([throws, throws, returns(1)], { settings: { retries: 0 } })
    const ids = [await world.send(name), await world.send(name)]
    for (const id of ids) await world.until(id, 'dead')
    const { redriven } = await world.json<{ redriven: number }>('/v1/dead-letters/redrive', { method: 'POST' })
    expect(redriven).toBeGreaterThanOrEqual(2)
    for (const id of ids) await world.until(id, 'succeeded')
    const other = await world.functionThat([throws], { settings: { retries: 0 } })
    await world.until(await world.send(other.name), 'dead')
    await world.json('/v1/dead-letters', { method: 'DELETE' })
    expect(await world.json('/v1/dead-letters')).toEqual({ total: 0, deadLetters: [] })
  })

  test.each([
    ['fetch', answers(503, [['retry-after', '1']])],
    ['lambda', returns({ statusCode: 429, headers: { 'Retry-After': '1' }, body: '' })],
  ] as const)('by its %s answer says so with its status, and is tried again no sooner than it asks', async (style, busy) => {
    const { name, runs } = await world.functionThat([busy, style === 'fetch' ? answers(200, [], 'ok') : returns({ statusCode: 200 })], { style })
    const sentAt = performance.now()
    const view = await world.until(await world.send(name), 'succeeded')
    expect(performance.now() - sentAt).toBeGreaterThan(990)
    expect(runs).toHaveLength(2)
    expect(view.attempts[0]).toMatchObject({ outcome: 'returned', error: { code: 'function_answered' } })
  })

  test('of the platform uses no retry: what was lost is tried again under the next number', async () => {
    const lost = (run: Parameters<typeof throws>[0]): void => run.settle({ kind: 'lost', reason: 'a test', started: 'maybe' }, undefined, '', 0)
    const { name } = await world.functionThat([lost, lost, returns(1)], { settings: { retries: 0 } })
    const view = await world.until(await world.send(name), 'succeeded')
    expect(view.attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, 'lost'],
      [2, 'lost'],
      [3, 'returned'],
    ])
  })

  test('for good tells the function for failures, and one that did well the other', async () => {
    const told = await world.functionThat(echo)
    const failing = await world.functionThat([throws], { settings: { retries: 0, onFailure: told.name, onSuccess: told.name } })
    const id = await world.send(failing.name)
    await vi.waitFor(() => expect(told.runs).toHaveLength(1), { timeout: 5_000 })
    expect(JSON.parse(told.runs[0]?.body.toString() ?? '')).toMatchObject({
      ...{ invocation: id, function: failing.name, outcome: 'dead' },
      error: { code: 'function_threw' },
    })
    expect(told.runs[0]?.invocation).toMatchObject({ trigger: 'async', depth: 1 })
    const doing = await world.functionThat([returns({ ok: 1 })], { settings: { onSuccess: told.name } })
    const good = await world.send(doing.name)
    await vi.waitFor(() => expect(told.runs).toHaveLength(2), { timeout: 5_000 })
    expect(JSON.parse(told.runs[1]?.body.toString() ?? '')).toEqual({
      invocation: good,
      function: doing.name,
      outcome: 'succeeded',
      result: { ok: 1 },
    })
  })

  test('in a ring of functions that tell each other comes to an end', async () => {
    const ring = await world.functionThat([returns(1)])
    await world.set(ring.name, { onSuccess: ring.name })
    await world.send(ring.name)
    await vi.waitFor(() => expect(ring.runs.map(({ invocation }) => invocation.depth)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]), { timeout: 10_000 })
    const counts = async () => await queue().then((it) => it.getJobCounts('wait', 'active', 'delayed').finally(() => it.close()))
    await vi.waitFor(async () => expect(Object.values(await counts())).toEqual([0, 0, 0]), { timeout: 5_000 })
    expect(ring.runs).toHaveLength(9)
  })
})

describe('cancelling', () => {
  test('ends one that waits for its next attempt at once', async () => {
    const { name, runs } = await world.functionThat([answers(503, [['retry-after', '600']])], { style: 'fetch' })
    const id = await world.send(name)
    await vi.waitFor(async () => expect((await world.json<EventView>(`/v1/invocations/${id}`)).nextAttemptAt).toBeDefined(), { timeout: 5_000 })
    const answer = await world.call(`/v1/invocations/${id}`, { method: 'DELETE' })
    expect([answer.status, await answer.json()]).toEqual([200, { id, status: 'cancelled' }])
    expect((await world.until(id, 'cancelled')).attempts).toHaveLength(1)
    const again = await world.call(`/v1/invocations/${id}`, { method: 'DELETE' })
    expect([again.status, ((await again.json()) as EventView).code]).toEqual([409, 'invocation_over'])
    expect(runs).toHaveLength(1)
  })

  test('ends one that runs, by its worker', async () => {
    const { name, runs } = await world.functionThat(waits)
    const id = await world.send(name)
    await vi.waitFor(() => expect(runs).toHaveLength(1))
    const answer = await world.call(`/v1/invocations/${id}`, { method: 'DELETE' })
    expect(answer.status).toBe(202)
    await runs[0]?.aborted
    expect((await world.until(id, 'cancelled')).attempts).toMatchObject([{ outcome: 'cancelled' }])
  })
})

test('one tenant’s backlog does not hold back another’s events', async () => {
  const gate = Promise.withResolvers<void>()
  const busy = await world.functionThat([
    async (run) => {
      await gate.promise
      await pause(10)
      returns(1)(run)
    },
  ])
  await world.call('/v1/tenants', { method: 'POST', body: '{"name":"small"}' })
  const acting = { 'isolane-tenant': 'small' }
  await world.call(`/v1/functions/${busy.name}`, { method: 'PUT', body: 'export default () => 1', headers: acting })
  const backlog = await Promise.all(Array.from({ length: 400 }, () => world.send(busy.name)))
  const sent = await Promise.all(Array.from({ length: 5 }, () => world.send(busy.name, null, acting)))
  // More of the backlog than a dispatcher has in hand at once: yet these are handed over now.
  for (const id of sent) {
    const status = async () => (await world.json<EventView>(`/v1/invocations/${id}`, { headers: acting })).status
    await vi.waitFor(async () => expect(await status()).toBe('running'), { timeout: 5_000 })
  }
  gate.resolve()
  const ofSmall = () => busy.runs.filter(({ invocation }) => invocation.tenant === 'small').length
  await vi.waitFor(() => expect(ofSmall()).toBe(sent.length), { timeout: 10_000, interval: 2 })
  expect(busy.runs.length).toBeLessThan(backlog.length)
  await vi.waitFor(() => expect(busy.runs).toHaveLength(backlog.length + sent.length), { timeout: 20_000 })
}, 40_000)

describe('while it waits', () => {
  test('a function that is removed makes it a dead letter that says so', async () => {
    const { name } = await world.functionThat([answers(503, [['retry-after', '1']])], { style: 'fetch' })
    const id = await world.send(name)
    await vi.waitFor(async () => expect((await world.json<EventView>(`/v1/invocations/${id}`)).nextAttemptAt).toBeDefined(), { timeout: 5_000 })
    await world.call(`/v1/functions/${name}`, { method: 'DELETE' })
    expect((await world.until(id, 'dead')).error).toMatchObject({ code: 'function_not_found' })
  })

  test('a function that is switched off keeps it waiting, and no attempt is counted', async () => {
    const { name, runs } = await world.functionThat(echo, { settings: { maxConcurrency: 0 } })
    const id = await world.send(name)
    const view = await vi.waitFor(
      async () => {
        const now = await world.json<EventView>(`/v1/invocations/${id}`)
        expect(now.error).toMatchObject({ code: 'function_off' })
        return now
      },
      { timeout: 5_000 },
    )
    expect([view.status, view.attempts, runs]).toEqual(['queued', [], []])
  })

  test('it is a job of a plain BullMQ queue, named for its tenant, with data a dashboard can show', async () => {
    const { name } = await world.functionThat(waits)
    const id = await world.send(name)
    await world.until(id, 'running')
    const its = await queue()
    try {
      const job = await its.getJob(id)
      expect([job?.name, job?.data, await job?.getState()]).toEqual(['invoke', { id, function: name, trigger: 'async' }, 'active'])
    } finally {
      await its.close()
    }
    await world.call(`/v1/invocations/${id}`, { method: 'DELETE' })
    await world.until(id, 'cancelled')
  })
})

/** As a dashboard opens it. */
async function queue(): Promise<Queue> {
  const redis = new Redis(world.gateway.redisUrl, { maxRetriesPerRequest: null })
  const opened = new Queue('default', { connection: redis, prefix: 'isolane:async' })
  const close = opened.close.bind(opened)
  opened.close = async () => {
    await close()
    redis.disconnect()
  }
  return opened
}
