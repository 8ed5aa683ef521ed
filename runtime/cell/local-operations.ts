import { CRYPTO_OPERATIONS } from './crypto-operations.ts'
import type { Holdings } from './holdings.ts'
import { ZLIB_OPERATIONS } from './zlib-operations.ts'

export interface LocalResult {
  /** Goes through JSON. */
  readonly value?: unknown
  readonly body?: Uint8Array
}

/**
 * One operation of the cell. Arguments and bytes come from the guest: nothing is believed before it is checked. Work that
 * takes longer than a moment belongs on the thread pool, where the kill clock still sees it.
 */
export type LocalOperation = (holdings: Holdings, args: Record<string, unknown>, body: Uint8Array<ArrayBuffer>) => Promise<LocalResult>

export const LOCAL_OPERATIONS: ReadonlyMap<string, LocalOperation> = new Map([
  ...Object.entries(CRYPTO_OPERATIONS).map(([name, run]) => [`crypto.${name}`, run] as const),
  ...Object.entries(ZLIB_OPERATIONS).map(([name, run]) => [`zlib.${name}`, run] as const),
])
