import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Context } from 'hono'
import { Hono } from 'hono'
import { isName, NAME_RULE } from '../../runtime/contract/names.ts'
import { changeSchedule, MAX_SCHEDULES_PER_TENANT, parseSchedule, type Schedule, type ScheduleSettings, unknownField } from '../async/schedule.ts'
import { ScheduleError } from '../async/schedule-error.ts'
import { noRunsYet } from '../async/schedule-runs.ts'
import type { ScheduleAndRuns, Schedules } from '../async/schedules.ts'
import { Problem } from '../problem.ts'
import type { Functions } from '../registry/function-directory.ts'
import type { KeyScope } from '../registry/key-record.ts'
import { reaches } from './authenticate.ts'
import { type Caller, type GatewayEnv, needScope } from './caller.ts'
import { noSuchFunction } from './functions-here.ts'
import { readJsonObject } from './request-body.ts'
import { scheduleView } from './schedule-view.ts'

export interface SchedulesRoutesDeps {
  readonly schedules: Schedules
  readonly functions: Functions
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Everything under `/v1/schedules`; to be mounted at `/v1`. Expects the caller in the context. */
export function createSchedulesRoutes({ schedules, functions, now }: SchedulesRoutesDeps): Hono<GatewayEnv> {
  const routes = new Hono<GatewayEnv>()

  routes.post('/schedules', async (c) => {
    const caller = needScope(c, 'deploy')
    const { name, ...body } = await readJsonObject(c.req.raw)
    if (!isName(name)) throw invalid(new ScheduleError('name', NAME_RULE, name))
    const settings = parsed(body, parseSchedule, ['name'])
    await needFunction(caller, settings)
    const created = await schedules.create(caller.tenant, name, settings)
    if (created === 'exists')
      throw new Problem({
        status: 409,
        code: 'schedule_exists',
        detail: `Cannot make schedule "${name}": there is one of this name. PATCH /v1/schedules/${name} changes it`,
      })
    if (created === 'full') throw full(name)
    return c.json(scheduleView(created, noRunsYet(created.id), now()), 201)
  })

  routes.get('/schedules', async (c) => {
    const caller = needScope(c, 'read')
    const views: unknown[] = []
    for (const { schedule, runs } of await schedules.list(caller.tenant)) {
      if (!reaches(caller, caller.tenant, schedule.function)) continue
      views.push(scheduleView(schedule, runs, now()))
      // Looking for the next 29th of February takes milliseconds, and there may be many of them.
      await nextTurn()
    }
    return c.json({ schedules: views })
  })

  routes.get('/schedules/:name', async (c) => {
    const found = await target(c, 'read')
    return c.json(scheduleView(found.schedule, found.runs, now(), await schedules.lastStatus(found)))
  })

  routes.patch('/schedules/:name', async (c) => {
    const { schedule } = await target(c, 'deploy')
    const caller = c.get('caller')
    const body = await readJsonObject(c.req.raw)
    const wanted = parsed(body, (it) => changeSchedule(schedule, it))
    // One whose function has gone can still be disabled.
    if ('function' in body || 'qualifier' in body) await needFunction(caller, wanted)
    // Decided anew on what is there then: another change may have been faster.
    const changed = await schedules.change(caller.tenant, schedule.name, (current) => parsed(body, (it) => changeSchedule(current, it)))
    if (changed === undefined) throw noSuchSchedule(schedule.name)
    const found = await schedules.read(caller.tenant, schedule.name)
    return c.json(scheduleView(changed, found?.runs ?? noRunsYet(changed.id), now()))
  })

  routes.delete('/schedules/:name', async (c) => {
    const { schedule } = await target(c, 'deploy')
    if (!(await schedules.remove(schedule.tenant, schedule.name))) throw noSuchSchedule(schedule.name)
    return c.body(null, 204)
  })

  routes.post('/schedules/:name/run', async (c) => {
    const { schedule } = await target(c, 'invoke')
    const run = await schedules.run(schedule.tenant, schedule.name)
    if (run === undefined) throw noSuchSchedule(schedule.name)
    if (run.fired.kind === 'skipped') throw stillRunning(schedule, run.fired.running)
    if (run.fired.kind === 'full') throw noRoom(schedule, run.fired.retryAfterSeconds)
    return c.json({ id: run.id }, 202, { location: `/v1/invocations/${run.id}` })
  })

  /** The schedule of the path, if the key reaches its function. */
  async function target(c: Context<GatewayEnv>, scope: KeyScope): Promise<ScheduleAndRuns> {
    const caller = needScope(c, scope)
    const name = c.req.param('name') ?? ''
    const found = isName(name) ? await schedules.read(caller.tenant, name) : undefined
    if (found === undefined || !reaches(caller, caller.tenant, found.schedule.function)) throw noSuchSchedule(name)
    return found
  }

  async function needFunction(caller: Caller, { function: to, qualifier }: ScheduleSettings): Promise<void> {
    const there = reaches(caller, caller.tenant, to) ? await functions.resolve(caller.tenant, to, qualifier) : undefined
    if (there === undefined) throw noSuchFunction(to, qualifier)
  }

  return routes
}

/** `beside`: what else may be in the body that `body` is the rest of. */
function parsed(
  body: Record<string, unknown>,
  parse: (body: Record<string, unknown>) => ScheduleSettings,
  beside: readonly string[] = [],
): ScheduleSettings {
  const unknown = unknownField(body)
  if (unknown !== undefined) {
    const { field } = unknown
    const allowed = [...beside, ...unknown.allowed]
    const detail = `Cannot read the body: no such field ${JSON.stringify(field)}, allowed are ${allowed.join(', ')}`
    throw new Problem({ status: 400, code: 'field_unknown', detail, extra: { field, allowed } })
  }
  try {
    return parse(body)
  } catch (error) {
    throw error instanceof ScheduleError ? invalid(error) : error
  }
}

function invalid({ message, field, allowed }: ScheduleError): Problem {
  return new Problem({ status: 400, code: 'field_invalid', detail: message, extra: { field, allowed } })
}

function noSuchSchedule(name: string): Problem {
  return new Problem({
    status: 404,
    code: 'schedule_not_found',
    detail: `Cannot find a schedule ${JSON.stringify(name.slice(0, 100))} here. GET /v1/schedules lists those there are`,
  })
}

function full(name: string): Problem {
  return new Problem({
    status: 409,
    code: 'schedules_full',
    detail: `Cannot make schedule "${name}": the tenant has ${MAX_SCHEDULES_PER_TENANT}, the most it may have. DELETE /v1/schedules/{name} makes room`,
  })
}

function stillRunning({ name }: Schedule, running: string): Problem {
  return new Problem({
    status: 409,
    code: 'schedule_running',
    detail: `Cannot run schedule "${name}" now: its last run is not over. GET /v1/invocations/${running} tells how far it is, DELETE ends it`,
    extra: { invocation: running },
  })
}

function noRoom({ name }: Schedule, retryAfterSeconds: number): Problem {
  return new Problem({
    status: 503,
    code: 'events_full',
    detail: `Cannot run schedule "${name}" now: too many bytes of this tenant's events wait, run or lie in the dead-letter list. Nothing was accepted. Try again after the time in Retry-After`,
    retryAfterSeconds,
  })
}
