/** An idle warm sandbox, as far as it matters for letting it go. */
export interface Idle {
  readonly uses: number
  readonly initMs: number
  readonly heapMb: number
  readonly lastUsedAt: number
}

/** Idle this long, a sandbox goes in any case. */
export const IDLE_TTL_MS = 600_000

/**
 * GreedyDual-Size-Frequency (Cherkasova 1998; for functions: FaasCache, ASPLOS 2021): what is cheap to make again, rarely
 * used and large goes first. `clock` rises to the priority of each victim, so that what is not used ages.
 */
export function priority(idle: Idle, clock: number): number {
  return clock + (idle.uses * Math.max(1, idle.initMs)) / Math.max(1, idle.heapMb)
}

/** Who goes so that `excessMb` come free, and the clock afterwards. Those past their time go whatever is free. */
export function victims<T extends Idle>(idle: readonly T[], excessMb: number, clock: number, now: number): { evict: T[]; clock: number } {
  const evict = idle.filter(({ lastUsedAt }) => now - lastUsedAt >= IDLE_TTL_MS)
  let freed = evict.reduce((sum, { heapMb }) => sum + heapMb, 0)
  const expired = new Set(evict)
  const ranked = idle.filter((item) => !expired.has(item)).sort((a, b) => priority(a, clock) - priority(b, clock) || a.lastUsedAt - b.lastUsedAt)
  let risen = clock
  for (const item of ranked) {
    if (freed >= excessMb) break
    evict.push(item)
    freed += Math.max(1, item.heapMb)
    risen = Math.max(risen, priority(item, clock))
  }
  return { evict, clock: risen }
}
