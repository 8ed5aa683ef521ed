import { type Context, Hono } from 'hono'
import { MAIN_LANE } from '../../runtime/contract/lanes.ts'
import type { LaneSignals, WorkerState } from '../../runtime/lane/lane-view.ts'
import { type DecisionEntry, type DecisionSource, MAX_DECISIONS } from '../autoscaler/decision-log.ts'
import { Problem } from '../problem.ts'
import { type GatewayEnv, needScope } from './caller.ts'

export interface ShownLane {
  readonly view: {
    workers(): Promise<WorkerState[]>
    signals(): Promise<LaneSignals>
  }
  readonly decisions: DecisionSource
}

type Lanes = ReadonlyMap<string, ShownLane>

/** The machine room: who works, and why there are so many. For admin keys only: it shows what all tenants share. */
export function fleetRoutes({ lanes }: { readonly lanes: Lanes }): Hono<GatewayEnv> {
  const routes = new Hono<GatewayEnv>()

  routes.get('/workers', async (c) => {
    needScope(c, 'admin')
    const { found, unreachable } = await askAll(chosen(c, lanes), async ({ view }) => await view.workers())
    return c.json({ workers: found.flatMap(({ lane, value }) => value.map((worker) => ({ lane, ...worker }))), unreachable })
  })

  routes.get('/autoscaler', async (c) => {
    needScope(c, 'admin')
    const lane = laneAsked(c, lanes) ?? MAIN_LANE
    const { found } = await askAll(named(lanes, lane), ({ view, decisions }) => Promise.all([decisions.last(), view.signals()]))
    const [last, signals] = found[0]?.value ?? unreachableLane(lane)
    const state = last && { controller: last.controller, at: last.at, workers: last.workers }
    return c.json({ lane, lanes: [...lanes.keys()], config: last?.config ?? null, state: state ?? null, decision: last?.decision ?? null, signals })
  })

  routes.get('/autoscaler/decisions', async (c) => {
    needScope(c, 'admin')
    const { found } = await askAll(chosen(c, lanes), ({ decisions }) => decisions.recent(MAX_DECISIONS))
    const entries = found.flatMap(({ lane, value }) => value.map((text) => ({ lane, ...(JSON.parse(text) as DecisionEntry) })))
    // One lane's come newest first by themselves, also where its clock has been set back.
    if (found.length > 1) entries.sort((a, b) => b.decision.at - a.decision.at)
    const lines = entries.slice(0, MAX_DECISIONS).map((entry) => `${JSON.stringify(entry)}\n`)
    return c.body(lines.join(''), 200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
  })

  return routes
}

/** What each lane says; those that say nothing by name. One that is away hides no other. */
async function askAll<T>(
  lanes: Lanes,
  ask: (lane: ShownLane) => Promise<T>,
): Promise<{ found: { lane: string; value: T }[]; unreachable: string[] }> {
  const answers = await Promise.all(
    [...lanes].map(async ([lane, it]) => {
      try {
        return { lane, value: await ask(it) }
      } catch {
        return { lane }
      }
    }),
  )
  return {
    found: answers.filter((answer) => 'value' in answer) as { lane: string; value: T }[],
    unreachable: answers.filter((answer) => !('value' in answer)).map(({ lane }) => lane),
  }
}

function chosen(c: Context, lanes: Lanes): Lanes {
  const lane = laneAsked(c, lanes)
  return lane === undefined ? lanes : named(lanes, lane)
}

function named(lanes: Lanes, lane: string): Lanes {
  const it = lanes.get(lane)
  return new Map(it === undefined ? [] : [[lane, it]])
}

function laneAsked(c: Context, lanes: Lanes): string | undefined {
  const lane = c.req.query('lane')
  if (lane === undefined || lanes.has(lane)) return lane
  const allowed = [...lanes.keys()].join(', ')
  throw new Problem({
    status: 400,
    code: 'bad_query',
    detail: `Cannot read lane: wanted one of ${allowed}, got ${JSON.stringify(lane.slice(0, 80))}`,
    extra: { field: 'lane', allowed },
  })
}

function unreachableLane(lane: string): never {
  throw new Problem({ status: 503, code: 'lane_unreachable', detail: `Cannot look at lane "${lane}" now: it does not answer`, retryAfterSeconds: 1 })
}
