import { request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type GatewayAlone, startGatewayAlone } from './gateway-alone.ts'
import type { ScriptedRun } from './scripted-worker.ts'

let gateway: GatewayAlone
beforeAll(async () => {
  gateway = await startGatewayAlone()
})
afterAll(async () => {
  expect(gateway.worker.errors).toEqual([])
  await gateway[Symbol.asyncDispose]()
})

const TEXT = { kind: 'http', status: 200, headers: [] } as const

/** What a function gets to know of its time. */
async function tellTime(run: ScriptedRun): Promise<void> {
  const { leftMs } = run.claim
  const headers = 'headers' in run.event ? run.event.headers.map(([name]) => name) : []
  const { deadlineAt, timeoutMs = Number.POSITIVE_INFINITY } = run.event
  run.settle({ kind: 'returned' }, TEXT, JSON.stringify({ leftMs, untilDeadline: Math.min(deadlineAt - Date.now(), timeoutMs), headers }))
}

function patch(name: string, settings: object): Promise<Response> {
  const headers = { authorization: `Bearer ${gateway.key}` }
  return fetch(`${gateway.url}/v1/functions/${name}`, { method: 'PATCH', headers, body: JSON.stringify(settings) })
}

function call(name: string, deadlineMs?: number | string): Promise<Response> {
  return fetch(`${gateway.url}/fn/default/${name}`, { headers: deadlineMs === undefined ? {} : { 'isolane-deadline-ms': String(deadlineMs) } })
}

describe('Isolane-Deadline-Ms', () => {
  test('bounds the whole call, is told to the function as its deadline, and is no header of it', async () => {
    await gateway.deploy('clock', tellTime)
    const { leftMs, untilDeadline, headers } = (await (await call('clock', 2_000)).json()) as {
      leftMs: number
      untilDeadline: number
      headers: string[]
    }
    for (const ms of [leftMs, untilDeadline]) {
      expect(ms).toBeLessThanOrEqual(2_000)
      expect(ms).toBeGreaterThan(500)
    }
    expect(headers.filter((name) => name.startsWith('isolane'))).toEqual([])
  })

  test('makes no time: beyond what the function has by itself it changes nothing', async () => {
    await gateway.deploy('clock-2', tellTime)
    const [long, none] = await Promise.all(
      [930_000, undefined].map(async (ms) => (await (await call('clock-2', ms)).json()) as { leftMs: number; untilDeadline: number }),
    )
    for (const told of [long, none]) {
      expect(told?.untilDeadline).toBeLessThanOrEqual(5_000)
      expect(told?.leftMs).toBeLessThanOrEqual(35_000)
      expect(told?.leftMs).toBeGreaterThan(30_000)
    }
  })

  test.each(['0', '-5', '1.5', 'soon', '930001'])(
    'the value %s is refused at both doors, naming the header, what came and what is allowed',
    async (value) => {
      await gateway.deploy('clock-3', tellTime)
      const headers = { 'isolane-deadline-ms': value, authorization: `Bearer ${gateway.key}` }
      for (const path of ['/fn/default/clock-3', '/v1/functions/clock-3/invocations']) {
        const answer = await fetch(gateway.url + path, { method: 'POST', headers, body: '1' })
        expect(answer.status).toBe(400)
        expect(await answer.json()).toMatchObject({
          code: 'header_invalid',
          field: 'Isolane-Deadline-Ms',
          detail: `Cannot read the header Isolane-Deadline-Ms: wanted a whole number of milliseconds from 1 to 930000; got "${value}"`,
        })
      }
    },
  )

  test('runs while a request comes: one that takes longer than that is refused', async () => {
    let runs = 0
    await gateway.deploy('clock-4', async (run) => {
      runs++
      await tellTime(run)
    })
    const sent = request(`${gateway.url}/fn/default/clock-4`, { method: 'POST', headers: { 'isolane-deadline-ms': '40' } })
    const answered = new Promise<number | undefined>((resolve) => sent.once('response', (answer) => resolve(answer.resume().statusCode)))
    sent.write('slow')
    await pause(60)
    sent.end('er')
    expect([await answered, runs]).toEqual([408, 0])
  })

  test('that cannot be met is refused at once, with the wait there would be and when to come back; who has time waits', async () => {
    const held = Promise.withResolvers<ScriptedRun>()
    let started = 0
    await gateway.deploy('one-at-a-time', async (run) => {
      if (++started === 1) held.resolve(run)
      else run.settle({ kind: 'returned' }, TEXT, 'done')
    })
    await patch('one-at-a-time', { maxConcurrency: 1 })
    const first = call('one-at-a-time')
    const run = await held.promise
    const patient = Array.from({ length: 5 }, () => call('one-at-a-time'))
    await pause(50)
    const askedAt = performance.now()
    const late = await call('one-at-a-time', 1)
    expect(performance.now() - askedAt).toBeLessThan(400)
    expect([late.status, late.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await late.json()).toMatchObject({ code: 'deadline_cannot_be_met', predictedWaitMs: expect.any(Number), title: 'Not available now' })
    run.settle({ kind: 'returned' }, TEXT, 'done')
    expect((await Promise.all([first, ...patient])).map(({ status }) => status)).toEqual(Array(6).fill(200))
    expect(started).toBe(6)
  })
})

test('a function whose queue is full refuses with 429 and a computed time, and nobody else notices', async () => {
  const waiting: ScriptedRun[] = []
  let ending = false
  await gateway.deploy('swamped', async (run) => {
    if (ending) run.settle({ kind: 'returned' }, TEXT, 'done')
    else waiting.push(run)
  })
  await gateway.deploy('calm', async (run) => run.settle({ kind: 'returned' }, TEXT, 'calm'))
  // So that the lane knows it as quick, and predicts no wait that nobody would sit out.
  ending = true
  for (let n = 0; n < 30; n++) await (await call('swamped')).text()
  ending = false
  await patch('swamped', { maxConcurrency: 1 })
  const statuses = new Map<number, number>()
  const refusals: { code: string; retryAfter: number }[] = []
  const calls = Array.from({ length: 1_100 }, async () => {
    const answer = await call('swamped', 60_000)
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
    if (answer.status === 200) await answer.text()
    else refusals.push({ code: ((await answer.json()) as { code: string }).code, retryAfter: Number(answer.headers.get('retry-after')) })
  })
  await vi.waitFor(() => expect(refusals).toHaveLength(99), 10_000)
  expect(await (await call('calm')).text()).toBe('calm')
  ending = true
  for (const run of waiting) run.settle({ kind: 'returned' }, TEXT, 'done')
  await Promise.all(calls)
  expect(Object.fromEntries(statuses)).toEqual({ 200: 1_001, 429: 99 })
  expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set(['queue_full']))
  expect(refusals.every(({ retryAfter }) => Number.isInteger(retryAfter) && retryAfter >= 1)).toBe(true)
})
