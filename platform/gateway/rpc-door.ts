import { Hono } from 'hono'
import { jsonFault } from '../invocations/json-fault.ts'
import { Problem } from '../problem.ts'
import { acceptAsync, wantsAsync } from './accept-async.ts'
import { reaches } from './authenticate.ts'
import { type GatewayEnv, hasScope, needScope } from './caller.ts'
import { deadlineOf, leftUntil } from './deadline.ts'
import { depthOf } from './depth.ts'
import { readWholeBody } from './event-body.ts'
import { noSuchFunction } from './functions-here.ts'
import { idempotencyKeyOf, idempotencyOf } from './idempotency.ts'
import { sendAnswer } from './send-answer.ts'
import type { UrlDoorDeps } from './url-door.ts'

/** `POST /v1/functions/{name}/invocations`: JSON event in, JSON result out. */
export function rpcDoor({ functions, invoke, events, bodies }: Omit<UrlDoorDeps, 'keys'>): Hono<GatewayEnv> {
  return new Hono<GatewayEnv>().post('/functions/:name/invocations', async (c) => {
    const startedAt = performance.now()
    const { incoming, outgoing } = c.env
    const caller = needScope(c, 'invoke')
    const name = c.req.param('name')
    const qualifier = c.req.query('qualifier')
    const found = reaches(caller, caller.tenant, name) ? functions.resolve(caller.tenant, name, qualifier) : undefined
    const target = found instanceof Promise ? await found : found
    if (target === undefined) throw noSuchFunction(name, qualifier)
    const isAsync = wantsAsync(incoming)
    const depth = depthOf(incoming)
    const deadlineAt = deadlineOf(incoming, startedAt)
    const key = idempotencyKeyOf(incoming)
    const body = await readWholeBody(incoming, bodies.holderFor(caller.tenant, outgoing))
    checkJson(body)
    const asked = { tenant: caller.tenant, name, door: 'rpc', method: 'POST', path: '', qualifier, headers: [], body } as const
    const idempotency = key === undefined ? undefined : idempotencyOf(key, asked)
    if (isAsync) {
      const event = {
        tenant: caller.tenant,
        name,
        ...(qualifier !== undefined && { qualifier }),
        event: { door: 'rpc', headers: [] },
        body,
        depth,
      } as const
      return await acceptAsync({ events, incoming, event, idempotency })
    }
    const leftMs = leftUntil(deadlineAt, performance.now())
    const call = invoke(target, { trigger: 'rpc', event: { door: 'rpc', headers: [] }, body, depth, leftMs, idempotency })
    if (idempotency !== undefined) bodies.keepFor(caller.tenant, body.length, outgoing, call)
    return await sendAnswer(c.env, call, { owner: hasScope(caller, 'read'), outlivesCaller: idempotency !== undefined })
  })
}

/** Parsed here only to say what is wrong with it before anything is accepted; the isolate parses it for itself. */
function checkJson(body: Buffer): void {
  const fault = jsonFault(body)
  if (fault !== undefined)
    throw new Problem({ status: 400, code: 'json_invalid', detail: `Cannot read the event: it is not one JSON value (${fault})` })
}
