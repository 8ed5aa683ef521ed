import { describe, expect, test, vi } from 'vitest'
import type { ControllerReport, DecisionEntry } from '../../../platform/autoscaler/decision-log.ts'
import type { Fleet, FleetMember, MemberState } from '../../../platform/autoscaler/fleet.ts'
import { INITIAL_LAW_STATE, step } from '../../../platform/autoscaler/law.ts'
import { DEFAULT_LAW, type LawConfig } from '../../../platform/autoscaler/law-config.ts'
import { AutoscalerLoop, type ControlledLane, type LaneWorker } from '../../../platform/autoscaler/loop.ts'
import { World } from './world.ts'

class FakeFleet implements Fleet {
  readonly list = new Map<string, MemberState>()
  readonly ended: string[] = []
  #count = 0
  members(): FleetMember[] {
    return [...this.list].map(([id, state]) => ({ id, pid: 1, state }))
  }
  owns(id: string): boolean {
    return id.startsWith('own-')
  }
  start(count: number): void {
    for (let i = 0; i < count; i++) this.list.set(`own-${++this.#count}`, 'starting')
  }
  seen(readyIds: ReadonlySet<string>): void {
    for (const [id, state] of this.list) {
      if (state === 'starting' || state === 'ready') this.list.set(id, readyIds.has(id) ? 'ready' : 'starting')
    }
  }
  drain(id: string): void {
    this.list.set(id, 'draining')
  }
  undrain(id: string): void {
    this.list.set(id, 'ready')
  }
  end(id: string): void {
    this.list.set(id, 'ending')
    this.ended.push(id)
  }
  async stop(): Promise<void> {}
}

const CONFIG: LawConfig = { ...DEFAULT_LAW, minWorkers: 1, maxWorkers: 4, workerMb: 2_048, holdDownMs: 1_000, stableWindowMs: 1_000 }

function setUp(config: Partial<LawConfig> = {}) {
  const world = new World()
  const inLane: LaneWorker[] = []
  const lane = {
    signals: vi.fn(async () => world.signals),
    workers: vi.fn(async () => inLane.map((worker) => ({ ...worker }))),
    drain: vi.fn(async (id: string) => {
      for (const [i, worker] of inLane.entries()) if (worker.id === id) inLane[i] = { ...worker, state: 'draining' }
    }),
    undrain: vi.fn(async (id: string) => {
      for (const [i, worker] of inLane.entries()) if (worker.id === id) inLane[i] = { ...worker, state: 'ready' }
    }),
    expect: vi.fn(async (_starting: number, _now: number) => {}),
    nextPoke: vi.fn<ControlledLane['nextPoke']>(() => new Promise(() => {})),
    reap: vi.fn(async () => 0),
  }
  const fleet = new FakeFleet()
  const reports: ControllerReport[] = []
  const entries: DecisionEntry[] = []
  const decisions = {
    report: async (report: ControllerReport) => void reports.push(report),
    append: async (entry: DecisionEntry) => void entries.push(entry),
  }
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const loop = new AutoscalerLoop({ controller: 'c1', lane, fleet, config: { ...CONFIG, ...config }, decisions, log })
  const join = (id: string, changes: Partial<LaneWorker> = {}) =>
    inLane.push({ id, state: 'ready', capacityMb: 2_048, freeMb: 2_048, freeCpuMilli: 1_000, running: 0, sandboxes: 0, ...changes })
  /** Everything the fleet has started takes work now. */
  const joinAll = () => {
    for (const { id, state } of fleet.members()) if (state === 'starting' && !inLane.some((worker) => worker.id === id)) join(id)
  }
  return { world, lane, inLane, fleet, reports, entries, log, loop, join, joinAll }
}

describe('one look', () => {
  test('tells the lane how many workers are on their way, until none is any more', async () => {
    const { world, lane, loop, joinAll } = setUp()
    await loop.evaluate('tick')
    expect(lane.expect.mock.lastCall).toEqual([1, world.signals.now])
    joinAll()
    await loop.evaluate('tick')
    await loop.evaluate('tick')
    expect(lane.expect.mock.calls.map(([starting]) => starting)).toEqual([1, 0])
  })

  test('starts the minimum, and counts what is starting', async () => {
    const { loop, fleet, joinAll } = setUp({ minWorkers: 2 })
    await loop.evaluate('tick')
    await loop.evaluate('tick')
    expect(fleet.members().map((member) => member.state)).toEqual(['starting', 'starting'])
    joinAll()
    await loop.evaluate('tick')
    expect(fleet.members().map((member) => member.state)).toEqual(['ready', 'ready'])
  })

  test('drains the least busy worker, and ends it only when nothing runs on it any more', async () => {
    const { loop, fleet, inLane, lane, world, join } = setUp({ minWorkers: 1 })
    fleet.start(2)
    join('own-1', { running: 3 })
    join('own-2', { running: 1 })
    await loop.evaluate('tick')
    world.pass(5_000)
    await loop.evaluate('tick')
    world.pass(5_000)
    await loop.evaluate('tick')
    expect(lane.drain.mock.calls).toEqual([['own-2']])
    await loop.evaluate('tick')
    expect(fleet.ended).toEqual([])
    Object.assign(inLane[1] as LaneWorker, { running: 0 })
    await loop.evaluate('tick')
    expect(fleet.ended).toEqual(['own-2'])
  })

  test('brings a draining worker back before it starts a new one', async () => {
    const { loop, fleet, lane, world, join } = setUp()
    fleet.start(2)
    join('own-1', { running: 1, freeCpuMilli: 0 })
    join('own-2', { running: 1, freeCpuMilli: 0 })
    await loop.evaluate('tick')
    world.pass(5_000)
    await loop.evaluate('tick')
    world.pass(5_000)
    await loop.evaluate('tick')
    expect(fleet.list.get('own-1')).toBe('draining')
    world.load({ inFlight: 4, queued: 12, runMs: 10_000 }).pass(100)
    await loop.evaluate('poke')
    expect(lane.undrain.mock.calls).toEqual([['own-1']])
    expect([...fleet.list.values()]).toEqual(['ready', 'ready', 'starting', 'starting'])
  })

  test('does not count the dead: a worker of its own that the fleet no longer lists is not there', async () => {
    const { loop, fleet, join } = setUp()
    join('own-99')
    await loop.evaluate('tick')
    expect(fleet.members()).toHaveLength(1)
  })

  test('counts workers that joined by themselves, and leaves them alone', async () => {
    const { loop, fleet, lane, world, join } = setUp({ minWorkers: 1 })
    join('guest-1')
    join('guest-2')
    for (let i = 0; i < 5; i++) {
      world.pass(5_000)
      await loop.evaluate('tick')
    }
    expect(fleet.members()).toEqual([])
    expect(lane.drain).not.toHaveBeenCalled()
  })

  test('a worker that drained itself is told to leave, replaced at once, and never brought back', async () => {
    const { loop, fleet, lane, join, inLane } = setUp()
    fleet.start(1)
    join('own-1')
    await loop.evaluate('tick')
    Object.assign(inLane[0] as LaneWorker, { state: 'draining', running: 1 })
    await loop.evaluate('tick')
    expect([...fleet.list.values()]).toEqual(['ending', 'starting'])
    expect(lane.undrain).not.toHaveBeenCalled()
  })

  test('keeps what changed something with its inputs, so that it can be replayed, and reports now and then', async () => {
    const { loop, reports, entries, world, joinAll } = setUp()
    for (let i = 0; i < 40; i++) {
      await loop.evaluate('tick')
      joinAll()
      world.pass(250)
    }
    expect(entries).toHaveLength(1)
    expect(reports).toHaveLength(2)
    const [entry] = entries
    expect(step(INITIAL_LAW_STATE, entry?.observation as never, CONFIG)[1]).toEqual(entry?.decision)
    expect(reports[1]).toMatchObject({ controller: 'c1', config: CONFIG, workers: { ready: 1, starting: 0, draining: 0, ending: 0 } })
  })
})

describe('on and on', () => {
  test('a lane that goes away is said once; workers stay; and it goes on when the lane is back', async () => {
    const { loop, lane, log, fleet } = setUp()
    const stop = new AbortController()
    lane.signals.mockRejectedValue(new Error('connection refused'))
    const running = loop.run(stop.signal)
    await vi.waitFor(() => expect(lane.signals.mock.calls.length).toBeGreaterThanOrEqual(3), 5_000)
    expect(log.error).toHaveBeenCalledTimes(1)
    expect(fleet.members()).toEqual([])
    lane.signals.mockResolvedValue(new World().signals)
    await vi.waitFor(() => expect(fleet.members()).toHaveLength(1), 5_000)
    stop.abort()
    await running
  })

  test('a poke is answered without waiting for the tick, and dead workers’ work is reaped beside it', async () => {
    const { loop, lane, entries, world } = setUp({ minWorkers: 0 })
    const poke = Promise.withResolvers<void>()
    lane.nextPoke.mockImplementationOnce(() => poke.promise)
    const stop = new AbortController()
    const running = loop.run(stop.signal)
    await vi.waitFor(() => expect(entries).toHaveLength(1))
    world.load({ queued: 1 }).pass(10)
    poke.resolve()
    await vi.waitFor(() => expect(entries).toHaveLength(2))
    expect(entries[1]).toMatchObject({ cause: 'poke', decision: { start: 1 } })
    await vi.waitFor(() => expect(lane.reap).toHaveBeenCalled(), 2_000)
    stop.abort()
    await running
  })
})
