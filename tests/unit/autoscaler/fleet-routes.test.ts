import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import type { ControllerReport, DecisionSource } from '../../../platform/autoscaler/decision-log.ts'
import { DEFAULT_LAW } from '../../../platform/autoscaler/law-config.ts'
import type { GatewayEnv } from '../../../platform/gateway/caller.ts'
import { fleetRoutes } from '../../../platform/gateway/fleet-routes.ts'
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

function setUp(scopes: KeyScope[], decisions: DecisionSource = { last: async () => REPORT, recent: async () => ['{"b":2}', '{"a":1}'] }) {
  const app = new Hono<GatewayEnv>()
  app.use(async (c, next) => {
    c.set('caller', { keyId: 'k', tenant: 'acme', scopes })
    await next()
  })
  app.route('/v1', fleetRoutes({ lane: { workers: async () => [WORKER], signals: async () => SIGNALS }, decisions }))
  app.onError((error) => {
    if (error instanceof Problem) return problemResponse(error.init)
    throw error
  })
  return (path: string) => app.request(path)
}

describe('the machine room', () => {
  test('shows every worker as the lane knows it', async () => {
    expect(await (await setUp(['admin'])('/v1/workers')).json()).toEqual({ workers: [WORKER] })
  })

  test('shows the controller’s config, state and last decision beside the lane’s signals of now', async () => {
    expect(await (await setUp(['admin'])('/v1/autoscaler')).json()).toEqual({
      config: REPORT.config,
      state: { controller: 'c1', at: 5, workers: REPORT.workers },
      decision: REPORT.decision,
      signals: SIGNALS,
    })
  })

  test('says so when no controller has spoken yet', async () => {
    const get = setUp(['admin'], { last: async () => undefined, recent: async () => [] })
    expect(await (await get('/v1/autoscaler')).json()).toEqual({ config: null, state: null, decision: null, signals: SIGNALS })
    expect(await (await get('/v1/autoscaler/decisions')).text()).toBe('')
  })

  test('lists decisions one a line', async () => {
    const answer = await setUp(['admin'])('/v1/autoscaler/decisions')
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson')
    expect(await answer.text()).toBe('{"b":2}\n{"a":1}\n')
  })

  test.each(['/v1/workers', '/v1/autoscaler', '/v1/autoscaler/decisions'])('%s is for admin keys only', async (path) => {
    const answer = await setUp(['deploy', 'invoke', 'read', 'usage'])(path)
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([403, 'scope_missing'])
  })
})
