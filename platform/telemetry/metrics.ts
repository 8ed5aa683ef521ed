import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { LaneSignals, WorkerState } from '../../runtime/lane/lane-view.ts'

export interface Metrics {
  readonly registry: Registry
  /** One answered invocation, as its gateway saw it. */
  invoked(lane: string, door: string, outcome: string, seconds: number): void
}

/** What is shown of a lane. */
export interface MeasuredLane {
  signals(): Promise<LaneSignals>
  workers(): Promise<WorkerState[]>
}

/** What Prometheus reads of this process. Names are `isolane_*`, units in the name; no label has a tenant's own values. */
export function createMetrics(lanes: ReadonlyMap<string, MeasuredLane>): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'isolane_' })
  const answered = new Counter({
    name: 'isolane_invocations_total',
    help: 'Invocations answered by this gateway',
    labelNames: ['lane', 'door', 'outcome'],
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'isolane_invocation_duration_seconds',
    help: 'From the request at the gateway to its answer',
    labelNames: ['lane', 'door'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  })
  if (lanes.size > 0) laneGauges(registry, lanes)
  return {
    registry,
    invoked(lane, door, outcome, seconds) {
      answered.inc({ lane, door, outcome })
      duration.observe({ lane, door }, seconds)
    },
  }
}

/** Read from the lanes when somebody asks: gauges of whole lanes, not of this process. A lane that is away is a gap: an old value would hide it. */
function laneGauges(registry: Registry, lanes: ReadonlyMap<string, MeasuredLane>): void {
  const collectAll = async (gauge: Gauge<string>, read: (lane: MeasuredLane, name: string) => Promise<void>): Promise<void> => {
    gauge.reset()
    await Promise.all([...lanes].map(([name, lane]) => read(lane, name).catch(() => {})))
  }
  const gauge = (name: string, help: string, value: (signals: LaneSignals) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['lane'],
      registers: [registry],
      async collect() {
        await collectAll(this, async (view, lane) => this.set({ lane }, value(await view.signals())))
      },
    })
  }
  gauge('isolane_lane_up', 'The lane answers', () => 1)
  gauge('isolane_lane_queued', 'Invocations waiting in the lane', (signals) => signals.queued)
  gauge('isolane_lane_in_flight', 'Invocations handed to workers', (signals) => signals.inFlight)
  gauge('isolane_lane_refused_total', 'Invocations turned away for want of capacity', (signals) => signals.refused)
  gauge('isolane_lane_settled_total', 'Invocations that ended, in any way', (signals) => signals.settled)
  new Gauge({
    name: 'isolane_workers',
    help: 'Workers of the lane, by state',
    labelNames: ['lane', 'state'],
    registers: [registry],
    async collect() {
      await collectAll(this, async (view, lane) => {
        for (const { state } of await view.workers()) this.inc({ lane, state })
      })
    },
  })
}
