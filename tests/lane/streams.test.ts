import { describe, expect, test } from 'vitest'
import { FunctionLog } from '../../runtime/lane/function-log.ts'
import { LaneView } from '../../runtime/lane/lane-view.ts'
import { UsageStream } from '../../runtime/lane/usage-stream.ts'
import type { TestRedis } from '../redis-server.ts'
import { idOf } from '../unit/billing/usage-fixture.ts'
import { HELLO, keyOf, type LaneDriver, PREFIX } from './lane-driver.ts'
import { laneOfItsOwn } from './lane-of-its-own.ts'

let server: TestRedis
let lane: LaneDriver
const fail = (error: Error): void => {
  throw error
}

laneOfItsOwn((opened, redis) => {
  lane = opened
  server = redis
})

describe('replies', () => {
  test('to a gateway that is gone are dropped, and its stream does not come back', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 })
    await lane.redis.del(`${PREFIX}replies:g`)
    await lane.settle('w', [keyOf(1)])
    expect(await lane.records()).toHaveLength(1)
    expect(await lane.redis.exists(`${PREFIX}replies:g`)).toBe(0)
  })

  test('are deleted by the next submit of the one who read them', async () => {
    await lane.join('w')
    await lane.submit({ n: 1 }, { n: 2 })
    await lane.settle('w', [keyOf(1)])
    await lane.settle('w', [keyOf(2)])
    lane.gateway.lastReply = (await lane.redis.xrange(`${PREFIX}replies:g`, '-', '+')).at(-1)?.[0] ?? ''
    await lane.submit({ n: 3 })
    expect(await lane.redis.xlen(`${PREFIX}replies:g`)).toBe(1)
  })
})

describe('an inbox', () => {
  test('is deleted by the next beat of the one who read it', async () => {
    await lane.join('w')
    for (let n = 0; n < 4; n++) await lane.submit({ n })
    expect(await lane.redis.xlen(`${PREFIX}inbox:w`)).toBe(5)
    const lastRead = (await lane.redis.xrange(`${PREFIX}inbox:w`, '-', '+')).at(-1)?.[0] ?? ''
    await lane.beat('w', { lastRead })
    expect(await lane.redis.xlen(`${PREFIX}inbox:w`)).toBe(1)
  })
})

describe('the usage stream', () => {
  test('reads every record of a batch, goes on after the last, and trims what was read', async () => {
    const usage = new UsageStream(lane.redis)
    await lane.join('w')
    await lane.submit({ n: 1 }, { n: 2 }, { n: 3 })
    await lane.settle('w', [keyOf(1), keyOf(2)])
    const first = await usage.read('0', 0)
    expect(first.records.map((text) => JSON.parse(text).id)).toEqual([idOf(1), idOf(2)])

    await lane.settle('w', [keyOf(3)])
    await usage.trim(first.lastId)
    const second = await usage.read('0', 0)
    expect(second.records.map((text) => JSON.parse(text).id)).toEqual([idOf(3)])
    await usage.trim(second.lastId)
    expect(await lane.redis.xlen(`${PREFIX}usage`)).toBe(0)
    expect(await usage.read(second.lastId, 0)).toEqual({ lastId: second.lastId, records: [] })
  })
})

describe('the function log', () => {
  test('gives back what was written, in order, from where one likes', async () => {
    const writer = new FunctionLog({ url: server.url, onError: fail })
    const reader = new FunctionLog({ url: server.url, onError: fail })
    try {
      await writer.read('acme', 'hello', '0', 0)
      for (let n = 0; n < 3; n++) writer.append('acme', 'hello', { at: n, id: idOf(n), version: 1, level: 'info', message: `line ${n}` })
      writer.append('acme', 'other', { at: 9, id: idOf(9), version: 1, level: 'info', message: 'elsewhere' })
      const messages: string[] = []
      let last = '0'
      while (messages.length < 3) {
        const { lastId, lines } = await reader.read('acme', 'hello', last, 5_000)
        messages.push(...lines.map(({ message }) => message))
        last = lastId
      }
      expect(messages).toEqual(['line 0', 'line 1', 'line 2'])
      writer.append('acme', 'hello', { at: 3, id: idOf(3), version: 1, level: 'warn', message: 'line 3' })
      const second = await reader.read('acme', 'hello', last, 5_000)
      expect(second.lines.map(({ message }) => message)).toEqual(['line 3'])
    } finally {
      writer.close()
      reader.close()
    }
  })

  test('keeps about a thousand lines of a function, for a day', async () => {
    const log = new FunctionLog({ url: server.url, onError: fail })
    try {
      await log.read('acme', 'hello', '0', 0)
      for (let n = 0; n < 5_000; n++) log.append('acme', 'hello', { at: n, id: idOf(n), version: 1, level: 'info', message: 'x' })
      let last = '0'
      let seen = 0
      while (seen < 4_999) {
        const { lastId, lines } = await log.read('acme', 'hello', last, 5_000)
        last = lastId
        seen = lines.at(-1)?.at ?? seen
      }
      expect(await lane.redis.xlen(`${PREFIX}log:${HELLO}`)).toBeLessThan(1_200)
      expect(await lane.redis.pttl(`${PREFIX}log:${HELLO}`)).toBeGreaterThan(86_000_000)
    } finally {
      log.close()
    }
  })
})

describe('the view', () => {
  test('shows workers as they are: ready, draining, stale', async () => {
    const view = await new LaneView({ url: server.url, onError: fail }).open()
    try {
      for (const worker of ['a', 'b', 'c']) await lane.join(worker)
      await view.drain('b')
      await lane.silence('c', 751)
      expect((await view.workers()).map(({ id, state }) => [id, state])).toEqual([
        ['a', 'ready'],
        ['b', 'draining'],
        ['c', 'stale'],
      ])
      await view.undrain('b')
      expect((await view.workers())[1]).toMatchObject({ state: 'ready', capacityMb: 1_024, freeMb: 1_024, freeCpuMilli: 1_000, running: 0 })
    } finally {
      view.close()
    }
  })

  test('is poked when work waits, and lets go at once when told to stop', async () => {
    const view = await new LaneView({ url: server.url, onError: fail }).open()
    try {
      const poked = view.nextPoke(new AbortController().signal)
      await blockedReader()
      await lane.submit({ n: 1 })
      await poked
      const stop = new AbortController()
      const stopped = view.nextPoke(stop.signal)
      await blockedReader()
      const before = performance.now()
      stop.abort()
      await stopped
      expect(performance.now() - before).toBeLessThan(1_000)
    } finally {
      view.close()
    }
  })

  async function blockedReader(): Promise<void> {
    while (!/blocked_clients:1/.test(await lane.redis.info('clients')));
  }
})
