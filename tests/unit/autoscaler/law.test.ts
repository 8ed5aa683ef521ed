import { describe, expect, test } from 'vitest'
import type { Decision } from '../../../platform/autoscaler/decision.ts'
import { INITIAL_LAW_STATE, type LawState, step } from '../../../platform/autoscaler/law.ts'
import { DEFAULT_LAW, type LawConfig } from '../../../platform/autoscaler/law-config.ts'
import { World } from './world.ts'

const CONFIG: LawConfig = { ...DEFAULT_LAW, minWorkers: 1, maxWorkers: 16, workerMb: 2_048 }

/** A fleet that obeys at once, and its controller. */
class Story {
  readonly world = new World()
  readonly config: LawConfig
  state: LawState = INITIAL_LAW_STATE
  ready: number
  starting = 0

  constructor(ready: number, config: Partial<LawConfig> = {}) {
    this.ready = ready
    this.config = { ...CONFIG, ...config }
  }

  look(): Decision {
    const [state, decision] = step(this.state, this.world.seen(this.ready, this.starting), this.config)
    this.state = state
    return decision
  }

  obey(decision: Decision): Decision {
    this.starting += decision.start
    this.ready -= decision.drain
    return decision
  }

  started(): this {
    this.ready += this.starting
    this.starting = 0
    return this
  }

  /** Ticks for this long; every decision that acted. */
  run(ms: number): { at: number; decision: Decision; left: number }[] {
    const begun = this.world.signals.now
    const acted = []
    for (let passed = 0; passed < ms; passed += 250) {
      this.world.pass(250)
      const decision = this.obey(this.look())
      this.started()
      if (decision.start + decision.drain > 0) acted.push({ at: this.world.signals.now - begun, decision, left: this.ready })
    }
    return acted
  }
}

describe('up', () => {
  test('the minimum is started at once', () => {
    const decision = new Story(0, { minWorkers: 2 }).look()
    expect(decision).toMatchObject({ target: 2, start: 2, drain: 0, limits: ['min'] })
    expect(decision.reason).toBe('Start 2: the minimum is not there, 0 are there.')
  })

  test('from zero, one waiting request starts one worker, and looking again while it starts asks for no more', () => {
    const story = new Story(0, { minWorkers: 0 })
    story.world.load({ queued: 1 })
    expect(story.obey(story.look())).toMatchObject({ target: 1, start: 1 })
    for (let i = 0; i < 20; i++) expect(story.world.pass(20) && story.obey(story.look())).toMatchObject({ target: 1, start: 0 })
  })

  test('a queue of work that is over in a moment asks for one more, not for all its bookings at once', () => {
    const story = new Story(1)
    story.run(60_000)
    story.world.load({ inFlight: 4, queued: 100, runMs: 1 })
    story.world.pass(20)
    expect(story.look().target).toBe(2)
  })

  test('a queue of long work asks for the workers that can hold it', () => {
    const story = new Story(1)
    story.run(1_000)
    story.world.load({ inFlight: 4, queued: 20, runMs: 10_000 })
    story.run(4_000)
    // 24 requests of a quarter worker each are 6 full workers; ρ and √ leave headroom.
    expect(story.ready).toBeGreaterThanOrEqual(6)
    expect(story.ready).toBeLessThanOrEqual(10)
  })

  test('steady load gets headroom: a quarter of utilisation and one standard deviation', () => {
    const story = new Story(8)
    story.world.load({ inFlight: 16 })
    story.world.pass(60_000)
    story.look()
    story.world.pass(60_000)
    const { cpu } = story.look().terms
    // 16 × 250 m = 4 workers; 4/0.8 + √(4000 × 250)/1000 = 6.
    expect(cpu.stable).toBeCloseTo(6)
    expect(cpu.fast).toBeCloseTo(6)
  })

  test('the resource that runs out first decides', () => {
    const story = new Story(1)
    story.world.load({ inFlight: 3, mb: 512, cpuMilli: 10 })
    story.world.pass(10_000)
    story.look()
    story.world.pass(10_000)
    const { terms, target, reason } = story.look()
    expect(terms.memory.need).toBeGreaterThan(terms.cpu.need)
    expect(target).toBe(Math.ceil(terms.memory.need))
    expect(reason).toContain('memory')
  })

  test('what waited while a worker started is not taken for load', () => {
    const story = new Story(1)
    story.world.load({ inFlight: 4, queued: 0 })
    story.run(10_000)
    const before = story.look().terms.cpu.stable
    story.world.load({ inFlight: 4, queued: 500 })
    story.world.pass(1_000)
    expect(story.look().terms.cpu.stable).toBeCloseTo(before)
  })

  test('work that waits beside free room waits for its own cap: no worker is started for it', () => {
    const story = new Story(2)
    story.world.load({ inFlight: 1, queued: 50 })
    story.run(5_000)
    expect(story.ready).toBe(2)
  })

  test('more than the maximum is never asked for, and the reason says so', () => {
    const story = new Story(2, { maxWorkers: 2 })
    story.world.load({ inFlight: 8, queued: 90, runMs: 5_000 })
    story.world.pass(2_000)
    const decision = story.look()
    expect(decision).toMatchObject({ target: 2, start: 0, drain: 0, limits: ['max'] })
    expect(decision.reason).toMatch(/^Keep 2: \d+ would be needed, 2 is the maximum\.$/)
  })
})

describe('down', () => {
  test('what was needed within the hold-down is kept, then a quarter goes at a time, at most four steps per hold-down', () => {
    const story = new Story(1, { stableWindowMs: 2_000 })
    story.world.load({ inFlight: 28, queued: 20 })
    story.run(10_000)
    const peak = story.ready
    expect(peak).toBeGreaterThanOrEqual(8)
    story.world.load({})
    expect(story.run(28_000)).toEqual([])
    const steps = story.run(120_000)
    let before = peak
    for (const [index, { at, decision, left }] of steps.entries()) {
      expect(decision.drain).toBeLessThanOrEqual(Math.ceil(before / 4))
      const last = steps[index - 1]
      if (last) expect(at - last.at).toBeGreaterThanOrEqual(7_500)
      before = left
    }
    expect(story.ready).toBe(1)
  })

  test('a new controller shrinks nothing for a hold-down', () => {
    const story = new Story(4)
    expect(story.run(29_000)).toEqual([])
    expect(story.look().reason).toBe('Keep 4: 1 would do now, more were needed a short while ago.')
    expect(story.run(40_000).length).toBeGreaterThan(0)
  })

  test('to zero when nothing has come for the stable window and the hold-down, and back with the first request', () => {
    const story = new Story(0, { minWorkers: 0 })
    story.world.load({ inFlight: 1 })
    story.run(1_000)
    expect(story.ready).toBe(1)
    story.world.load({})
    expect(story.run(85_000)).toEqual([])
    const [last] = story.run(20_000)
    expect(last?.decision).toMatchObject({ target: 0, drain: 1, reason: 'Drain 1: nothing has come for a while, 1 is there.' })
    story.world.load({ queued: 1 })
    story.world.pass(20)
    expect(story.look()).toMatchObject({ target: 1, start: 1 })
  })

  test('nothing is drained while work waits, however long ago more was needed', () => {
    const story = new Story(3, { stableWindowMs: 2_000 })
    story.world.load({ inFlight: 1, queued: 1, cpuMilli: 10 })
    story.run(120_000)
    expect(story.ready).toBe(3)
    expect(story.look().reason).toBe('Keep 3: 1 would do, but 1 request is still waiting.')
  })

  test('a lowered maximum acts at once', () => {
    expect(new Story(6, { maxWorkers: 2 }).look()).toMatchObject({ target: 2, drain: 4, limits: ['max'] })
  })

  test('a large fleet is not shrunk for less than a tenth', () => {
    const story = new Story(16, { stableWindowMs: 2_000, holdDownMs: 5_000 })
    story.world.load({ inFlight: 42 })
    const acted = story.run(60_000)
    expect(acted).toEqual([])
    expect(story.look().limits).toContain('tolerance')
  })
})

describe('time', () => {
  test('windows do not depend on how often anybody looked', () => {
    const shapes = [
      { ms: 3_000, inFlight: 2 },
      { ms: 900, inFlight: 30 },
      { ms: 1_500, inFlight: 0 },
    ]
    const termsWhenLooking = (everyMs: number) => {
      const story = new Story(4)
      story.look()
      for (const { ms, inFlight } of shapes) {
        story.world.load({ inFlight })
        for (let passed = 0; passed < ms; passed += everyMs) {
          story.world.pass(everyMs)
          story.look()
        }
      }
      return story.look().terms.cpu
    }
    const often = termsWhenLooking(20)
    const seldom = termsWhenLooking(300)
    expect(often.stable).toBeCloseTo(seldom.stable, 5)
    // The fast window's edge falls between two samples: interpolated, so within what one gap can hold.
    expect(Math.abs(often.fast - seldom.fast) / seldom.fast).toBeLessThan(0.15)
  })

  test('a lane that lost its counters starts a new history instead of negative load', () => {
    const story = new Story(2)
    story.world.load({ inFlight: 8 })
    story.run(30_000)
    const before = story.state.history.length
    const fresh = new World().load({ inFlight: 1 })
    fresh.pass(story.world.signals.now - fresh.signals.now + 250)
    const forgotten = {
      ...fresh.seen(2),
      signals: { ...fresh.signals, inFlightMs: 10, arrivals: 0, settled: 0, runMs: 0, inFlightMbMs: 1_280, inFlightCpuMilliMs: 2_500 },
    }
    const [state, decision] = step(story.state, forgotten, story.config)
    expect(before).toBeGreaterThan(100)
    expect(state.history).toHaveLength(1)
    expect(Math.min(decision.terms.cpu.fast, decision.terms.memory.stable)).toBeGreaterThan(0)
  })
})
