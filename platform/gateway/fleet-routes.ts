import { Hono } from 'hono'
import type { LaneSignals, WorkerState } from '../../runtime/lane/lane-view.ts'
import { type DecisionSource, MAX_DECISIONS } from '../autoscaler/decision-log.ts'
import { type GatewayEnv, needScope } from './caller.ts'

interface Deps {
  readonly lane: {
    workers(): Promise<WorkerState[]>
    signals(): Promise<LaneSignals>
  }
  readonly decisions: DecisionSource
}

/** The machine room: who works, and why there are so many. For admin keys only: it shows what all tenants share. */
export function fleetRoutes({ lane, decisions }: Deps): Hono<GatewayEnv> {
  const routes = new Hono<GatewayEnv>()

  routes.get('/workers', async (c) => {
    needScope(c, 'admin')
    return c.json({ workers: await lane.workers() })
  })

  routes.get('/autoscaler', async (c) => {
    needScope(c, 'admin')
    const [last, signals] = await Promise.all([decisions.last(), lane.signals()])
    const state = last && { controller: last.controller, at: last.at, workers: last.workers }
    return c.json({ config: last?.config ?? null, state: state ?? null, decision: last?.decision ?? null, signals })
  })

  routes.get('/autoscaler/decisions', async (c) => {
    needScope(c, 'admin')
    const entries = await decisions.recent(MAX_DECISIONS)
    const lines = entries.map((entry) => `${entry}\n`)
    return c.body(lines.join(''), 200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
  })

  return routes
}
