export interface BackoffRule {
  readonly firstMs: number
  readonly mostMs: number
}

/** After a failure of the function's own. */
export const RETRY_BACKOFF: BackoffRule = { firstMs: 1_000, mostMs: 5 * 60_000 }
/** After what the platform is to blame for, or when it has no room. */
export const REQUEUE_BACKOFF: BackoffRule = { firstMs: 500, mostMs: 60_000 }
/** After a callback that was not taken. */
export const CALLBACK_BACKOFF: BackoffRule = { firstMs: 2_000, mostMs: 15 * 60_000 }

/**
 * Exponential backoff with full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015): anything
 * from nothing to `firstMs × 2^before`, so that what failed together does not come back together.
 *
 * @param before failures before this one
 * @param random from 0 to under 1
 */
export function backoffMs({ firstMs, mostMs }: BackoffRule, before: number, random: number): number {
  return Math.floor(random * Math.min(mostMs, firstMs * 2 ** Math.min(before, 40)))
}
