import { Redis } from 'ioredis'

/** A connection to the store Redis: deployments, keys, BullMQ. */
export type Store = Redis

const COMMAND_TIMEOUT_MS = 5_000
const CONNECT_TIMEOUT_MS = 5_000
const LONGEST_RETRY_MS = 1_000

/**
 * Connects to the store: `redis://host:port/db`, `rediss://…`, or the absolute path of a unix socket. Rejects when nothing
 * answers there; later cuts are mended in the background.
 */
export async function openStore(url: string): Promise<Store> {
  if (!/^(rediss?:\/\/|\/)/.test(url)) {
    throw new RangeError(`Cannot open the store: wanted redis://…, rediss://… or an absolute socket path, got ${JSON.stringify(url)}`)
  }
  let connected = false
  const store = new Redis(url, {
    // So that a wrong address fails the start, with its reason, instead of being retried for ever.
    lazyConnect: true,
    retryStrategy: (times) => (connected ? Math.min(50 * times, LONGEST_RETRY_MS) : null),
    connectTimeout: CONNECT_TIMEOUT_MS,
    // A command cut off midway may have been carried out: the caller must hear of it, not have it done twice.
    autoResendUnfulfilledCommands: false,
    // A caller on HTTP wants an error while it still listens, not an answer when the store is back.
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 1,
    // Asked by servers from 7.2 on only; older ones count it as an error.
    disableClientInfo: true,
  })
  let failure: unknown
  store.on('error', (error) => {
    // Without a listener ioredis prints each failed try; the commands that fail say the same to somebody who can act on it.
    failure = error
  })
  try {
    await store.connect()
  } catch (error) {
    store.disconnect()
    throw new Error(`Cannot open the store at ${withoutPassword(url)}: ${(failure as Error | undefined)?.message ?? error}`, { cause: error })
  }
  connected = true
  return store
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//…@')
}
