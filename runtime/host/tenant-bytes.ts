import { HostError } from './operation.ts'

/** What one worker holds for the functions of one tenant at once: bodies they have handed over, and nobody has taken yet. */
export const MAX_TENANT_BYTES = 64 * 1024 * 1024

/** Counts the bytes that a worker holds for each tenant, so that none of them fills its memory, which all of them share. */
export class TenantBytes {
  readonly #held = new Map<string, number>()

  held(tenant: string): number {
    return this.#held.get(tenant) ?? 0
  }

  /** @throws HostError RangeError when that is more than the tenant may have here; nothing is counted then */
  take(tenant: string, bytes: number): void {
    const held = this.held(tenant) + bytes
    if (held > MAX_TENANT_BYTES) {
      throw new HostError(
        'RangeError',
        `Cannot take more bytes now: ${MAX_TENANT_BYTES} of them, from functions of this tenant, are on their way already (fixed for all tenants)`,
      )
    }
    this.#held.set(tenant, held)
  }

  give(tenant: string, bytes: number): void {
    const left = this.held(tenant) - bytes
    if (left <= 0) this.#held.delete(tenant)
    else this.#held.set(tenant, left)
  }
}
