import { Client } from 'undici'
import { type Dialer, type DialTarget, dial } from '../egress/dial.ts'

/** One connection to one origin, for one request after the other. */
export interface Connection {
  readonly client: Client
  /** It has carried a request before: the other side may have closed it meanwhile. */
  readonly reused: boolean
  /** Cuts it off, whatever it is at. */
  destroy(): void
  /** The request is over. */
  release(): void
}

interface Kept {
  readonly origin: string
  readonly client: Client
  readonly hangUp: AbortController
  busy: boolean
  connected: boolean
  requests: number
}

interface Waiting {
  readonly origin: string
  readonly take: (kept: Kept) => void
}

interface Options {
  readonly dialer: Dialer
  readonly maxConnections: number
  readonly maxHeadBytes: number
  /** Called when nothing is left open and nobody waits. */
  readonly onEmpty: () => void
}

/** An idle connection is closed after this long; most servers keep theirs for five seconds. */
const KEEP_ALIVE_MS = 4_000

/** Outgoing connections of one tenant, idle ones included, at most `maxConnections` at once: no tenant meets another's, and none takes all. */
export class ConnectionPool implements Disposable {
  readonly #options: Options
  /** The one used last is last. */
  readonly #kept: Kept[] = []
  readonly #waiting: Waiting[] = []

  constructor(options: Options) {
    this.#options = options
  }

  /** Open connections, idle ones included. */
  get size(): number {
    return this.#kept.length
  }

  /** Waits while all are busy; in the order of asking. Rejects with the signal's reason. */
  async acquire(origin: string, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted()
    const free = this.#waiting.length === 0 ? this.#free(origin) : undefined
    const kept = free ?? (await this.#wait(origin, signal))
    kept.busy = true
    const reused = kept.requests++ > 0
    let over = false
    const once = (then: () => void) => () => {
      if (over) return
      over = true
      then()
    }
    return {
      client: kept.client,
      reused,
      destroy: once(() => this.#drop(kept)),
      release: once(() => this.#release(kept)),
    }
  }

  /** An idle connection to the origin, else a new one, in the place of another origin's idle one where there is no room. */
  #free(origin: string): Kept | undefined {
    const idle = this.#kept.findLast((kept) => !kept.busy && kept.origin === origin)
    if (idle !== undefined) return idle
    if (this.#kept.length >= this.#options.maxConnections) {
      const oldest = this.#kept.find((kept) => !kept.busy)
      if (oldest === undefined) return undefined
      this.#remove(oldest)
    }
    return this.#open(origin)
  }

  #wait(origin: string, signal: AbortSignal): Promise<Kept> {
    const { promise, resolve, reject } = Promise.withResolvers<Kept>()
    const waiting: Waiting = { origin, take: resolve }
    const abort = () => {
      const at = this.#waiting.indexOf(waiting)
      if (at === -1) return
      this.#waiting.splice(at, 1)
      reject(signal.reason)
    }
    this.#waiting.push(waiting)
    signal.addEventListener('abort', abort, { once: true })
    return promise.finally(() => signal.removeEventListener('abort', abort))
  }

  #open(origin: string): Kept {
    const { dialer, maxHeadBytes } = this.#options
    const hangUp = new AbortController()
    const target = dialTarget(origin)
    const client = new Client(origin, {
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: maxHeadBytes,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      connect: (_options, done) => {
        dial(target, dialer, hangUp.signal).then(
          (socket) => done(null, socket),
          (error) => done(error, null),
        )
      },
    })
    const kept: Kept = { origin, client, hangUp, busy: true, connected: false, requests: 0 }
    client.on('connect', () => {
      kept.connected = true
    })
    client.on('disconnect', () => {
      kept.connected = false
      if (!kept.busy) this.#drop(kept)
    })
    this.#kept.push(kept)
    return kept
  }

  #release(kept: Kept): void {
    kept.busy = false
    if (!kept.connected) {
      this.#drop(kept)
      return
    }
    const at = this.#kept.indexOf(kept)
    if (at === -1) return
    this.#kept.splice(at, 1)
    this.#kept.push(kept)
    this.#serve()
  }

  #drop(kept: Kept): void {
    this.#remove(kept)
    this.#serve()
  }

  #remove(kept: Kept): void {
    const at = this.#kept.indexOf(kept)
    if (at === -1) return
    this.#kept.splice(at, 1)
    kept.hangUp.abort(new Error('the connection was given up'))
    kept.client.destroy().catch(() => {})
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const kept = this.#free(next.origin)
      if (kept === undefined) return
      kept.busy = true
      this.#waiting.shift()
      next.take(kept)
    }
    if (this.#kept.length === 0) this.#options.onEmpty()
  }

  [Symbol.dispose](): void {
    for (const kept of [...this.#kept]) this.#remove(kept)
  }
}

function dialTarget(origin: string): DialTarget {
  const { protocol, hostname, port } = new URL(origin)
  const secure = protocol === 'https:'
  return { secure, host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (secure ? 443 : 80) : Number(port) }
}
