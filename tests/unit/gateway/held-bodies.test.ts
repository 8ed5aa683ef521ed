import { EventEmitter } from 'node:events'
import type { IncomingMessage, OutgoingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { readWholeBody } from '../../../platform/gateway/event-body.ts'
import { HeldBodies, MAX_HELD_BYTES, MAX_TENANT_HELD_BYTES } from '../../../platform/gateway/held-bodies.ts'

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
