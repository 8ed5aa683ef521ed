import { EventEmitter } from 'node:events'
import type { IncomingMessage, OutgoingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { readWholeBody } from '../../../platform/gateway/event-body.ts'
import { HeldBodies, MAX_HELD_BYTES, MAX_TENANT_HELD_BYTES } from '../../../platform/gateway/held-bodies.ts'
import type { Answered } from '../../../platform/invocations/invoke.ts'
import type { LaneReply } from '../../../runtime/lane/lane-reply.ts'

const MIB = 1024 * 1024

/** A caller who sends so many megabytes, and is in no hurry to end. */
function send(bodies: HeldBodies, tenant: string, megabytes: number) {
  const incoming = Object.assign(new EventEmitter(), { headers: { 'transfer-encoding': 'chunked' }, pause: () => {} }) as unknown as IncomingMessage
  const outgoing = new EventEmitter() as OutgoingMessage
  const body = readWholeBody(incoming, bodies.holderFor(tenant, outgoing)) as Promise<Buffer>
  const piece = Buffer.alloc(MIB)
  for (let at = 0; at < megabytes; at++) incoming.emit('data', piece)
  return { incoming, outgoing, body }
}

test('callers who never end their bodies fill no more than their tenant’s part of the gateway', async () => {
  const bodies = new HeldBodies()
  const sent = Array.from({ length: 20 }, () => send(bodies, 'acme', 5))
  expect(bodies.all).toBeLessThanOrEqual(MAX_TENANT_HELD_BYTES)
  await expect(sent.at(-1)?.body).rejects.toMatchObject({ init: { status: 503, code: 'overloaded', retryAfterSeconds: 1 } })
  const other = send(bodies, 'globex', 5)
  other.incoming.emit('end')
  expect((await other.body).length).toBe(5 * MIB)
  await Promise.allSettled(sent.slice(-8).map(({ body }) => body))
})

test('nor do many tenants together fill all of it', async () => {
  const bodies = new HeldBodies()
  const sent = Array.from({ length: 100 }, (_, at) => send(bodies, `tenant-${at}`, 5))
  await expect(sent.at(-1)?.body).rejects.toMatchObject({ init: { status: 503 } })
  expect(bodies.all).toBeLessThanOrEqual(MAX_HELD_BYTES)
  for (const { outgoing } of sent) outgoing.emit('close')
  expect(bodies.all).toBe(0)
  await Promise.allSettled(sent.slice(51).map(({ body }) => body))
})

test('the body of a call that goes on without its caller counts until the call is over', async () => {
  const bodies = new HeldBodies()
  const outgoing = new EventEmitter() as OutgoingMessage
  bodies.holderFor('acme', outgoing)(MIB)
  const call = Promise.withResolvers<Answered>()
  bodies.keepFor('acme', MIB, outgoing, { answered: call.promise })
  outgoing.emit('close')
  expect(bodies.all).toBe(MIB)
  const last = Promise.withResolvers<LaneReply>()
  call.resolve({ reply: { kind: 'streamed', settled: last.promise } } as Answered)
  await new Promise(setImmediate)
  expect(bodies.all).toBe(MIB)
  last.resolve({ kind: 'verdict', outcome: { kind: 'cancelled' } })
  await new Promise(setImmediate)
  expect(bodies.all).toBe(0)
})

test('and counts no more when the call was over before he left', async () => {
  const bodies = new HeldBodies()
  const outgoing = new EventEmitter() as OutgoingMessage
  bodies.holderFor('acme', outgoing)(MIB)
  bodies.keepFor('acme', MIB, outgoing, { answered: Promise.resolve({ reply: { kind: 'refused', reason: 'off' } } as Answered) })
  await new Promise(setImmediate)
  outgoing.emit('close')
  expect(bodies.all).toBe(0)
})
