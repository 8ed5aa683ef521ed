import type { TenantOrder } from '../../runtime/lane/lane-view.ts'
import { endMove, MOVE_FROM_SILENCE_MS, MOVE_PAUSE_MS, pauseLeftMs, type Tenant } from '../registry/tenant.ts'
import type { TenantRegistry } from '../registry/tenant-registry.ts'

/** What a tenant's settings are told to. */
export interface TenantLane {
  tenant(tenant: string, order: TenantOrder): Promise<number>
  tenantLoad(tenant: string): Promise<{ queued: number; running: number }>
}

export interface TenantMoverDeps {
  readonly tenants: Pick<TenantRegistry, 'read' | 'moving' | 'change'>
  readonly lanes: ReadonlyMap<string, TenantLane>
  /** A lane could not be told. It hears of it by the next call or the next try. */
  readonly onError: (error: Error) => void
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

/**
 * Carries tenants from lane to lane, in steps that may be done twice, by several at once, or broken off anywhere. The record
 * comes first: it says where the tenant is, and that it is moving. Then the new lane holds the tenant's work back, and the old
 * one takes no more of it but finishes what it has. When that is done, or after 30 s, or 5 without a word from it, the move is off the record and the new
 * lane lets go. Lanes go by the revision: an order that comes late changes nothing.
 */
export class TenantMover {
  readonly #deps: TenantMoverDeps
  readonly #now: () => number

  constructor(deps: TenantMoverDeps) {
    this.#deps = deps
    this.#now = deps.now ?? Date.now
  }

  /** Tells the lanes what the record says, as far as they can be reached. */
  async tell(tenant: Tenant): Promise<void> {
    await this.#tellNew(tenant)
    if (tenant.moving !== undefined) await this.#tellOld(tenant)
  }

  /** One step of every move there is; returns whether there is any. */
  async carryOn(): Promise<boolean> {
    const names = await this.#deps.tenants.moving()
    await Promise.all(names.map((name) => this.#step(name)))
    return names.length > 0
  }

  async #step(name: string): Promise<void> {
    const tenant = await this.#deps.tenants.read(name)
    if (tenant?.moving === undefined) return
    await this.#tellNew(tenant)
    const { since, from } = tenant.moving
    const left = (await this.#tellOld(tenant)) ? await this.#leftIn(from, name) : undefined
    const patienceMs = left === undefined ? MOVE_FROM_SILENCE_MS : MOVE_PAUSE_MS
    if (left !== 0 && this.#now() < since + patienceMs) return
    const ended = await this.#deps.tenants.change(name, (it) => (it.moving?.since === since ? endMove(it) : it))
    if (ended !== undefined) await this.#tellNew(ended)
  }

  async #tellNew(tenant: Tenant): Promise<void> {
    const { revision, weight } = tenant
    await this.#order(tenant.lane, tenant.name, { revision, weight, pausedMs: pauseLeftMs(tenant, this.#now()) })
  }

  async #tellOld({ name, revision, weight, lane, moving }: Tenant): Promise<boolean> {
    return moving !== undefined && (await this.#order(moving.from, name, { revision, weight, movedTo: lane }))
  }

  /** @returns whether the lane has heard it */
  async #order(lane: string, tenant: string, order: TenantOrder): Promise<boolean> {
    try {
      await this.#deps.lanes.get(lane)?.tenant(tenant, order)
      return this.#deps.lanes.has(lane)
    } catch (error) {
      this.#deps.onError(error as Error)
      return false
    }
  }

  /** @returns calls of the tenant that are still there; undefined when the lane does not say */
  async #leftIn(lane: string, tenant: string): Promise<number | undefined> {
    try {
      const load = await this.#deps.lanes.get(lane)?.tenantLoad(tenant)
      return load && load.queued + load.running
    } catch (error) {
      this.#deps.onError(error as Error)
      return undefined
    }
  }
}
