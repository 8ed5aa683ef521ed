import type { Settlement } from './worker-lane.ts'

/** A settlement that Redis may forget again: together with the lease that it ended. */
export interface RecentSettlement {
  readonly lease: string
  readonly settlement: Settlement
}

/** Redis writes its file to disk every second, and a slow disk may be one behind. */
const RECENT_MS = 3_000
const MAX_RECENT_BYTES = 64 * 1024 * 1024

/** What a worker holds, and has settled in the last seconds: to be said again when Redis has begun anew and forgotten it. */
export class LeaseMemory {
  readonly #held = new Map<string, string>()
  readonly #recent: { readonly settledAt: number; readonly bytes: number; readonly entry: RecentSettlement }[] = []
  #recentBytes = 0

  hold(key: string, lease: string): void {
    this.#held.set(key, lease)
  }

  /** It is somebody else's, or nobody's. */
  drop(key: string): void {
    this.#held.delete(key)
  }

  settled(settlement: Settlement, nowMs: number): void {
    const lease = this.#held.get(settlement.key)
    this.#held.delete(settlement.key)
    if (lease === undefined) return
    const bytes = settlement.frame.length + 1_000
    this.#recent.push({ settledAt: nowMs, bytes, entry: { lease, settlement } })
    this.#recentBytes += bytes
    let old = 0
    while (this.#isOld(old, nowMs)) this.#recentBytes -= (this.#recent[old++] as { bytes: number }).bytes
    if (old > 0) this.#recent.splice(0, old)
  }

  #isOld(index: number, nowMs: number): boolean {
    const first = this.#recent[index]
    return first !== undefined && (nowMs - first.settledAt > RECENT_MS || this.#recentBytes > MAX_RECENT_BYTES)
  }

  /** Every lease that has not been settled, as the lane wrote it. */
  held(): string[] {
    return [...this.#held.values()]
  }

  /** `quietMs`: for how long nothing can have reached Redis. */
  recent(nowMs: number, quietMs: number): RecentSettlement[] {
    return this.#recent.filter(({ settledAt }) => nowMs - settledAt <= RECENT_MS + quietMs).map(({ entry }) => entry)
  }

  clear(): void {
    this.#held.clear()
    this.#recent.length = 0
    this.#recentBytes = 0
  }
}
