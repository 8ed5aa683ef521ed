import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { LaneSignals, WorkerState } from '../../runtime/lane/lane-view.ts'

export interface Metrics {
  readonly registry: Registry
  /** One answered invocation, as its gateway saw it. */
  invoked(door: string, outcome: string, seconds: number): void
}

/** What Prometheus reads of this process. Names are `isolane_*`, units in the name; no label has a tenant's own values. */
export function createMetrics(lane: { signals(): Promise<LaneSignals>; workers(): Promise<WorkerState[]> } | undefined): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'isolane_' })
  const answered = new Counter({
    name: 'isolane_invocations_total',
    help: 'Invocations answered by this gateway',
    labelNames: ['door', 'outcome'],
    registers: [registry],
  })
  const duration = new Histogram({
    name: 'isolane_invocation_duration_seconds',
    help: 'From the request at the gateway to its answer',
    labelNames: ['door'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  })
  if (lane !== undefined) laneGauges(registry, lane)
  return {
    registry,
    invoked(door, outcome, seconds) {
      answered.inc({ door, outcome })
      duration.observe({ door }, seconds)
    },
  }
}

/** Read from the lane when somebody asks: gauges of the whole lane, not of this process. */
function laneGauges(registry: Registry, lane: { signals(): Promise<LaneSignals>; workers(): Promise<WorkerState[]> }): void {
  const gauge = (name: string, help: string, read: (signals: LaneSignals) => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        try {
          this.set(read(await lane.signals()))
        } catch {
          // The lane is away: a gap in the series says so better than an old value.
          this.reset()
        }
      },
    })
  }
  gauge('isolane_lane_queued', 'Invocations waiting in the lane', (signals) => signals.queued)
  gauge('isolane_lane_in_flight', 'Invocations handed to workers', (signals) => signals.inFlight)
  gauge('isolane_lane_refused_total', 'Invocations turned away for want of capacity', (signals) => signals.refused)
  gauge('isolane_lane_settled_total', 'Invocations that ended, in any way', (signals) => signals.settled)
  new Gauge({
    name: 'isolane_workers',
    help: 'Workers of the lane, by state',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      this.reset()
      try {
        for (const { state } of await lane.workers()) this.inc({ state })
      } catch {
        // As above.
      }
    },
  })
}
