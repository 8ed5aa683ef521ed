import { MAIN_LANE } from '../../runtime/contract/lanes.ts'
import { ReadThrough } from './read-through.ts'
import type { ChangeListener } from './store-changes.ts'
import { DEFAULT_WEIGHT, type Tenant } from './tenant.ts'

/** What the way of a tenant's calls depends on. The same object for as long as nothing changes. */
export type TenantPlacement = Pick<Tenant, 'weight' | 'revision' | 'lane' | 'moving' | 'left'>

/** Where tenants are: at once from memory, a promise when it must be read. */
export interface Tenants {
  settings(tenant: string): TenantPlacement | Promise<TenantPlacement>
  /** Read anew: what is in memory has proved to be old. */
  fresh(tenant: string): Promise<TenantPlacement>
}

/** Of a tenant that nobody made: some stores have functions that are older than their tenant's record. */
const UNKNOWN: TenantPlacement = Object.freeze({ weight: DEFAULT_WEIGHT, revision: 0, lane: MAIN_LANE })

interface DirectoryDeps {
  readonly tenants: { read(name: string): Promise<Tenant | undefined> }
}

/** Where a tenant's calls go, from memory: a gateway asks for every request. */
export class TenantDirectory implements Tenants, ChangeListener {
  readonly #tenants: ReadThrough<TenantPlacement>

  constructor({ tenants }: DirectoryDeps) {
    this.#tenants = new ReadThrough((name) => tenants.read(name))
  }

  settings(tenant: string): TenantPlacement | Promise<TenantPlacement> {
    const known = this.#tenants.get(tenant)
    if (known instanceof Promise) return known.then((loaded) => loaded ?? UNKNOWN)
    return known ?? UNKNOWN
  }

  async fresh(tenant: string): Promise<TenantPlacement> {
    this.#tenants.invalidate(tenant)
    return await this.settings(tenant)
  }

  changed(key: string): void {
    if (key.startsWith('tenant:')) this.#tenants.invalidate(key.slice('tenant:'.length))
  }

  missed(): void {
    this.#tenants.flush()
  }
}
