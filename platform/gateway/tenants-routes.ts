import { Hono } from 'hono'
import { isName, NAME_RULE } from '../../runtime/contract/names.ts'
import { Problem } from '../problem.ts'
import { KEY_SCOPES, type KeyRecord, type KeyScope } from '../registry/key-record.ts'
import type { KeyRegistry } from '../registry/key-registry.ts'
import { changeTenant, MAX_WEIGHT, MIN_WEIGHT, type Tenant } from '../registry/tenant.ts'
import type { TenantRegistry } from '../registry/tenant-registry.ts'
import { type GatewayEnv, needScope } from './caller.ts'
import { readJsonObject } from './request-body.ts'

export interface TenantsRoutesDeps {
  readonly tenants: TenantRegistry
  readonly keys: KeyRegistry
  /** Names of the lanes there are. */
  readonly lanes: readonly string[]
  /** Tells the lanes what has changed; see lanes/tenant-mover.ts. */
  readonly mover: { tell(tenant: Tenant): Promise<void> }
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

const MAX_KEY_FUNCTIONS = 100

/** Tenants and keys, for admin keys only; to be mounted at `/v1`. Expects the caller in the context. */
export function createTenantsRoutes({ tenants, keys, lanes, mover, now = Date.now }: TenantsRoutesDeps): Hono<GatewayEnv> {
  const routes = new Hono<GatewayEnv>()

  routes.post('/tenants', async (c) => {
    needScope(c, 'admin')
    const { name, weight, lane, ...others } = await readJsonObject(c.req.raw)
    refuseOthers(others, ['name', 'weight', 'lane'])
    const tenant = await tenants.create({
      name: asName(name, 'name'),
      ...(weight !== undefined && { weight: asWeight(weight) }),
      ...(lane !== undefined && { lane: asLane(lane, lanes) }),
    })
    if (!tenant)
      throw new Problem({
        status: 409,
        code: 'tenant_exists',
        detail: `Cannot make tenant "${name}": there is one of this name. PATCH /v1/tenants/${name} changes it`,
      })
    return c.json(tenantView(tenant), 201)
  })

  routes.get('/tenants', async (c) => {
    needScope(c, 'admin')
    const list = await tenants.list()
    return c.json({ tenants: list.map(tenantView) })
  })

  routes.get('/tenants/:name', async (c) => {
    needScope(c, 'admin')
    const name = c.req.param('name')
    return c.json(tenantView((await tenants.read(name)) ?? noSuchTenant(name)))
  })

  routes.patch('/tenants/:name', async (c) => {
    needScope(c, 'admin')
    const { weight, lane, ...others } = await readJsonObject(c.req.raw)
    refuseOthers(others, ['weight', 'lane'])
    const wanted = {
      ...(weight !== undefined && { weight: asWeight(weight) }),
      ...(lane !== undefined && { lane: asLane(lane, lanes) }),
    }
    const name = c.req.param('name')
    const changed = await tenants.change(name, (tenant) => {
      const { weight: newWeight = tenant.weight, lane: newLane = tenant.lane } = wanted
      if (newWeight === tenant.weight && newLane === tenant.lane) return tenant
      if (newLane !== tenant.lane && tenant.moving !== undefined) throw stillMoving(tenant)
      return changeTenant(tenant, wanted, now())
    })
    if (changed === undefined) return noSuchTenant(name)
    await mover.tell(changed)
    return c.json(tenantView(changed))
  })

  routes.post('/keys', async (c) => {
    const { tenant: acting } = needScope(c, 'admin')
    const { tenant = acting, scopes, functions, expiresAt, ...others } = await readJsonObject(c.req.raw)
    refuseOthers(others, ['tenant', 'scopes', 'functions', 'expiresAt'])
    const owner = asName(tenant, 'tenant')
    const wanted = {
      tenant: owner,
      scopes: asScopes(scopes),
      ...(functions !== undefined && { functions: asFunctions(functions) }),
      ...(expiresAt !== undefined && { expiresAt: asFuture(expiresAt, now()) }),
    }
    if (!(await tenants.read(owner))) throw invalid('tenant', 'the name of an existing tenant', tenant)
    const { key, record } = await keys.create(wanted)
    return c.json({ ...keyView(record), key }, 201)
  })

  routes.get('/keys', async (c) => {
    needScope(c, 'admin')
    const wanted = c.req.query('tenant')
    const list = await keys.list()
    return c.json({ keys: list.filter(({ tenant }) => wanted === undefined || tenant === wanted).map(keyView) })
  })

  routes.delete('/keys/:id', async (c) => {
    const caller = needScope(c, 'admin')
    const id = c.req.param('id')
    if (id === caller.keyId)
      throw new Problem({ status: 409, code: 'key_in_use', detail: 'Cannot remove the key this request was made with: use another admin key' })
    if (!(await keys.remove(id)))
      throw new Problem({ status: 404, code: 'key_unknown', detail: `There is no key ${JSON.stringify(id)}: GET /v1/keys lists them` })
    return c.body(null, 204)
  })

  return routes
}

function tenantView({ name, weight, lane, moving, createdAt }: Tenant): Record<string, unknown> {
  const move = moving && { moving: { from: moving.from, since: new Date(moving.since).toISOString() } }
  return { name, weight, lane, ...move, createdAt: new Date(createdAt).toISOString() }
}

function noSuchTenant(name: string): never {
  throw new Problem({
    status: 404,
    code: 'tenant_unknown',
    detail: `There is no tenant ${JSON.stringify(name.slice(0, 80))}: POST /v1/tenants makes one`,
  })
}

function stillMoving({ name, lane, moving }: Tenant): Problem {
  return new Problem({
    status: 409,
    code: 'tenant_moving',
    detail: `Cannot move tenant "${name}" now: it is still on its way from lane "${moving?.from}" to "${lane}". That takes 30 s at most`,
    retryAfterSeconds: 5,
  })
}

function keyView({ createdAt, expiresAt, ...record }: KeyRecord): Record<string, unknown> {
  return { ...record, createdAt: new Date(createdAt).toISOString(), expiresAt: expiresAt === undefined ? null : new Date(expiresAt).toISOString() }
}

function asName(value: unknown, field: string): string {
  if (!isName(value)) throw invalid(field, NAME_RULE, value)
  return value
}

function asWeight(value: unknown): number {
  if (typeof value !== 'number' || !(value >= MIN_WEIGHT && value <= MAX_WEIGHT))
    throw invalid('weight', `a number from ${MIN_WEIGHT} to ${MAX_WEIGHT}`, value)
  return value
}

function asLane(value: unknown, lanes: readonly string[]): string {
  if (!lanes.includes(value as string)) throw invalid('lane', `one of the lanes there are (${lanes.join(', ')})`, value)
  return value as string
}

function asScopes(value: unknown): KeyScope[] {
  const isList = Array.isArray(value) && value.length > 0 && value.every((scope) => KEY_SCOPES.includes(scope))
  if (!isList) throw invalid('scopes', `a list of ${KEY_SCOPES.join(', ')}`, value)
  return [...new Set(value as KeyScope[])]
}

function asFunctions(value: unknown): string[] {
  const isList = Array.isArray(value) && value.length > 0 && value.length <= MAX_KEY_FUNCTIONS && value.every(isName)
  if (!isList) throw invalid('functions', `a list of 1 to ${MAX_KEY_FUNCTIONS} function names`, value)
  return value as string[]
}

function asFuture(value: unknown, now: number): number {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN
  if (!(time > now)) throw invalid('expiresAt', 'a time to come, such as 2030-01-31T12:00:00Z', value)
  return time
}

function refuseOthers(others: Record<string, unknown>, allowed: readonly string[]): void {
  const [field] = Object.keys(others)
  if (field !== undefined) {
    throw new Problem({
      status: 400,
      code: 'field_unknown',
      detail: `Cannot read the body: no such field ${JSON.stringify(field)}, allowed are ${allowed.join(', ')}`,
      extra: { field, allowed },
    })
  }
}

function invalid(field: string, wanted: string, value: unknown): Problem {
  const text = JSON.stringify(value) ?? 'nothing'
  const got = text.length > 80 ? `${text.slice(0, 80)}…` : text
  return new Problem({
    status: 400,
    code: 'field_invalid',
    detail: `Cannot read ${field}: wanted ${wanted}, got ${got}`,
    extra: { field, allowed: wanted },
  })
}
