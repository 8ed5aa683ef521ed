import { expect, test } from 'vitest'
import { createMetrics, type MeasuredLane } from '../../../platform/telemetry/metrics.ts'
import type { LaneSignals, WorkerState } from '../../../runtime/lane/lane-view.ts'

function lane(queued: number, states: WorkerState['state'][]): MeasuredLane {
  return {
    signals: async () => ({ queued, inFlight: 2, refused: 3, settled: 4 }) as LaneSignals,
    workers: async () => states.map((state) => ({ state }) as WorkerState),
  }
}

const AWAY: MeasuredLane = { signals: () => Promise.reject(new Error('away')), workers: () => Promise.reject(new Error('away')) }

async function lines(lanes: Record<string, MeasuredLane>, pattern: RegExp): Promise<string[]> {
  const text = await createMetrics(new Map(Object.entries(lanes))).registry.metrics()
  return text.split('\n').filter((line) => pattern.test(line) && !line.startsWith('#'))
}

test('every lane has its own series', async () => {
  const lanes = { main: lane(5, ['ready', 'ready', 'stale']), bulk: lane(7, ['draining']) }
  expect(await lines(lanes, /^isolane_lane_queued/)).toEqual(['isolane_lane_queued{lane="main"} 5', 'isolane_lane_queued{lane="bulk"} 7'])
  expect((await lines(lanes, /^isolane_workers/)).sort()).toEqual([
    'isolane_workers{lane="bulk",state="draining"} 1',
    'isolane_workers{lane="main",state="ready"} 2',
    'isolane_workers{lane="main",state="stale"} 1',
  ])
})

test('a lane that is away is a gap in the series, and none in those of others', async () => {
  expect(await lines({ main: lane(5, []), gone: AWAY }, /^isolane_lane_(up|queued)/)).toEqual([
    'isolane_lane_up{lane="main"} 1',
    'isolane_lane_queued{lane="main"} 5',
  ])
})

test('an answered call counts for the lane it went to', async () => {
  const metrics = createMetrics(new Map())
  metrics.invoked('bulk', 'rpc', 'returned', 0.004)
  expect(await metrics.registry.metrics()).toContain('isolane_invocations_total{lane="bulk",door="rpc",outcome="returned"} 1')
})
