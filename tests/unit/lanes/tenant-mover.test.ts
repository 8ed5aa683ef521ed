import { beforeEach, describe, expect, test } from 'vitest'
import { type TenantLane, TenantMover } from '../../../platform/lanes/tenant-mover.ts'
import { changeTenant, MOVE_FROM_SILENCE_MS, MOVE_PAUSE_MS, newTenant, type Tenant } from '../../../platform/registry/tenant.ts'
import type { TenantOrder } from '../../../runtime/lane/lane-view.ts'

/** A lane as far as moves go: the highest revision wins. */
class Lane implements TenantLane {
  order: TenantOrder = { revision: 1, weight: 1 }
  load = { queued: 0, running: 0 }
  away = false

  async tenant(_tenant: string, order: TenantOrder): Promise<number> {
    if (this.away) throw new Error('away')
    if (order.revision >= this.order.revision) this.order = order
    return this.order.revision
  }

  async tenantLoad(): Promise<{ queued: number; running: number }> {
    if (this.away) throw new Error('away')
    return this.load
  }
}

/** The store's part: compare and set by revision. */
class Tenants {
  record: Tenant = newTenant({ name: 'acme' }, 0)

  async read(): Promise<Tenant> {
    return this.record
  }

  async moving(): Promise<string[]> {
    return this.record.moving === undefined ? [] : ['acme']
  }

  async change(_name: string, decide: (tenant: Tenant) => Tenant): Promise<Tenant> {
    this.record = decide(this.record)
    return this.record
  }
}

let tenants: Tenants
let main: Lane
let other: Lane
let now: number
let mover: TenantMover

beforeEach(() => {
  tenants = new Tenants()
  main = new Lane()
  other = new Lane()
  now = 1_000
  mover = new TenantMover({
    tenants,
    lanes: new Map([
      ['main', main],
      ['other', other],
    ]),
    onError: () => {},
    now: () => now,
  })
})

function beginMove(): void {
  tenants.record = changeTenant(tenants.record, { lane: 'other' }, now)
}

describe('a move', () => {
  test('holds back in the new lane, turns away in the old one, and lets go when the old one has nothing left', async () => {
    main.load = { queued: 1, running: 2 }
    beginMove()
    await mover.tell(tenants.record)
    expect(other.order).toEqual({ revision: 2, weight: 1, pausedMs: MOVE_PAUSE_MS })
    expect(main.order).toEqual({ revision: 2, weight: 1, movedTo: 'other' })
    await mover.carryOn()
    expect(tenants.record.moving).toEqual({ from: 'main', since: 1_000 })
    main.load = { queued: 0, running: 1 }
    await mover.carryOn()
    expect(tenants.record.moving).toBeDefined()
    main.load = { queued: 0, running: 0 }
    await mover.carryOn()
    expect(tenants.record).toMatchObject({ lane: 'other', revision: 3 })
    expect(tenants.record.moving).toBeUndefined()
    expect(other.order).toEqual({ revision: 3, weight: 1, pausedMs: 0 })
    expect(main.order.movedTo).toBe('other')
  })

  test('that broke off before any lane heard of it is carried on from the record alone', async () => {
    main.load = { queued: 0, running: 1 }
    beginMove()
    await mover.carryOn()
    expect(main.order.movedTo).toBe('other')
    expect(other.order.pausedMs).toBe(MOVE_PAUSE_MS)
  })

  test('ends after 30 s whatever the old lane still has', async () => {
    main.load = { queued: 0, running: 1 }
    beginMove()
    now += MOVE_PAUSE_MS - 1
    await mover.carryOn()
    expect(tenants.record.moving).toBeDefined()
    expect(other.order.pausedMs).toBe(1)
    now += 1
    await mover.carryOn()
    expect(tenants.record.moving).toBeUndefined()
    expect(other.order).toMatchObject({ revision: 3, pausedMs: 0 })
  })

  test('out of a lane that is away does not take its silence for emptiness at once, but after 5 s', async () => {
    main.away = true
    beginMove()
    now += MOVE_FROM_SILENCE_MS - 1
    await mover.carryOn()
    expect(tenants.record.moving).toBeDefined()
    now += 1
    await mover.carryOn()
    expect(tenants.record.moving).toBeUndefined()
  })

  test('out of a lane that is no longer configured ends after 5 s too', async () => {
    tenants.record = changeTenant({ ...tenants.record, lane: 'gone' }, { lane: 'main' }, now)
    await mover.carryOn()
    expect(tenants.record.moving).toBeDefined()
    now += MOVE_FROM_SILENCE_MS
    await mover.carryOn()
    expect(tenants.record.moving).toBeUndefined()
  })

  test('carried on by two at once ends once', async () => {
    beginMove()
    await Promise.all([mover.carryOn(), mover.carryOn()])
    expect(tenants.record.revision).toBe(3)
    expect(other.order).toEqual({ revision: 3, weight: 1, pausedMs: 0 })
  })

  test('takes a weight with it that changed on the way', async () => {
    main.load = { queued: 0, running: 1 }
    beginMove()
    await mover.carryOn()
    tenants.record = changeTenant(tenants.record, { weight: 5 }, now)
    now += 10_000
    await mover.carryOn()
    expect(other.order).toEqual({ revision: 3, weight: 5, pausedMs: MOVE_PAUSE_MS - 10_000 })
    expect(main.order).toEqual({ revision: 3, weight: 5, movedTo: 'other' })
  })
})
