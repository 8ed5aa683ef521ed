/** What a key may do. `admin` reaches every tenant and everything else. */
export const KEY_SCOPES = ['deploy', 'invoke', 'read', 'usage', 'admin'] as const
export type KeyScope = (typeof KEY_SCOPES)[number]

/** One key, as the store keeps it under the hash of the key itself. */
export interface KeyRecord {
  readonly id: string
  readonly tenant: string
  readonly scopes: readonly KeyScope[]
  /** Names the key is confined to; absent: all of the tenant's. */
  readonly functions?: readonly string[]
  /** Milliseconds since 1970; absent: never. */
  readonly expiresAt?: number
  readonly createdAt: number
}

export function keyRecordKey(sha256: string): string {
  return `isolane:key:${sha256}`
}
