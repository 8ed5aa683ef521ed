import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createApp } from '../../../platform/gateway/app.ts'
import { asyncRoutes } from '../../../platform/gateway/async-routes.ts'
import { docsRoutes } from '../../../platform/gateway/docs-routes.ts'
import { fleetRoutes } from '../../../platform/gateway/fleet-routes.ts'
import { createFunctionsRoutes } from '../../../platform/gateway/functions-routes.ts'
import { logsRoutes } from '../../../platform/gateway/logs-routes.ts'
import { rpcDoor } from '../../../platform/gateway/rpc-door.ts'
import { createSchedulesRoutes } from '../../../platform/gateway/schedules-routes.ts'
import { createSecretsRoutes } from '../../../platform/gateway/secrets-routes.ts'
import { createTenantsRoutes } from '../../../platform/gateway/tenants-routes.ts'
import { urlDoor } from '../../../platform/gateway/url-door.ts'
import { usageRoutes } from '../../../platform/gateway/usage-routes.ts'
import { METHODS, operationsOf } from '../../../platform/openapi/document.ts'
import { OPENAPI } from '../../../platform/openapi/openapi.ts'
import { sourceFiles } from '../../source-tree.ts'

/** Routes are only listed here, none is called: nothing behind them is needed. */
const NOTHING = {} as never
const MADE_BY = {
  asyncRoutes,
  rpcDoor,
  createFunctionsRoutes,
  createSecretsRoutes,
  createSchedulesRoutes,
  logsRoutes,
  createTenantsRoutes,
  usageRoutes,
  fleetRoutes,
}

const app = createApp({
  log: NOTHING,
  keys: NOTHING,
  tenants: NOTHING,
  notReady: NOTHING,
  urlDoor: urlDoor(NOTHING),
  routes: Object.values(MADE_BY).map((make) => make({} as never)),
})

/** What is asked before a route, for every route below. */
const MIDDLEWARE = 'ALL /v1/*'

/** As the description writes them: `/fn/*` is the URL of a function, whatever the method. */
function described(method: string, path: string): string[] {
  if (`${method} ${path}` === 'ALL /fn/*') return METHODS.map((each) => `${each.toUpperCase()} /fn/{tenant}/{name}/{path}`)
  return [`${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`]
}

test('every route of the gateway is described, and nothing more', () => {
  const routes = app.routes.filter(({ method, path }) => `${method} ${path}` !== MIDDLEWARE).flatMap(({ method, path }) => described(method, path))
  const calls = Object.entries(OPENAPI.paths).flatMap(([path, item]) => operationsOf(item).map(([method]) => `${method.toUpperCase()} ${path}`))
  expect([...new Set(routes)].sort()).toEqual(calls.sort())
})

test('the routes looked at here are all the gateway has', () => {
  const made = sourceFiles('platform/gateway').flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^export function (\w+)\((?:[^{};]|\{[^}]*\})*?\): Hono<GatewayEnv>/gm)].map(([, name]) => name),
  )
  expect(made.sort()).toEqual([createApp.name, docsRoutes.name, urlDoor.name, ...Object.keys(MADE_BY)].sort())
})
