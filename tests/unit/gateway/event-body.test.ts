import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { readWholeBody } from '../../../platform/gateway/event-body.ts'

test('a body of single bytes is held as bytes, not as a million pieces', async () => {
  const incoming = Object.assign(new EventEmitter(), { headers: { 'transfer-encoding': 'chunked' } }) as unknown as IncomingMessage
  const chunk = Buffer.from('0123456789'.repeat(6_000))
  const before = process.memoryUsage().heapUsed
  const body = readWholeBody(incoming, () => {}) as Promise<Buffer>
  for (let at = 0; at < 1_000_000; at++) incoming.emit('data', chunk.subarray(at % 60_000, (at % 60_000) + 1))
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(100e6)
  incoming.emit('end')
  const whole = await body
  expect(whole.length).toBe(1_000_000)
  expect(whole.toString('latin1', 59_990, 60_010)).toBe('01234567890123456789')
})
