import { createHash } from 'node:crypto'

/**
 * An invocation id that is the same whenever it is derived from the same: laid out like a UUIDv7, with a hash where that has
 * random bits (RFC 9562 §5.7). `atMs`: milliseconds since 1970.
 */
export function derivedId(seed: string, atMs: number): string {
  const bytes = createHash('sha256').update(`${atMs}\n${seed}`).digest().subarray(0, 16)
  bytes.writeUIntBE(Math.floor(atMs), 0, 6)
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
