import type { Store } from './open-store.ts'
import { type ChangeListener, publishChange } from './store-changes.ts'
import { StoreScript } from './store-script.ts'
import { newTenant, type Tenant } from './tenant.ts'

interface RegistryDeps {
  readonly store: Store
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  /** Told of each change made here before the one who asked for it is: news by way of the store may come after their next call. */
  readonly changed?: ChangeListener['changed']
}

const NAMES = 'isolane:tenants'
const MOVING = 'isolane:tenants:moving'
/** Each round somebody's change goes through. */
const MAX_ROUNDS = 50

const commitTenant = new StoreScript('commit-tenant.lua')

export class TenantRegistry {
  readonly #store: Store
  readonly #now: () => number
  readonly #changed: ChangeListener['changed']

  constructor({ store, now = Date.now, changed = () => {} }: RegistryDeps) {
    this.#store = store
    this.#now = now
    this.#changed = changed
  }

  /** `undefined` when the name is taken. */
  async create(wanted: Partial<Tenant> & Pick<Tenant, 'name'>): Promise<Tenant | undefined> {
    const tenant = newTenant(wanted, this.#now())
    const results = await this.#store.multi().setnx(recordKey(tenant.name), JSON.stringify(tenant)).sadd(NAMES, tenant.name).exec()
    if (results?.[0]?.[1] !== 1) return undefined
    this.#changed(`tenant:${tenant.name}`)
    await publishChange(this.#store, `tenant:${tenant.name}`)
    return tenant
  }

  async read(name: string): Promise<Tenant | undefined> {
    const text = await this.#store.get(recordKey(name))
    // Records from before they were counted are the first.
    return text === null ? undefined : { revision: 1, ...JSON.parse(text) }
  }

  /** Sorted by name. */
  async list(): Promise<Tenant[]> {
    const names = await this.#store.smembers(NAMES)
    const tenants = await Promise.all(names.sort().map((name) => this.read(name)))
    return tenants.filter((tenant) => tenant !== undefined)
  }

  /** Those whose move has not ended. */
  async moving(): Promise<string[]> {
    return await this.#store.smembers(MOVING)
  }

  /**
   * Decides and commits, again and again until nobody was faster; what `decide` throws reaches the caller, and nothing has
   * changed then. The same tenant given back changes nothing. `undefined`: there is no such tenant.
   */
  async change(name: string, decide: (tenant: Tenant) => Tenant): Promise<Tenant | undefined> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const tenant = await this.read(name)
      if (tenant === undefined) return undefined
      const next = decide(tenant)
      if (next === tenant) return tenant
      const state = next.moving === undefined ? 'settled' : 'moving'
      if ((await commitTenant.run(this.#store, name, tenant.revision, JSON.stringify(next), state)) !== 1) continue
      this.#changed(`tenant:${name}`)
      return next
    }
    throw new Error(`Cannot change tenant ${name}: ${MAX_ROUNDS} other changes were faster`)
  }
}

function recordKey(name: string): string {
  return `isolane:tenant:${name}`
}
