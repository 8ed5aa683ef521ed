import type { Context } from 'hono'
import { Hono } from 'hono'
import { isName, NAME_RULE } from '../../runtime/contract/names.ts'
import { Problem } from '../problem.ts'
import { parseAliasTargets } from '../registry/alias-targets.ts'
import type { Decision } from '../registry/function-decisions.ts'
import type { FunctionRegistry } from '../registry/function-registry.ts'
import type { FunctionState } from '../registry/function-state.ts'
import { liveVersion } from '../registry/function-state.ts'
import type { SettingField } from '../registry/parse-settings.ts'
import { parseSettings, SettingError } from '../registry/parse-settings.ts'
import type { SettingsChange } from '../registry/settings.ts'
import { type GatewayEnv, needScope } from './caller.ts'
import type { DeployDeps } from './deploy-function.ts'
import { createDeploy } from './deploy-function.ts'
import { functionTarget } from './function-target.ts'
import { deployedView, functionView, versionsView } from './function-view.ts'
import { noSuchFunction } from './functions-here.ts'
import type { HeldBodies } from './held-bodies.ts'
import { readUpload } from './read-upload.ts'
import { readJsonObject } from './request-body.ts'

export interface FunctionsRoutesDeps extends DeployDeps {
  readonly registry: FunctionRegistry
  readonly logs: { remove(tenant: string, name: string): Promise<void> }
  readonly schedules: { namesFor(tenant: string, functionName: string): Promise<string[]> }
  readonly bodies: Pick<HeldBodies, 'holding'>
}

const MAX_SCHEDULES_NAMED = 20

/** `POST …/invocations` of a function and calls to a function of this name could not be told apart in `env`. */
const RESERVED_FUNCTION_NAME = 'invoke'

/** Everything under `/v1/functions` but calling them and their secrets; to be mounted at `/v1`. Expects the caller in the context. */
export function createFunctionsRoutes(deps: FunctionsRoutesDeps): Hono<GatewayEnv> {
  const { registry, logs, schedules, bodies } = deps
  const deploy = createDeploy(deps)
  const routes = new Hono<GatewayEnv>()

  routes.put('/functions/:name', async (c) => {
    const { tenant, name } = functionTarget(c, 'deploy')
    if (name === RESERVED_FUNCTION_NAME)
      throw new Problem({ status: 400, code: 'name_invalid', detail: `Cannot use the function name "${name}": it is reserved` })
    const query = queryFields(c)
    // Before the body: a wrong setting in the address need not wait for megabytes.
    parseDeploySettings(query)
    using held = bodies.holding(tenant)
    const { upload, metadata } = await readUpload(c.req.raw, held.hold)
    const { change, moveLive } = parseDeploySettings([...query, ...jsonFields(metadata)])
    const deployed = await deploy({ tenant, name, code: upload, change, moveLive })
    return c.json(deployedView(deployed), 201)
  })

  routes.get('/functions', async (c) => {
    const { tenant, functions } = needScope(c, 'read')
    const states = await registry.list(tenant)
    return c.json({ functions: states.filter(({ name }) => !functions || functions.includes(name)).map(functionView) })
  })

  routes.get('/functions/:name', async (c) => {
    const { tenant, name } = functionTarget(c, 'read')
    const state = known(name, await registry.read(tenant, name))
    const live = liveVersion(state)
    const env = live && (await registry.readVersion(live.versionId))?.env
    return c.json({ ...functionView(state), ...(env && { env }) })
  })

  routes.get('/functions/:name/versions', async (c) => {
    const { tenant, name } = functionTarget(c, 'read')
    return c.json(versionsView(known(name, await registry.read(tenant, name))))
  })

  routes.patch('/functions/:name', async (c) => {
    const { tenant, name } = functionTarget(c, 'deploy')
    const change = settings(jsonFields(await readJsonObject(c.req.raw)))
    if (Object.keys(change.version).length === 0) {
      const { state } = changed(name, await registry.changeSettings(tenant, name, change.function))
      return c.json(functionView(state))
    }
    const code = onlyLiveVersion(name, known(name, await registry.read(tenant, name)))
    const deployed = await deploy({ tenant, name, code, change, moveLive: true })
    return c.json({ ...functionView(deployed.state), env: deployed.env, deployed: deployedView(deployed) })
  })

  routes.put('/functions/:name/aliases/:alias', async (c) => {
    const { tenant, name } = functionTarget(c, 'deploy')
    const alias = c.req.param('alias')
    if (!isName(alias))
      throw new Problem({ status: 400, code: 'name_invalid', detail: `Cannot use this alias: wanted ${NAME_RULE}, got ${JSON.stringify(alias)}` })
    const body = await readJsonObject(c.req.raw)
    const { state } = changed(
      name,
      await settled(() => registry.pointAlias(tenant, name, alias, (current) => parseAliasTargets(alias, body, current))),
    )
    return c.json({ alias, targets: state.aliases[alias] })
  })

  routes.delete('/functions/:name', async (c) => {
    const { tenant, name } = functionTarget(c, 'deploy')
    const scheduled = await schedules.namesFor(tenant, name)
    if (scheduled.length > 0) throw hasSchedules(name, scheduled)
    changed(name, await registry.remove(tenant, name))
    await logs.remove(tenant, name)
    return c.body(null, 204)
  })

  return routes
}

function queryFields(c: Context): SettingField[] {
  return Object.entries(c.req.queries()).flatMap(([name, values]) => values.map((value) => ({ name, value, from: 'query' as const })))
}

function jsonFields(object: Readonly<Record<string, unknown>>): SettingField[] {
  return Object.entries(object).map(([name, value]) => ({ name, value, from: 'json' }))
}

function parseDeploySettings(fields: readonly SettingField[]): { change: SettingsChange; moveLive: boolean } {
  const live = fields.filter(({ name }) => name === 'live').map(({ value }) => String(value))
  const wrong = live.find((value) => value !== 'true' && value !== 'false')
  if (wrong !== undefined) throw settingProblem(new SettingError('live', `wanted true or false, got ${JSON.stringify(wrong)}`, [true, false]))
  const change = settings(
    fields.filter(({ name }) => name !== 'live'),
    ['live'],
  )
  return { change, moveLive: !live.includes('false') }
}

function settings(fields: readonly SettingField[], alsoAllowed: readonly string[] = []): SettingsChange {
  try {
    return parseSettings(fields, alsoAllowed)
  } catch (error) {
    throw error instanceof SettingError ? settingProblem(error) : error
  }
}

async function settled<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    throw error instanceof SettingError ? settingProblem(error) : error
  }
}

function settingProblem(error: SettingError): Problem {
  return new Problem({
    status: 400,
    code: 'setting_invalid',
    detail: error.message,
    extra: { field: error.field, allowed: error.allowed },
  })
}

function onlyLiveVersion(name: string, state: FunctionState) {
  const live = liveVersion(state)
  if (live) return live
  throw new Problem({
    status: 409,
    code: 'live_not_single',
    detail: `Cannot change settings of ${name} that belong to a version: live does not point to just one. Upload the code again, or point live at one version first`,
  })
}

function hasSchedules(name: string, schedules: readonly string[]): Problem {
  const [first] = schedules
  const others = schedules.length === 1 ? '' : ` and ${schedules.length - 1} more`
  return new Problem({
    status: 409,
    code: 'function_has_schedules',
    detail: `Cannot remove ${name}: schedule "${first}"${others} would run it. DELETE /v1/schedules/${first} removes a schedule`,
    extra: { schedules: schedules.slice(0, MAX_SCHEDULES_NAMED) },
  })
}

function known(name: string, state: FunctionState | undefined): FunctionState {
  if (state) return state
  throw noSuchFunction(name)
}

function changed(name: string, decision: Decision | undefined): Decision {
  known(name, decision?.state)
  return decision as Decision
}
