import { Hono } from 'hono'
import type { Logger } from 'pino'
import { Problem, problemResponse } from '../problem.ts'
import type { Tenant } from '../registry/tenant.ts'
import { actFor } from './acting-tenant.ts'
import { authenticate, type Keys } from './authenticate.ts'
import type { GatewayEnv } from './caller.ts'
import { docsRoutes } from './docs-routes.ts'

export interface AppDeps {
  readonly log: Pick<Logger, 'error'>
  readonly keys: Keys
  readonly tenants: { read(name: string): Promise<Tenant | undefined> }
  /** Everything under `/v1`, in the order they are tried. */
  readonly routes: readonly Hono<GatewayEnv>[]
  readonly urlDoor: Hono<GatewayEnv>
  /** Why this gateway should get no traffic now; empty when it should. */
  readonly notReady: () => Promise<string[]>
}

/** The gateway's routes. */
export function createApp({ log, keys, tenants, routes, urlDoor, notReady }: AppDeps): Hono<GatewayEnv> {
  const app = new Hono<GatewayEnv>()
  app.route('/', urlDoor)
  app.get('/healthz', (c) => c.json({ status: 'alive' }))
  app.get('/readyz', async (c) => {
    const reasons = await notReady()
    return c.json(reasons.length === 0 ? { status: 'ready' } : { status: 'not ready', reasons }, reasons.length === 0 ? 200 : 503)
  })
  app.route('/', docsRoutes())
  app.use('/v1/*', authenticate(keys), actFor(tenants))
  for (const route of routes) app.route('/v1', route)
  app.notFound((c) =>
    problemResponse({
      status: 404,
      code: 'not_found',
      detail: `Cannot find ${c.req.method} ${c.req.path} here. GET /docs lists the calls there are`,
    }),
  )
  app.onError((error, c) => {
    if (error instanceof Problem) return problemResponse(error.init)
    log.error({ err: error, path: c.req.path }, 'a request failed by a fault of the platform')
    return problemResponse({ status: 500, code: 'platform_error', detail: 'Cannot answer: the platform failed. Its log says more' })
  })
  return app
}
