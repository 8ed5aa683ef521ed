import type { IncomingMessage } from 'node:http'
import { Hono } from 'hono'
import { isName } from '../../runtime/contract/names.ts'
import type { Invoke } from '../invocations/invoke.ts'
import { isPassedOn } from '../invocations/pass-on.ts'
import { Problem } from '../problem.ts'
import type { Functions, Resolved } from '../registry/function-directory.ts'
import { type AcceptEvent, acceptAsync, wantsAsync } from './accept-async.ts'
import { bearerToken, isolaneKey, KEY_NEEDED, type Keys, reaches } from './authenticate.ts'
import { type Caller, type GatewayEnv, hasScope } from './caller.ts'
import { deadlineOf, leftUntil } from './deadline.ts'
import { depthOf } from './depth.ts'
import { readStreamableBody, readWholeBody } from './event-body.ts'
import { noSuchFunction } from './functions-here.ts'
import type { HeldBodies } from './held-bodies.ts'
import { idempotencyKeyOf, idempotencyOf } from './idempotency.ts'
import { sendAnswer } from './send-answer.ts'

export interface UrlDoorDeps {
  readonly functions: Functions
  readonly keys: Keys
  readonly invoke: Invoke
  readonly events: AcceptEvent
  readonly bodies: HeldBodies
}

const PATH = /^\/fn\/([^/?]+)\/([^/?]+)([^?]*)(\?.*)?$/
const WHOLE_WITH_KEY = 'With an Idempotency-Key a body is read whole before the function runs. Without one it is streamed, and may be larger'
const HOST = /^[A-Za-z0-9.\-_:[\]]{1,255}$/

/** `ANY /fn/{tenant}/{name}/{path…}`: the function's own URL. */
export function urlDoor({ functions, keys, invoke, events, bodies }: UrlDoorDeps): Hono<GatewayEnv> {
  return new Hono<GatewayEnv>().all('/fn/*', async (c) => {
    const startedAt = performance.now()
    const { incoming, outgoing } = c.env
    const [, tenant = '', name = '', path = '', query = ''] = PATH.exec(incoming.url ?? '') ?? []
    if (!isName(tenant) || !isName(name)) throw noSuchFunction(name)
    const found = functions.resolve(tenant, name)
    const target = found instanceof Promise ? await found : found

    const platformKey = isolaneKey(incoming) ?? bearerToken(incoming)
    const known = platformKey === undefined ? undefined : keys.find(platformKey)
    const caller = known instanceof Promise ? await known : known
    mayCall(target, tenant, name, caller, incoming)
    if (target === undefined) throw noSuchFunction(name)
    if (incoming.headers.upgrade !== undefined) {
      throw new Problem({
        status: 501,
        code: 'upgrade_not_supported',
        detail: `Cannot upgrade this connection to ${JSON.stringify(incoming.headers.upgrade)}: functions speak plain HTTP`,
      })
    }

    const depth = depthOf(incoming)
    const prefix = `/fn/${tenant}/${name}`
    const deadlineAt = deadlineOf(incoming, startedAt)
    const key = idempotencyKeyOf(incoming)
    const hold = bodies.holderFor(tenant, outgoing)
    // Strangers may not fill the queues, and could not come back for the result: a preference is no right.
    const isAsync = caller !== undefined && hasScope(caller, 'invoke') && reaches(caller, tenant, name) && wantsAsync(incoming)
    const couldStream = target.style === 'fetch' && !isAsync
    const body = await (couldStream && key === undefined
      ? readStreamableBody(incoming, hold)
      : readWholeBody(incoming, hold, couldStream ? WHOLE_WITH_KEY : undefined))
    const host = HOST.test(incoming.headers.host ?? '') ? (incoming.headers.host as string) : 'localhost'
    const proto = (incoming.socket as { encrypted?: boolean }).encrypted === true ? 'https' : 'http'
    const method = incoming.method ?? 'GET'
    const headers = passedOn(incoming, await bearsPlatformKey(incoming, keys))
    const asked = { tenant, name, door: 'url', method, path: path + query, headers } as const
    const idempotency = key !== undefined && Buffer.isBuffer(body) ? idempotencyOf(key, { ...asked, body }) : undefined
    headers.push(
      ['x-forwarded-prefix', prefix],
      ['x-forwarded-for', incoming.socket.remoteAddress ?? ''],
      ['x-forwarded-proto', proto],
      ['x-forwarded-host', host],
    )
    const written = `${proto}://${host}${path === '' ? '/' : path}${query}`
    // A Request's url is what the URL standard makes of it: `..` is resolved, a default port left out.
    const url = URL.parse(written)?.href ?? written
    if (isAsync && Buffer.isBuffer(body)) {
      const event = { tenant, name, event: { door: 'url', method, url, headers }, body, depth } as const
      return await acceptAsync({ events, incoming, event, idempotency })
    }
    const leftMs = leftUntil(deadlineAt, performance.now())
    const call = invoke(target, { trigger: 'http', event: { door: 'url', method, url, headers }, body, depth, leftMs, idempotency })
    if (idempotency !== undefined) bodies.keepFor(tenant, body.length ?? 0, outgoing, call)
    const owner = caller !== undefined && reaches(caller, tenant, name) && hasScope(caller, 'read')
    return await sendAnswer(c.env, call, { owner, outlivesCaller: idempotency !== undefined })
  })
}

/** Private is the default. A stranger learns nothing: not even whether the name exists. */
function mayCall(target: Resolved | undefined, tenant: string, name: string, caller: Caller | undefined, incoming: IncomingMessage): void {
  if (target?.access === 'public') return
  if (incoming.method === 'OPTIONS' && incoming.headers['access-control-request-method'] !== undefined && caller === undefined) {
    throw new Problem({ status: 403, code: 'cors_not_allowed', detail: 'Cannot answer this preflight: the function allows no other origins' })
  }
  if (caller === undefined) throw new Problem(KEY_NEEDED)
  if (!hasScope(caller, 'invoke') || !reaches(caller, tenant, name)) throw noSuchFunction(name)
}

/** A key we made, valid or not, or one that was set as ISOLANE_ADMIN_KEY and may look like anything. */
function bearsPlatformKey(incoming: IncomingMessage, keys: Keys): boolean | Promise<boolean> {
  const bearer = bearerToken(incoming)
  if (bearer === undefined) return false
  if (bearer.startsWith('isl_')) return true
  const known = keys.find(bearer)
  return known instanceof Promise ? known.then((caller) => caller !== undefined) : known !== undefined
}

/** Whatever carried a platform key stays here; any other Authorization is the function's business. */
function passedOn(incoming: IncomingMessage, dropAuthorization: boolean): [string, string][] {
  const raw = incoming.rawHeaders
  const headers: [string, string][] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    const value = raw[i + 1] as string
    if (isPassedOn(name, value) && !(dropAuthorization && name === 'authorization')) headers.push([name, value])
  }
  return headers
}
