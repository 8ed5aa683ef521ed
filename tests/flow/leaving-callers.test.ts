import { request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type GatewayAlone, startGatewayAlone } from './gateway-alone.ts'
import type { ScriptedRun } from './scripted-worker.ts'

let gateway: GatewayAlone
beforeAll(async () => {
  gateway = await startGatewayAlone()
})
afterAll(async () => void (await gateway[Symbol.asyncDispose]()))

const CALLS = 400
const AT_ONCE = 40
const PIECE = Buffer.alloc(20_000, 'x')
const soon = (): Promise<void> => pause(Math.random() * 8)

/** Whatever a worker may do with a call, each now and then; ended wherever the lane says that nobody waits. */
async function anything(run: ScriptedRun): Promise<void> {
  let aborted = false
  void run.aborted.then(() => (aborted = true))
  const way = Math.floor(Math.random() * 5)
  try {
    await soon()
    if (way === 1) for await (const _ of await run.request()) await soon()
    if (way === 2) await run.invoke({ name: 'plain', door: 'url' }, { method: 'GET', url: 'http://a.example/', headers: [] })
    if (way >= 3) {
      const { outgoing } = await run.reply({ kind: 'http', status: 200, headers: [], stream: {} }, { open: way === 4 })
      for (let n = 0; n < 4 && !aborted && !outgoing.destroyed; n++) {
        outgoing.write(PIECE)
        await soon()
      }
      if (!aborted) outgoing.end()
      else outgoing.destroy()
    }
  } catch {
    // A connection that was cut: its caller has left, and the abort is on its way.
    await run.aborted
  }
  if (aborted) run.settle({ kind: 'cancelled' })
  else if (way >= 3) run.settle()
  else run.settle({ kind: 'returned' }, { kind: 'http', status: 200, headers: [] }, 'done')
}

test('of callers who leave at any moment nothing is left, and nobody else notices', async () => {
  await gateway.deploy('anything', anything)
  await gateway.deploy('plain', async (run) => run.settle({ kind: 'returned' }, { kind: 'http', status: 200, headers: [] }, 'plain'))
  let next = 0
  const caller = async (): Promise<void> => {
    while (next++ < CALLS) {
      const sent = request(`${gateway.url}/fn/default/anything`, { agent: false, method: 'POST' })
      const over = new Promise((resolve) => sent.on('close', resolve))
      sent.on('error', () => {})
      sent.on('response', (answer) => answer.on('error', () => {}).resume())
      sent.write(PIECE)
      sent.end(Math.random() < 0.5 ? Buffer.alloc(200_000) : '')
      if (Math.random() < 0.7) await pause(Math.random() * 30).then(() => sent.destroy())
      await over
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, caller))

  const redis = new Redis(gateway.redisUrl)
  try {
    await vi.waitFor(async () => expect((await redis.hmget('{main}:sum', 'inFlight', 'queued')).map(Number)).toEqual([0, 0]), 10_000)
    expect(await redis.exists('{main}:inv', '{main}:job', '{main}:due', '{main}:lease:w1')).toBe(0)
    const records = (await redis.xrange('{main}:usage', '-', '+')).flatMap(([, fields]) => fields.filter((_, i) => i % 2 === 1))
    const outcomes = records.map((text) => (JSON.parse(text) as { outcome: string }).outcome)
    expect(new Set(outcomes)).toEqual(new Set(['returned', 'cancelled']))
    expect(records).toHaveLength(Number(await redis.hget('{main}:sum', 'arrivals')))
  } finally {
    redis.disconnect()
  }
  expect(gateway.worker.errors).toEqual([])
  expect(await (await fetch(`${gateway.url}/fn/default/plain`)).text()).toBe('plain')
})
