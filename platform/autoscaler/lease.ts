import type { Redis } from 'ioredis'
import { pause } from './pause.ts'

/** Only who holds the lease may prolong or end it. KEYS: lease; ARGV: owner, ms. */
const RENEW = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0`
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`

interface LeaseOptions {
  readonly redis: Redis
  readonly key: string
  /** Unique per holder and start. */
  readonly owner: string
  /** A dead holder is succeeded after at most this and a third. Default 3 s. */
  readonly ttlMs?: number
}

/** One holder at a time, by Redis' clock; the holder lets go by its own clock before Redis would. */
export class Lease {
  readonly #options: Required<LeaseOptions>

  constructor(options: LeaseOptions) {
    this.#options = { ttlMs: 3_000, ...options }
  }

  /** Whenever the lease is held, runs `work`, whose signal aborts when the lease is lost or `stop` aborts; until `stop`. */
  async whileHeld(work: (lost: AbortSignal) => Promise<void>, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const askedAt = performance.now()
      if (await this.#acquire()) await this.#hold(work, askedAt, stop)
      await pause(this.#options.ttlMs / 3, stop)
    }
  }

  async #hold(work: (lost: AbortSignal) => Promise<void>, askedAt: number, stop: AbortSignal): Promise<void> {
    const over = new AbortController()
    const lost = AbortSignal.any([stop, over.signal])
    const renewing = this.#renewUntil(lost, askedAt).finally(() => over.abort())
    try {
      await work(lost)
    } finally {
      over.abort()
      await renewing
      await this.#release()
    }
  }

  /** Returns when the lease is lost, or as good as: unrenewed for two thirds of its time. */
  async #renewUntil(end: AbortSignal, askedAt: number): Promise<void> {
    const { ttlMs } = this.#options
    let heldSince = askedAt
    while (!end.aborted) {
      await pause(ttlMs / 6, end)
      const sentAt = performance.now()
      const answer = await Promise.race([this.#renew(), pause(Math.max(0, heldSince + (ttlMs * 2) / 3 - sentAt), end).then(() => 'late' as const)])
      if (answer === 'renewed') heldSince = sentAt
      else if (answer === 'lost' || performance.now() - heldSince >= (ttlMs * 2) / 3) return
    }
  }

  async #acquire(): Promise<boolean> {
    const { redis, key, owner, ttlMs } = this.#options
    try {
      return (await redis.set(key, owner, 'PX', ttlMs, 'NX')) === 'OK'
    } catch {
      return false
    }
  }

  async #renew(): Promise<'renewed' | 'lost' | 'unknown'> {
    const { redis, key, owner, ttlMs } = this.#options
    try {
      return (await redis.eval(RENEW, 1, key, owner, ttlMs)) === 1 ? 'renewed' : 'lost'
    } catch {
      return 'unknown'
    }
  }

  /** Best effort: unreleased, it runs out by itself. */
  async #release(): Promise<void> {
    const { redis, key, owner } = this.#options
    try {
      await redis.eval(RELEASE, 1, key, owner)
    } catch {
      // Runs out.
    }
  }
}
