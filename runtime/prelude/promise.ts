import { isObject } from './primordials.ts'

/** Whether a handler's result must be waited for. Reads `then` once, as the language does. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return isObject(value) && typeof (value as { then?: unknown }).then === 'function'
}

/**
 * Calls back when a promise or thenable settles; neither callback may throw. By `await`, which goes to a native
 * promise directly: it asks neither `Promise.prototype.then` nor the species, which user code may have replaced.
 */
export async function react(value: unknown, fulfilled: (value: unknown) => void, rejected: (reason: unknown) => void): Promise<void> {
  let settled: unknown
  try {
    settled = await value
  } catch (reason) {
    rejected(reason)
    return
  }
  fulfilled(settled)
}
