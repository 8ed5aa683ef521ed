import type { Context } from 'hono'
import { isName, NAME_RULE } from '../../runtime/contract/names.ts'
import { Problem } from '../problem.ts'
import type { KeyScope } from '../registry/key-record.ts'
import { reaches } from './authenticate.ts'
import { type GatewayEnv, needScope } from './caller.ts'
import { noSuchFunction } from './functions-here.ts'

/** Whose function the path's `:name` is, and which: checked against the key before anything is looked up. */
export function functionTarget(c: Context<GatewayEnv>, scope: KeyScope): { tenant: string; name: string } {
  const caller = needScope(c, scope)
  const name = c.req.param('name')
  if (!isName(name))
    throw new Problem({
      status: 400,
      code: 'name_invalid',
      detail: `Cannot use this function name: wanted ${NAME_RULE}, got ${JSON.stringify(name)}`,
    })
  if (!reaches(caller, caller.tenant, name)) throw noSuchFunction(name)
  return { tenant: caller.tenant, name }
}
