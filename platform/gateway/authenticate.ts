import type { IncomingMessage } from 'node:http'
import type { MiddlewareHandler } from 'hono'
import { Problem } from '../problem.ts'
import type { Caller, GatewayEnv } from './caller.ts'

/** Who a key belongs to: at once from memory, a promise when it must be read. */
export interface Keys {
  find(presentedKey: string): Caller | undefined | Promise<Caller | undefined>
}

const BEARER = /^Bearer +(\S+)$/i

export function bearerToken(incoming: IncomingMessage): string | undefined {
  const header = incoming.headers.authorization
  return header === undefined ? undefined : BEARER.exec(header)?.[1]
}

export function isolaneKey(incoming: IncomingMessage): string | undefined {
  const header = incoming.headers['isolane-key']
  return typeof header === 'string' && header !== '' ? header : undefined
}

export const KEY_NEEDED = Object.freeze({
  status: 401,
  code: 'key_needed',
  detail: 'Cannot let this through: send a valid key as "Authorization: Bearer isl_…" or "Isolane-Key: isl_…"',
})

/** Every `/v1` request has a key. */
export function authenticate(keys: Keys): MiddlewareHandler<GatewayEnv> {
  return async function authenticate(c, next) {
    const presented = isolaneKey(c.env.incoming) ?? bearerToken(c.env.incoming)
    const caller = presented === undefined ? undefined : await keys.find(presented)
    if (caller === undefined) throw new Problem(KEY_NEEDED)
    c.set('caller', caller)
    await next()
  }
}

/** Whether the key reaches this function. Who it does not reach must not learn that the function exists. */
export function reaches(caller: Caller, tenant: string, name: string): boolean {
  if (caller.tenant !== tenant && !caller.scopes.includes('admin')) return false
  return caller.functions === undefined || caller.functions.includes(name)
}
