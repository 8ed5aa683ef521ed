import type { MiddlewareHandler } from 'hono'
import { isName, NAME_RULE } from '../../runtime/contract/names.ts'
import { Problem } from '../problem.ts'
import type { Tenant } from '../registry/tenant.ts'
import { type GatewayEnv, hasScope } from './caller.ts'

/** Names the tenant an admin key acts for; without it, every key acts for its own. */
export const TENANT_HEADER = 'Isolane-Tenant'

/** From here on `caller.tenant` is whom the request is about. */
export function actFor(tenants: { read(name: string): Promise<Tenant | undefined> }): MiddlewareHandler<GatewayEnv> {
  return async function actFor(c, next) {
    const caller = c.get('caller')
    const named = c.req.header(TENANT_HEADER)
    if (named === undefined || named === caller.tenant) return await next()
    if (!hasScope(caller, 'admin')) {
      throw new Problem({
        status: 403,
        code: 'tenant_not_yours',
        detail: `Cannot act for tenant ${JSON.stringify(named)}: this key belongs to "${caller.tenant}"`,
      })
    }
    if (!isName(named)) {
      throw new Problem({
        status: 400,
        code: 'name_invalid',
        detail: `Cannot read ${TENANT_HEADER}: wanted ${NAME_RULE}, got ${JSON.stringify(named)}`,
      })
    }
    if (!(await tenants.read(named))) {
      throw new Problem({ status: 404, code: 'tenant_unknown', detail: `There is no tenant "${named}": POST /v1/tenants makes one` })
    }
    c.set('caller', { ...caller, tenant: named })
    return await next()
  }
}
