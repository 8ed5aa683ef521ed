import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { Problem } from '../problem.ts'
import type { KeyScope } from '../registry/key-record.ts'

/** Who a request comes from, once its key has been checked. */
export interface Caller {
  readonly keyId: string
  readonly tenant: string
  readonly scopes: readonly KeyScope[]
  /** Names the key is confined to; absent: all of the tenant's. */
  readonly functions?: readonly string[]
}

/** What Hono gives every `/v1` route: the Node request, and who asks. */
export interface GatewayEnv {
  Bindings: HttpBindings
  Variables: { caller: Caller }
}

export function hasScope(caller: Caller, scope: KeyScope): boolean {
  return caller.scopes.includes(scope) || caller.scopes.includes('admin')
}

/** The caller, if their key may do this. */
export function needScope(c: Context<GatewayEnv>, scope: KeyScope): Caller {
  const caller = c.get('caller')
  if (hasScope(caller, scope)) return caller
  throw new Problem({
    status: 403,
    code: 'scope_missing',
    detail: `Cannot ${c.req.method} ${c.req.path}: it needs a key with the scope "${scope}", this one has ${caller.scopes.join(', ') || 'none'}`,
  })
}
