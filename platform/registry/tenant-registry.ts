import type { Store } from './open-store.ts'

export const DEFAULT_TENANT = 'default'
export const DEFAULT_LANE = 'main'
export const DEFAULT_WEIGHT = 1

export interface Tenant {
  readonly name: string
  /** Share of contended capacity, relative to other tenants. */
  readonly weight: number
  readonly lane: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

interface RegistryDeps {
  readonly store: Store
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

const NAMES = 'isolane:tenants'

export class TenantRegistry {
  readonly #store: Store
  readonly #now: () => number

  constructor({ store, now = Date.now }: RegistryDeps) {
    this.#store = store
    this.#now = now
  }

  /** `undefined` when the name is taken. */
  async create({ name, weight = DEFAULT_WEIGHT, lane = DEFAULT_LANE }: Partial<Tenant> & Pick<Tenant, 'name'>): Promise<Tenant | undefined> {
    const tenant: Tenant = { name, weight, lane, createdAt: this.#now() }
    const results = await this.#store.multi().setnx(recordKey(name), JSON.stringify(tenant)).sadd(NAMES, name).exec()
    return results?.[0]?.[1] === 1 ? tenant : undefined
  }

  async read(name: string): Promise<Tenant | undefined> {
    const text = await this.#store.get(recordKey(name))
    return text === null ? undefined : JSON.parse(text)
  }

  /** Sorted by name. */
  async list(): Promise<Tenant[]> {
    const names = await this.#store.smembers(NAMES)
    const tenants = await Promise.all(names.sort().map((name) => this.read(name)))
    return tenants.filter((tenant) => tenant !== undefined)
  }
}

function recordKey(name: string): string {
  return `isolane:tenant:${name}`
}
