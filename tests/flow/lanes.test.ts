import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { finishMoves } from '../../platform/lanes/finish-moves.ts'
import { TenantMover } from '../../platform/lanes/tenant-mover.ts'
import { changeTenant } from '../../platform/registry/tenant.ts'
import { TenantRegistry } from '../../platform/registry/tenant-registry.ts'
import { FunctionLog } from '../../runtime/lane/function-log.ts'
import { LaneView } from '../../runtime/lane/lane-view.ts'
import { startRedis, type TestRedis } from '../redis-server.ts'
import { type GatewayAlone, startGatewayAlone } from './gateway-alone.ts'
import type { Script, ScriptedRun } from './scripted-worker.ts'

const OK = { kind: 'http', status: 200, headers: [] } as const
const say =
  (what: string): Script =>
  async (run) =>
    run.settle({ kind: 'returned' }, OK, what)

let second: TestRedis
let gateway: GatewayAlone
let controller: { readonly mover: TenantMover; stop(): Promise<void> }

/** What carries moves on, as a controller has it. */
function startController(): typeof controller {
  const stopping = new AbortController()
  const views = new Map(gateway.lanes.map(({ name, url }) => [name, new LaneView({ url, lane: name, onError: () => {} })]))
  const mover = new TenantMover({ tenants: new TenantRegistry({ store: gateway.store }), lanes: views, onError: () => {} })
  const done = finishMoves({ store: gateway.store, mover, owner: 'c', log: { warn: () => {} } }, stopping.signal)
  return {
    mover,
    async stop() {
      stopping.abort()
      await done
      for (const view of views.values()) view.close()
    },
  }
}

beforeAll(async () => {
  second = await startRedis()
  gateway = await startGatewayAlone({ moreLanes: [{ name: 'near' }, { name: 'far', url: second.url }] })
})
afterAll(async () => {
  await gateway[Symbol.asyncDispose]()
  await second.stop()
})
beforeEach(() => (controller = startController()))
afterEach(async () => {
  await controller.stop()
  for (const worker of gateway.workers.values()) expect(worker.errors.splice(0)).toEqual([])
})

async function admin(method: string, path: string, body: unknown): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${gateway.key}` }
  const answer = await fetch(gateway.url + path, { method, headers, body: JSON.stringify(body) })
  return (await answer.json()) as Record<string, unknown>
}

async function tenantIn(name: string, lane: string, script: Script): Promise<void> {
  await admin('POST', '/v1/tenants', { name, lane })
  await gateway.deploy('shop', script, 'fetch', name)
}

function call(tenant: string, init?: RequestInit): Promise<Response> {
  return fetch(`${gateway.url}/fn/${tenant}/shop`, init)
}

async function arrived(tenant: string): Promise<void> {
  const tenants = new TenantRegistry({ store: gateway.store })
  await vi.waitFor(async () => expect((await tenants.read(tenant))?.moving).toBeUndefined(), { timeout: 10_000, interval: 20 })
}

/** Which lane’s worker runs `shop` now. */
function scriptEach(script: (lane: string) => Script): void {
  for (const [lane, worker] of gateway.workers) worker.scripts.set('shop', script(lane))
}

describe.each(['near', 'far'])('a tenant in a lane of its own, %s', (lane) => {
  const tenant = `in-${lane}`
  beforeAll(() => tenantIn(tenant, lane, say('hello')))

  test('has its calls run there and nowhere else', async () => {
    scriptEach((here) => say(here))
    expect(await (await call(tenant)).text()).toBe(lane)
  })

  test('sends bodies too large for the lane to its worker there, and has them back', async () => {
    const bytes = Buffer.alloc(200_000, 'x')
    gateway.workers.get(lane)?.scripts.set('shop', async (run) => {
      let length = 0
      for await (const chunk of await run.request()) length += (chunk as Buffer).length
      run.settle({ kind: 'returned' }, OK, String(length))
    })
    expect(await (await call(tenant, { method: 'POST', body: bytes })).text()).toBe('200000')
  })

  test('has its functions call each other there', async () => {
    let inner: ScriptedRun | undefined
    await gateway.deploy(
      'inner',
      async (run) => {
        inner = run
        run.settle({ kind: 'returned' }, OK, 'inner')
      },
      'fetch',
      tenant,
    )
    gateway.workers.get(lane)?.scripts.set('shop', async (run) => {
      const { head } = await run.invoke({ name: 'inner', door: 'url' }, { method: 'GET', url: 'http://x/', headers: [] })
      run.settle({ kind: 'returned' }, OK, head.kind)
    })
    expect(await (await call(tenant)).text()).toBe('returned')
    expect(inner?.invocation).toMatchObject({ tenant, depth: 1 })
  })
})

test('a weight is in force in the lane before its change is answered', async () => {
  await tenantIn('heavy', 'far', say(''))
  await admin('PATCH', '/v1/tenants/heavy', { weight: 7 })
  const view = await new LaneView({ url: second.url, lane: 'far', onError: () => {} }).open()
  expect(await view.tenant('heavy', { revision: 0, weight: 1 })).toBe(2)
  view.close()
})

describe('a move', () => {
  test.each([
    ['to a lane in the same Redis', 'near'],
    ['to a lane in another Redis', 'far'],
  ])('%s under load loses no call and runs none twice', { timeout: 30_000 }, async (_how, to) => {
    const tenant = `moves-${to}`
    const runs = new Map<string, string[]>()
    await tenantIn(tenant, 'main', say(''))
    scriptEach((lane) => async (run) => {
      runs.set(run.invocation.id, [...(runs.get(run.invocation.id) ?? []), lane])
      setTimeout(() => run.settle({ kind: 'returned' }, OK, lane), 5 + Math.random() * 20)
    })
    const answers: { id: string; status: number; lane: string }[] = []
    let stop = false
    const callers = Array.from({ length: 8 }, async () => {
      while (!stop) {
        const answer = await call(tenant)
        answers.push({ id: answer.headers.get('isolane-invocation-id') ?? '', status: answer.status, lane: await answer.text() })
      }
    })
    await vi.waitFor(() => expect(answers.length).toBeGreaterThan(50), { timeout: 10_000 })
    expect(await admin('PATCH', `/v1/tenants/${tenant}`, { lane: to })).toMatchObject({ lane: to, moving: { from: 'main' } })
    await arrived(tenant)
    const before = answers.length
    await vi.waitFor(() => expect(answers.length).toBeGreaterThan(before + 100), { timeout: 10_000 })
    stop = true
    await Promise.all(callers)
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    expect(new Set(answers.map(({ id }) => id)).size).toBe(answers.length)
    expect([...runs.values()].filter((lanes) => lanes.length !== 1)).toEqual([])
    expect(runs.size).toBe(answers.length)
    expect(new Set(answers.slice(before + 20).map(({ lane }) => lane))).toEqual(new Set([to]))
  })

  test('keeps a function within its maxConcurrency across both lanes', { timeout: 30_000 }, async () => {
    await tenantIn('capped', 'main', say(''))
    const headers = { authorization: `Bearer ${gateway.key}`, 'isolane-tenant': 'capped' }
    await fetch(`${gateway.url}/v1/functions/shop`, { method: 'PATCH', headers, body: '{"maxConcurrency":2}' })
    let running = 0
    let most = 0
    scriptEach((lane) => async (run) => {
      most = Math.max(most, ++running)
      setTimeout(() => {
        running--
        run.settle({ kind: 'returned' }, OK, lane)
      }, 20)
    })
    let stop = false
    const seen: number[] = []
    const callers = Array.from({ length: 10 }, async () => {
      while (!stop) seen.push((await call('capped')).status)
    })
    for (const lane of ['far', 'near', 'main']) {
      const before = seen.length
      await vi.waitFor(() => expect(seen.length).toBeGreaterThan(before + 20), { timeout: 10_000 })
      await admin('PATCH', '/v1/tenants/capped', { lane })
      await arrived('capped')
    }
    stop = true
    await Promise.all(callers)
    expect([most, seen.filter((status) => status !== 200)]).toEqual([2, []])
  })

  test('lets what runs in the old lane finish before anything starts in the new one', async () => {
    await tenantIn('patient', 'main', say(''))
    const running = Promise.withResolvers<ScriptedRun>()
    scriptEach((lane) => async (run) => (lane === 'main' ? running.resolve(run) : run.settle({ kind: 'returned' }, OK, lane)))
    const old = call('patient')
    const run = await running.promise
    await admin('PATCH', '/v1/tenants/patient', { lane: 'near' })
    let early = true
    const late = call('patient').then(async (answer) => ({ early, text: await answer.text() }))
    // The controller has looked, and found the old lane busy.
    for (let round = 0; round < 3; round++) await controller.mover.carryOn()
    early = false
    run.settle({ kind: 'returned' }, OK, 'main')
    expect(await (await old).text()).toBe('main')
    expect(await late).toEqual({ early: false, text: 'near' })
  })

  test('that its gateway began and did not live to tell anybody is carried on', async () => {
    await tenantIn('orphan', 'main', say('first'))
    expect(await (await call('orphan')).text()).toBe('first')
    scriptEach((lane) => say(lane))
    await controller.stop()
    await new TenantRegistry({ store: gateway.store }).change('orphan', (it) => changeTenant(it, { lane: 'far' }, Date.now()))
    controller = startController()
    await arrived('orphan')
    expect(await (await call('orphan')).text()).toBe('far')
    const main = gateway.lanes[0] as { url: string }
    const view = await new LaneView({ url: main.url, onError: () => {} }).open()
    // An order without news answers with what is in force there: the old lane has heard of the move.
    expect(await view.tenant('orphan', { revision: 0, weight: 1 })).toBe(2)
    view.close()
  })

  test('and back again goes on where it was', async () => {
    await tenantIn('home', 'main', say('first'))
    scriptEach((lane) => say(lane))
    for (const lane of ['far', 'main', 'near']) {
      await admin('PATCH', '/v1/tenants/home', { lane })
      await arrived('home')
      expect(await (await call('home')).text()).toBe(lane)
    }
  })

  test('keeps what an idempotency key stands for', async () => {
    await tenantIn('keyed', 'main', say(''))
    let runs = 0
    scriptEach(() => async (run) => run.settle({ kind: 'returned' }, OK, String(++runs)))
    const keyed = () => call('keyed', { method: 'POST', body: 'x', headers: { 'idempotency-key': 'order-7' } })
    expect(await (await keyed()).text()).toBe('1')
    await admin('PATCH', '/v1/tenants/keyed', { lane: 'far' })
    await arrived('keyed')
    const again = await keyed()
    expect([await again.text(), again.headers.get('isolane-idempotent-replay')]).toEqual(['1', 'true'])
    expect(await (await call('keyed', { method: 'POST', body: 'x' })).text()).toBe('2')
  })

  test('out of a lane that lost the order to take no more is repeated by the first call that asks there', async () => {
    await tenantIn('forgotten', 'main', say(''))
    scriptEach((lane) => say(lane))
    await admin('PATCH', '/v1/tenants/forgotten', { lane: 'far' })
    await arrived('forgotten')
    await gateway.store.hdel('{main}:tenants', 'forgotten')
    const keyed = await call('forgotten', { method: 'POST', body: 'x', headers: { 'idempotency-key': 'order-8' } })
    expect(await keyed.text()).toBe('far')
  })

  test('under an asynchronous attempt whose dispatcher goes runs it once: the next one finds it in the old lane', { timeout: 30_000 }, async () => {
    const ran: string[] = []
    const running = Promise.withResolvers<ScriptedRun>()
    await tenantIn('later', 'main', say(''))
    scriptEach((lane) => async (run) => {
      ran.push(lane)
      running.resolve(run)
    })
    const headers = { authorization: `Bearer ${gateway.key}`, 'isolane-tenant': 'later' }
    const first = await gateway.dispatch()
    const accepted = await fetch(`${gateway.url}/v1/functions/shop/invocations`, {
      method: 'POST',
      body: '{}',
      headers: { ...headers, prefer: 'respond-async' },
    })
    const run = await running.promise
    await admin('PATCH', '/v1/tenants/later', { lane: 'far' })
    await first[Symbol.asyncDispose]()
    await using _second = await gateway.dispatch()
    run.settle({ kind: 'returned' }, OK, 'done')
    const read = async () => (await (await fetch(gateway.url + accepted.headers.get('location'), { headers })).json()) as { status: string }
    await vi.waitFor(async () => expect(await read()).toMatchObject({ status: 'succeeded' }), { timeout: 15_000, interval: 50 })
    await arrived('later')
    expect(ran).toEqual(['main'])
  })

  test('takes the lines that were written before it along', async () => {
    await tenantIn('wordy', 'main', say(''))
    const line = (at: number, message: string) => ({ at, id: 'i', version: 1, level: 'info', message })
    const logs = new Map(gateway.lanes.map(({ name, url }) => [name, new FunctionLog({ url, lane: name, onError: () => {} })]))
    const headers = { authorization: `Bearer ${gateway.key}`, 'isolane-tenant': 'wordy' }
    const read = async () =>
      (await (await fetch(`${gateway.url}/v1/functions/shop/logs`, { headers })).text()).split('\n').filter((text) => text !== '')
    const messages = async () => (await read()).map((text) => (JSON.parse(text) as { message: string }).message)
    // A log does not wait for its connection: by now they are there.
    for (const log of logs.values()) await log.read('wordy', 'shop', '0', 0)
    logs.get('main')?.append('wordy', 'shop', line(1, 'before'))
    await vi.waitFor(async () => expect(await messages()).toEqual(['before']), { timeout: 5_000 })

    await using follower = await follow('wordy')
    expect(await follower.next()).toBe('before')
    await admin('PATCH', '/v1/tenants/wordy', { lane: 'far' })
    await arrived('wordy')
    logs.get('far')?.append('wordy', 'shop', line(3, 'after'))
    logs.get('main')?.append('wordy', 'shop', line(2, 'last'))
    await vi.waitFor(async () => expect(await messages()).toEqual(['before', 'last', 'after']), { timeout: 5_000 })
    expect([await follower.next(), await follower.next()].sort()).toEqual(['after', 'last'])
    for (const log of logs.values()) log.close()
  })
})

/** Messages of `shop` as they come. */
async function follow(tenant: string): Promise<AsyncDisposable & { next(): Promise<string> }> {
  const leaving = new AbortController()
  const headers = { authorization: `Bearer ${gateway.key}`, 'isolane-tenant': tenant }
  const answer = await fetch(`${gateway.url}/v1/functions/shop/logs?follow=1`, { headers, signal: leaving.signal })
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  const messages: string[] = []
  let text = ''
  return {
    async next() {
      while (messages.length === 0) {
        text += decoder.decode((await reader.read()).value, { stream: true })
        const events = text.split('\n\n')
        text = events.pop() as string
        for (const event of events) {
          const data = /^data: (.*)$/m.exec(event)?.[1]
          if (data !== undefined) messages.push((JSON.parse(data) as { message: string }).message)
        }
      }
      return messages.shift() as string
    },
    async [Symbol.asyncDispose]() {
      leaving.abort()
    },
  }
}
