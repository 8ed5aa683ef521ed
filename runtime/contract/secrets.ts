import { join } from 'node:path'

/**
 * A function's secrets: texts that appear in its `env` like settings, and nowhere else. They belong to the function, not to a
 * version: whoever opens a sandbox reads them as they are then. A change gives the function a new secrets revision, which
 * every call carries; so a worker knows without asking the store whether its sandboxes have the secrets of today.
 */

/** Of one secret, in UTF-8. */
export const MAX_SECRET_BYTES = 8 * 1024
/** Of one function. */
export const MAX_SECRETS = 64
export const MAX_SECRET_NAME_CHARS = 128

/** The store's hash of a function's secrets: name to sealed text (sealed-secret.ts). */
export function secretsHashKey(tenant: string, functionName: string): string {
  return `isolane:secrets:${tenant}/${functionName}`
}

/** Where the key lies that was generated because ISOLANE_SECRETS_KEY names none. */
export function secretsKeyPath(dataDir: string): string {
  return join(dataDir, 'secrets-key')
}
