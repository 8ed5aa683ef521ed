import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import type { ControllerReport, DecisionSource } from '../../../platform/autoscaler/decision-log.ts'
import { DEFAULT_LAW } from '../../../platform/autoscaler/law-config.ts'
import type { GatewayEnv } from '../../../platform/gateway/caller.ts'
import { fleetRoutes, type ShownLane } from '../../../platform/gateway/fleet-routes.ts'
import { Problem, problemResponse } from '../../../platform/problem.ts'
import type { KeyScope } from '../../../platform/registry/key-record.ts'
import type { LaneSignals, WorkerState } from '../../../runtime/lane/lane-view.ts'

const WORKER: WorkerState = {
  id: 'w1',
  state: 'ready',
  pid: 42,
  capacityMb: 2_048,
  freeMb: 1_920,
  freeCpuMilli: 750,
  running: 1,
  cells: 2,
  sandboxes: 3,
  rssMb: 90,
  walls: ['uid', 'netns'],
  beatAgeMs: 12,
}
const SIGNALS = { now: 5, queued: 0 } as LaneSignals
const REPORT = {
  controller: 'c1',
  at: 5,
  cause: 'tick',
  config: { ...DEFAULT_LAW, minWorkers: 1, maxWorkers: 2, workerMb: 2_048 },
  workers: { ready: 1, starting: 0, draining: 0, ending: 0 },
  decision: { target: 1, reason: 'Keep 1: the minimum.' },
} as unknown as ControllerReport

function lane(decisions: DecisionSource, workers: () => Promise<WorkerState[]> = async () => [WORKER]): ShownLane {
  return { view: { workers, signals: async () => SIGNALS }, decisions }
}

/** As it is kept: `at` is on its lane's clock. */
function entry(at: number): string {
  return JSON.stringify({ cause: 'tick', decision: { at } })
}

const SPOKEN: DecisionSource = { last: async () => REPORT, recent: async () => [entry(2), entry(1)] }
const AWAY: DecisionSource = { last: () => Promise.reject(new Error('away')), recent: () => Promise.reject(new Error('away')) }

function setUp(scopes: KeyScope[], lanes: Record<string, ShownLane> = { main: lane(SPOKEN) }) {
  const app = new Hono<GatewayEnv>()
  app.use(async (c, next) => {
    c.set('caller', { keyId: 'k', tenant: 'acme', scopes })
    await next()
  })
  app.route('/v1', fleetRoutes({ lanes: new Map(Object.entries(lanes)) }))
  app.onError((error) => {
    if (error instanceof Problem) return problemResponse(error.init)
    throw error
  })
  return (path: string) => app.request(path)
}

function decisionsOf(lines: string): string[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { lane: string; decision: { at: number } })
    .map(({ lane, decision }) => `${lane} ${decision.at}`)
}

describe('the machine room', () => {
  test('shows every worker as the lane knows it', async () => {
    expect(await (await setUp(['admin'])('/v1/workers')).json()).toEqual({ workers: [{ lane: 'main', ...WORKER }], unreachable: [] })
  })

  test('shows the controller’s config, state and last decision beside the lane’s signals of now', async () => {
    expect(await (await setUp(['admin'])('/v1/autoscaler')).json()).toEqual({
      lane: 'main',
      lanes: ['main'],
      config: REPORT.config,
      state: { controller: 'c1', at: 5, workers: REPORT.workers },
      decision: REPORT.decision,
      signals: SIGNALS,
    })
  })

  test('says so when no controller has spoken yet', async () => {
    const get = setUp(['admin'], { main: lane({ last: async () => undefined, recent: async () => [] }) })
    expect(await (await get('/v1/autoscaler')).json()).toMatchObject({ config: null, state: null, decision: null, signals: SIGNALS })
    expect(await (await get('/v1/autoscaler/decisions')).text()).toBe('')
  })

  test('lists decisions one a line', async () => {
    const answer = await setUp(['admin'])('/v1/autoscaler/decisions')
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson')
    expect(decisionsOf(await answer.text())).toEqual(['main 2', 'main 1'])
  })

  test('shows several lanes together, or the one asked for', async () => {
    const other: DecisionSource = { last: async () => ({ ...REPORT, controller: 'c2' }), recent: async () => [entry(3), entry(0)] }
    const get = setUp(['admin'], { main: lane(SPOKEN), other: lane(other, async () => [{ ...WORKER, id: 'w2' }]) })
    const read = async (path: string) =>
      (await (await get(path)).json()) as { workers: { lane: string; id: string }[]; state: { controller: string } }
    expect((await read('/v1/workers')).workers.map(({ lane, id }) => `${lane} ${id}`)).toEqual(['main w1', 'other w2'])
    expect((await read('/v1/workers?lane=other')).workers.map(({ id }) => id)).toEqual(['w2'])
    expect((await read('/v1/autoscaler?lane=other')).state.controller).toBe('c2')
    expect(decisionsOf(await (await get('/v1/autoscaler/decisions')).text())).toEqual(['other 3', 'main 2', 'main 1', 'other 0'])
    expect(decisionsOf(await (await get('/v1/autoscaler/decisions?lane=main')).text())).toEqual(['main 2', 'main 1'])
  })

  test('a lane that is away is named, and hides no other', async () => {
    const get = setUp(['admin'], { main: lane(SPOKEN), gone: lane(AWAY, () => Promise.reject(new Error('away'))) })
    expect(await (await get('/v1/workers')).json()).toEqual({ workers: [{ lane: 'main', ...WORKER }], unreachable: ['gone'] })
    expect(decisionsOf(await (await get('/v1/autoscaler/decisions')).text())).toEqual(['main 2', 'main 1'])
    expect(await (await get('/v1/autoscaler?lane=gone')).json()).toMatchObject({ status: 503, code: 'lane_unreachable' })
  })

  test('a lane that does not exist is refused with those that do', async () => {
    const answer = await setUp(['admin'])('/v1/workers?lane=x')
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'bad_query', field: 'lane', allowed: 'main' }])
  })

  test.each(['/v1/workers', '/v1/autoscaler', '/v1/autoscaler/decisions'])('%s is for admin keys only', async (path) => {
    const answer = await setUp(['deploy', 'invoke', 'read', 'usage'])(path)
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([403, 'scope_missing'])
  })
})
