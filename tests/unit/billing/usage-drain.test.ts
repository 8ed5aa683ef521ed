import { describe, expect, test, vi } from 'vitest'
import { UsageDrain, type UsageSource } from '../../../platform/billing/usage-drain.ts'
import type { UsageRecord } from '../../../runtime/contract/usage.ts'
import { idOf, usage } from './usage-fixture.ts'

/** A lane's stream in memory; `perRead` entries at a time. */
class Stream implements UsageSource {
  readonly entries: { id: number; records: string[] }[] = []
  readonly perRead: number
  #next = 1
  constructor(perRead = 2) {
    this.perRead = perRead
  }
  add(...records: (UsageRecord | string)[]): void {
    this.entries.push({ id: this.#next++, records: records.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))) })
  }
  async read(afterId: string) {
    const found = this.entries.filter((entry) => entry.id > Number(afterId)).slice(0, this.perRead)
    return { lastId: String(found.at(-1)?.id ?? afterId), records: found.flatMap((entry) => entry.records) }
  }
  async trim(throughId: string) {
    const kept = this.entries.filter((entry) => entry.id > Number(throughId))
    this.entries.splice(0, Infinity, ...kept)
  }
}

function setUp({ stream = new Stream(), bell = stream as UsageSource } = {}) {
  const kept = new Map<string, UsageRecord>()
  const ledger = {
    insert: vi.fn((records: readonly UsageRecord[]) => {
      const before = kept.size
      for (const record of records) kept.set(record.id, record)
      return kept.size - before
    }),
  }
  const log = { warn: vi.fn(), error: vi.fn(), info: vi.fn() }
  let now = 0
  const drain = new UsageDrain({ stream, bell, ledger, log, now: () => now })
  return { drain, stream, ledger, log, kept, tick: (ms: number) => (now += ms) }
}

describe('draining the usage stream', () => {
  test('moves everything into the ledger and leaves the stream empty', async () => {
    const { drain, stream, kept } = setUp()
    for (let n = 0; n < 7; n++) stream.add(usage(n), usage(100 + n))
    expect(await drain.toEnd()).toBe(14)
    expect(kept.size).toBe(14)
    expect(stream.entries).toEqual([])
  })

  test('trims only what the ledger has kept', async () => {
    const { drain, stream, ledger } = setUp()
    stream.add(usage(1))
    ledger.insert.mockImplementationOnce(() => {
      throw new Error('disk full')
    })
    await expect(drain.toEnd()).rejects.toThrow('disk full')
    expect(stream.entries).toHaveLength(1)
    expect(await drain.toEnd()).toBe(1)
    expect(stream.entries).toEqual([])
  })

  test('reads again what it could not trim, which changes nothing', async () => {
    const { drain, stream, kept } = setUp()
    stream.add(usage(1))
    const trim = vi.spyOn(stream, 'trim').mockRejectedValueOnce(new Error('connection lost'))
    await expect(drain.toEnd()).rejects.toThrow('connection lost')
    trim.mockRestore()
    await drain.toEnd()
    expect([...kept.keys()]).toEqual([idOf(1)])
    expect(drain.status()).toMatchObject({ inserted: 1, duplicates: 1 })
  })

  test('drops entries that are no records, says so, and goes on', async () => {
    const { drain, stream, kept, log } = setUp()
    stream.add('not json', JSON.stringify({ id: 'x' }), usage(1))
    stream.add('null')
    await drain.toEnd()
    expect([...kept.keys()]).toEqual([idOf(1)])
    expect(drain.status().rejected).toBe(3)
    expect(log.warn).toHaveBeenCalledTimes(3)
    expect(stream.entries).toEqual([])
  })

  test('whoever asks while a drain runs gets one that began after they asked', async () => {
    const { drain, stream, kept } = setUp()
    const first = drain.toEnd()
    // The first drain's read has been sent and sees nothing of this.
    stream.add(usage(1))
    await Promise.all([drain.toEnd(), drain.toEnd()])
    expect(kept.size).toBe(1)
    await first
  })

  test('reports as lag the time since the stream was last seen at its end', async () => {
    const { drain, stream, tick } = setUp()
    await drain.toEnd()
    tick(300)
    expect(drain.status().lagMs).toBe(300)
    stream.add(usage(1))
    await drain.toEnd()
    expect(drain.status().lagMs).toBe(0)
  })

  test('outlives a lane that is away, logs it once, and goes on by itself', async () => {
    const stream = new Stream()
    const stop = new AbortController()
    const quiet = Promise.withResolvers<{ lastId: string; records: string[] }>()
    const { drain, kept, log } = setUp({ stream, bell: { read: () => quiet.promise, trim: async () => {} } })
    const away = vi.spyOn(stream, 'read').mockRejectedValue(new Error('connection refused'))
    const running = drain.run(stop.signal)
    await vi.waitFor(() => expect(away.mock.calls.length).toBeGreaterThanOrEqual(2), 5_000)
    expect(log.error).toHaveBeenCalledTimes(1)
    away.mockRestore()
    stream.add(usage(1))
    await vi.waitFor(() => expect(kept.size).toBe(1), 5_000)
    expect(log.info).toHaveBeenCalledTimes(1)
    stop.abort()
    quiet.resolve({ lastId: '0', records: [] })
    await running
  })
})
