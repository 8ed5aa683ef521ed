import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { LaneAddress } from '../../runtime/contract/lanes.ts'
import { openLaneConnection, SILENCE_MS } from '../../runtime/lane/connection.ts'
import { UsageStream } from '../../runtime/lane/usage-stream.ts'
import type { UsageSource } from './usage-drain.ts'

/** Bridges a reconnection; beyond it a read fails, and whoever asked hears so. */
const CONNECT_MS = 1_000
/** A connection whose other end is gone without a word. */
const REPLY_MS = 5_000
/** The longest that a read waits for an entry (usage-drain.ts). */
const BLOCK_MS = 1_000

/** The lane's usage stream on a connection of its own, which closes with it. */
export function openUsageSource({ name, url }: LaneAddress, connectionName: string, onError: (error: Error) => void): UsageSource & Disposable {
  const redis = openLaneConnection(url, connectionName, onError, BLOCK_MS + SILENCE_MS)
  const stream = new UsageStream(redis, name)
  return {
    async read(afterId, blockMs) {
      await readyWithin(redis, CONNECT_MS)
      return await within(stream.read(afterId, blockMs), blockMs + REPLY_MS)
    },
    async trim(throughId) {
      await within(stream.trim(throughId), REPLY_MS)
    },
    [Symbol.dispose]: () => {
      // A second disconnect would wait two seconds for a socket that is gone.
      if (redis.status !== 'end') redis.disconnect()
    },
  }
}

async function readyWithin(redis: Redis, ms: number): Promise<void> {
  if (redis.status === 'ready') return
  const ready = Promise.withResolvers<void>()
  redis.once('ready', ready.resolve)
  try {
    await within(ready.promise, ms)
  } finally {
    redis.off('ready', ready.resolve)
  }
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const done = new AbortController()
  const late = sleep(ms, undefined, { signal: done.signal }).then(() => {
    throw new Error(`Cannot read the usage stream: no answer from the lane for ${ms} ms`)
  })
  late.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    done.abort()
  }
}
