import { Hono } from 'hono'
import { jsonFault } from '../invocations/json-fault.ts'
import { Problem } from '../problem.ts'
import { reaches } from './authenticate.ts'
import { type GatewayEnv, hasScope, needScope } from './caller.ts'
import { depthOf } from './depth.ts'
import { readWholeBody } from './event-body.ts'
import { noSuchFunction } from './functions-here.ts'
import { sendAnswer } from './send-answer.ts'
import type { UrlDoorDeps } from './url-door.ts'

/** `POST /v1/functions/{name}/invocations`: JSON event in, JSON result out. */
export function rpcDoor({ functions, invoke, bodies }: Omit<UrlDoorDeps, 'keys'>): Hono<GatewayEnv> {
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
    const depth = depthOf(c.env.incoming)
    const body = await readWholeBody(c.env.incoming, bodies.holderFor(caller.tenant, c.env.outgoing))
    checkJson(body)
    const call = invoke(target, { trigger: 'rpc', event: { door: 'rpc', headers: [] }, body, depth })
    return await sendAnswer(c.env, call, { owner: hasScope(caller, 'read') })
  })
}

/** Parsed here only to say what is wrong with it before anything is accepted; the isolate parses it for itself. */
function checkJson(body: Buffer): void {
  const fault = jsonFault(body)
  if (fault !== undefined)
    throw new Problem({ status: 400, code: 'json_invalid', detail: `Cannot read the event: it is not one JSON value (${fault})` })
}
