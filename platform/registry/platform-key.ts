import { hash, randomBytes } from 'node:crypto'

/** What every key made here begins with: it tells a platform key from a function's own Authorization. */
export const KEY_PREFIX = 'isl_'

const SECRET_BYTES = 32
const LEAST_KEY_CHARS = 8
const MOST_KEY_CHARS = 200

/** A new key. Shown once; the store only ever sees {@link hashKey} of it. */
export function createKey(): string {
  return `${KEY_PREFIX}${randomBytes(SECRET_BYTES).toString('base64url')}`
}

/**
 * The name under which a key is stored. Plain SHA-256 is enough, since a key is 256 random bits and not a password; and
 * looking it up needs no constant-time comparison: what a caller can time is how far the *hash* of a guess agrees, and no
 * caller can steer that towards a stored one.
 */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex')
}

/** Whether an operator's own choice can travel in a header. Keys that somebody thought up are taken as they are. */
export function isUsableKey(value: string): boolean {
  return value.length >= LEAST_KEY_CHARS && value.length <= MOST_KEY_CHARS && /^[\x21-\x7e]+$/.test(value)
}

export const USABLE_KEY_RULE = `${LEAST_KEY_CHARS} to ${MOST_KEY_CHARS} visible ASCII characters without spaces`
