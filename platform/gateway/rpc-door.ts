import { Hono } from 'hono'
import { MAX_INLINE_BODY_BYTES } from '../../runtime/contract/limits.ts'
import { answer } from './answer.ts'
import { reaches } from './authenticate.ts'
import { type GatewayEnv, hasScope, needScope } from './caller.ts'
import { noSuchFunction } from './functions-here.ts'
import type { Invoke } from './invoke.ts'
import { Problem } from './problem.ts'
import { readBody } from './read-body.ts'
import type { Functions } from './url-door.ts'

/** `POST /v1/functions/{name}/invocations`: JSON event in, JSON result out. */
export function rpcDoor({ functions, invoke }: { functions: Functions; invoke: Invoke }): Hono<GatewayEnv> {
  return new Hono<GatewayEnv>().post('/functions/:name/invocations', async (c) => {
    const caller = needScope(c, 'invoke')
    const name = c.req.param('name')
    const qualifier = c.req.query('qualifier')
    const found = reaches(caller, caller.tenant, name) ? functions.resolve(caller.tenant, name, qualifier) : undefined
    const target = found instanceof Promise ? await found : found
    if (target === undefined) throw noSuchFunction(name, qualifier)
    if (c.req.header('prefer')?.includes('respond-async')) {
      throw new Problem({
        status: 501,
        code: 'async_not_supported',
        detail: 'Cannot run this asynchronously: "Prefer: respond-async" is not supported yet',
      })
    }
    const body = await readBody(c.env.incoming, MAX_INLINE_BODY_BYTES)
    checkJson(body)
    const answered = await invoke(target, 'rpc', { door: 'rpc', headers: [] }, body)
    return answer(answered, { owner: hasScope(caller, 'read') })
  })
}

/** Parsed here only to say what is wrong with it before anything is accepted; the isolate parses it for itself. */
function checkJson(body: Buffer): void {
  if (body.length === 0) return
  try {
    JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw new Problem({ status: 400, code: 'json_invalid', detail: `Cannot read the event: it is not one JSON value (${(error as Error).message})` })
  }
}
