import type { Context } from 'hono'
import { Hono } from 'hono'
import { sealSecret } from '../../runtime/contract/sealed-secret.ts'
import { MAX_SECRET_BYTES, MAX_SECRETS } from '../../runtime/contract/secrets.ts'
import type { SecretsKey } from '../../runtime/contract/secrets-key.ts'
import { Problem } from '../problem.ts'
import type { FunctionRegistry } from '../registry/function-registry.ts'
import { liveVersion } from '../registry/function-state.ts'
import { parseSecretName, parseSecretText, SecretError } from '../registry/parse-secret.ts'
import { hiddenSettings } from '../registry/secret-decisions.ts'
import type { GatewayEnv } from './caller.ts'
import { functionTarget } from './function-target.ts'
import { noSuchFunction } from './functions-here.ts'
import { readBody } from './request-body.ts'

export interface SecretsRoutesDeps {
  readonly registry: Pick<FunctionRegistry, 'read' | 'readVersion' | 'setSecret' | 'removeSecret'>
  readonly secretsKey: SecretsKey
}

/** A function's secrets: they come in here, and no route lets them out. To be mounted at `/v1`; expects the caller in the context. */
export function createSecretsRoutes({ registry, secretsKey }: SecretsRoutesDeps): Hono<GatewayEnv> {
  const routes = new Hono<GatewayEnv>()

  routes.put('/functions/:name/secrets/:secret', async (c) => {
    const { tenant, name } = functionTarget(c, 'deploy')
    const secret = secretName(c)
    const text = checked(parseSecretText, await readBody(c.req.raw, MAX_SECRET_BYTES))
    const sealed = sealSecret(secretsKey, { tenant, functionName: name, name: secret }, text)
    const decision = await registry.setSecret(tenant, name, secret, sealed)
    if (decision === undefined) throw noSuchFunction(name)
    if (decision === 'full') {
      throw new Problem({
        status: 409,
        code: 'secrets_full',
        detail: `Cannot set one more secret of ${name}: it has ${MAX_SECRETS}, the most a function may have. DELETE …/secrets/{NAME} makes room`,
      })
    }
    return c.body(null, 204)
  })

  routes.get('/functions/:name/secrets', async (c) => {
    const { tenant, name } = functionTarget(c, 'deploy')
    const state = await registry.read(tenant, name)
    if (state === undefined) throw noSuchFunction(name)
    const live = liveVersion(state)
    const env = live && (await registry.readVersion(live.versionId))?.env
    const hidden = new Set(hiddenSettings(env ?? {}, state))
    const secrets = Object.entries(state.secrets?.setAt ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([secret, setAt]) => ({ name: secret, setAt: new Date(setAt).toISOString(), hidesSetting: hidden.has(secret) }))
    return c.json({ name, secrets })
  })

  routes.delete('/functions/:name/secrets/:secret', async (c) => {
    const { tenant, name } = functionTarget(c, 'deploy')
    const secret = secretName(c)
    const decision = await registry.removeSecret(tenant, name, secret)
    if (decision === undefined) throw noSuchFunction(name)
    if (decision === 'missing') {
      throw new Problem({
        status: 404,
        code: 'secret_not_found',
        detail: `Cannot find a secret ${secret} of ${name}. GET /v1/functions/${name}/secrets lists those there are`,
      })
    }
    return c.body(null, 204)
  })

  return routes
}

function secretName(c: Context<GatewayEnv>): string {
  return checked(parseSecretName, c.req.param('secret') ?? '')
}

function checked<I, O>(parse: (input: I) => O, input: I): O {
  try {
    return parse(input)
  } catch (error) {
    if (!(error instanceof SecretError)) throw error
    throw new Problem({ status: 400, code: 'secret_invalid', detail: error.message, extra: { field: error.field } })
  }
}
