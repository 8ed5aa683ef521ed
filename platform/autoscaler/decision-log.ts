import type { Redis } from 'ioredis'
import type { Decision } from './decision.ts'
import type { LawConfig } from './law-config.ts'
import type { Observation } from './observation.ts'

/** A decision with all it was made from. */
export interface DecisionEntry {
  readonly cause: 'tick' | 'poke'
  readonly observation: Observation
  readonly decision: Decision
}

/** What a controller says about itself; as old as `at`, on the lane's clock. */
export interface ControllerReport extends DecisionEntry {
  readonly controller: string
  readonly at: number
  readonly config: LawConfig
  readonly workers: { readonly ready: number; readonly starting: number; readonly draining: number; readonly ending: number }
}

/** The controller writes; gateways, in other processes, read. */
export interface DecisionSink {
  report(report: ControllerReport): Promise<void>
  append(entry: DecisionEntry): Promise<void>
}

export interface DecisionSource {
  /** The last report; `undefined` before any controller has spoken. */
  last(): Promise<ControllerReport | undefined>
  /** The newest `limit` decisions that changed something, newest first, each as JSON text. */
  recent(limit: number): Promise<string[]>
}

export const MAX_DECISIONS = 500

/** Both ends, in the lane's Redis. */
export class DecisionLog implements DecisionSink, DecisionSource {
  readonly #redis: Redis
  readonly #reportKey: string
  readonly #decisionsKey: string

  /** `prefix` as of the lane's other keys, such as `{main}:`. */
  constructor(redis: Redis, prefix: string) {
    this.#redis = redis
    this.#reportKey = `${prefix}controller:report`
    this.#decisionsKey = `${prefix}controller:decisions`
  }

  async report(report: ControllerReport): Promise<void> {
    await this.#redis.set(this.#reportKey, JSON.stringify(report))
  }

  async append(entry: DecisionEntry): Promise<void> {
    const [pushed, trimmed] =
      (await this.#redis
        .multi()
        .lpush(this.#decisionsKey, JSON.stringify(entry))
        .ltrim(this.#decisionsKey, 0, MAX_DECISIONS - 1)
        .exec()) ?? []
    const failed = pushed?.[0] ?? trimmed?.[0]
    if (failed) throw failed
  }

  async last(): Promise<ControllerReport | undefined> {
    const text = await this.#redis.get(this.#reportKey)
    return text === null ? undefined : (JSON.parse(text) as ControllerReport)
  }

  async recent(limit: number): Promise<string[]> {
    return await this.#redis.lrange(this.#decisionsKey, 0, limit - 1)
  }
}
