import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Outcome } from '../../runtime/contract/outcome.ts'
import { type GatewayAlone, startGatewayAlone } from './gateway-alone.ts'

let gateway: GatewayAlone
beforeAll(async () => {
  gateway = await startGatewayAlone()
})
afterAll(async () => void (await gateway[Symbol.asyncDispose]()))

let made = 0
/** A function whose first attempts end like this, and the next returns. Gives its name and the attempts that were made. */
async function losing(started: 'no' | 'maybe' | 'replied', times = 1): Promise<{ name: string; attempts: { attempt: number; body: string }[] }> {
  const name = `loses-${++made}`
  const attempts: { attempt: number; body: string }[] = []
  await gateway.deploy(name, async (run) => {
    attempts.push({ attempt: run.invocation.attempt, body: run.body.toString() })
    const lost: Outcome = { kind: 'lost', reason: 'a test', started }
    if (attempts.length <= times) run.settle(lost, undefined, '', 0)
    else run.settle({ kind: 'returned' }, { kind: 'http', status: 200, headers: [] }, 'done')
  })
  return { name, attempts }
}

test.each([
  ['that had not started is made again, body and all', 'no', 'POST'],
  ['of a safe method that may have run is made again', 'maybe', 'GET'],
] as const)('a lost call %s', async (_, started, method) => {
  const { name, attempts } = await losing(started)
  const body = method === 'POST' ? 'sent once' : undefined
  const answer = await fetch(`${gateway.url}/fn/default/${name}`, { method, ...(body === undefined ? {} : { body }) })
  expect([answer.status, await answer.text(), answer.headers.get('isolane-outcome')]).toEqual([200, 'done', 'returned'])
  expect(attempts).toEqual([
    { attempt: 1, body: body ?? '' },
    { attempt: 2, body: body ?? '' },
  ])
})

test.each([
  ['that may have run is not made again: it might not bear it', 'maybe', 'POST'],
  ['whose reply had begun is never made again', 'replied', 'GET'],
  ['is not made a third time', 'no', 'GET'],
] as const)('a lost call %s', async (_, started, method) => {
  const { name, attempts } = await losing(started, 9)
  const answer = await fetch(`${gateway.url}/fn/default/${name}`, { method })
  expect(answer.status).toBe(503)
  expect(await answer.json()).toMatchObject({ code: 'lost', started })
  expect(attempts).toHaveLength(started === 'no' ? 2 : 1)
})

test('a call that may have run is made again where its author says that it may', async () => {
  const { name, attempts } = await losing('maybe')
  const headers = { authorization: `Bearer ${gateway.key}` }
  const patched = await fetch(`${gateway.url}/v1/functions/${name}`, { method: 'PATCH', headers, body: '{"idempotent":true}' })
  expect(patched.status).toBe(200)
  const answer = await fetch(`${gateway.url}/fn/default/${name}`, { method: 'POST', body: 'x' })
  expect([answer.status, attempts.length]).toEqual([200, 2])
})

test('a call that workers died of is not made again, though it had not started', async () => {
  const name = `loses-${++made}`
  let attempts = 0
  await gateway.deploy(name, async (run) => {
    attempts++
    run.settle({ kind: 'lost', reason: 'a test', started: 'no', repeat: false }, undefined, '', 0)
  })
  const answer = await fetch(`${gateway.url}/fn/default/${name}`)
  expect([answer.status, attempts]).toEqual([503, 1])
  await answer.text()
})

test('a body that was not held by the gateway cannot be sent again', async () => {
  const { name, attempts } = await losing('no', 9)
  const answer = await fetch(`${gateway.url}/fn/default/${name}`, { method: 'POST', body: Buffer.alloc(200_000) })
  expect([answer.status, attempts.length]).toEqual([503, 1])
  await answer.text()
})
