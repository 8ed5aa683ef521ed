import { Redis } from 'ioredis'

/** Where a lane lives: `redis://…`, `rediss://…` or the absolute path of a unix socket. */
export type RedisUrl = string

/**
 * A connection for lane verbs.
 *
 * Nothing is re-sent behind the caller's back and nothing waits in a hidden queue: a verb whose connection broke has an
 * unknown fate, and only its caller knows what to do about that (verbs are idempotent; the caller first reads its stream
 * to the end, then sends again).
 */
export function openLaneConnection(url: RedisUrl, connectionName: string, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    connectionName,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    retryStrategy: (attempt) => Math.min(20 * 2 ** Math.min(attempt, 6), 500),
  })
  redis.on('error', onError)
  return redis
}

/** Resolves when the connection can take commands, however often it has to try. */
export async function connected(redis: Redis): Promise<void> {
  if (redis.status === 'ready') return
  await new Promise<void>((resolve) => redis.once('ready', resolve))
}
