import { Redis } from 'ioredis'

/** Where a lane lives: `redis://…`, `rediss://…` or the absolute path of a unix socket. */
export type RedisUrl = string

/**
 * A verb takes Redis a few milliseconds. Silence for longer than this while an answer is due means that the other end has gone
 * without a word; the kernel would find out a quarter of an hour later. Longer than a Redis stands still for a fork or a slow disk,
 * and than a worker may: one that could not run for so long finds its answer and this limit at once, and would give up what is well.
 */
export const SILENCE_MS = 2_500

/**
 * A connection for lane verbs.
 *
 * Nothing is re-sent behind the caller's back and nothing waits in a hidden queue: a verb whose connection broke has an
 * unknown fate, and only its caller knows what to do about that (verbs are idempotent; the caller first reads its stream
 * to the end, then sends again). One that is not answered breaks its connection: to give up the command alone would leave the
 * next one waiting on the same dead socket.
 *
 * @param silenceMs how long an answer may take, waiting in Redis included
 */
export function openLaneConnection(url: RedisUrl, connectionName: string, onError: (error: Error) => void, silenceMs = SILENCE_MS): Redis {
  const redis = new Redis(url, {
    connectionName,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    socketTimeout: silenceMs,
    connectTimeout: SILENCE_MS,
    retryStrategy: (attempt) => Math.min(20 * 2 ** Math.min(attempt, 6), 500),
  })
  redis.on('error', onError)
  closeBehind(redis)
  return redis
}

/**
 * What was said on a connection that was given up may still be on its way, and Redis would carry it out whenever it arrives: a
 * submission that has run, been answered and been forgotten meanwhile would run again. So the first word on a new connection
 * closes Redis' end of the one before it.
 */
function closeBehind(redis: Redis): void {
  let before: { readonly id: number; readonly run: string | undefined } | undefined
  redis.on('ready', () => {
    const run = runOf(redis)
    // A Redis that has begun anew gives numbers out again.
    if (before !== undefined && before.run === run) redis.client('KILL', 'ID', before.id).catch(() => {})
    before = undefined
    redis.client('ID').then(
      (id) => {
        before = { id, run }
      },
      () => {},
    )
  })
}

/** Of the server it is connected to, as ioredis has asked it before it was ready. */
function runOf(redis: Redis): string | undefined {
  return (redis as { readonly serverInfo?: { readonly run_id?: string } }).serverInfo?.run_id
}

/** Resolves when the connection can take commands, however often it has to try. */
export async function connected(redis: Redis): Promise<void> {
  if (redis.status === 'ready') return
  await new Promise<void>((resolve) => redis.once('ready', resolve))
}
