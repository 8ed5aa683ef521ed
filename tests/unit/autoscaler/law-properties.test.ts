import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Decision } from '../../../platform/autoscaler/decision.ts'
import { INITIAL_LAW_STATE, type LawState, step } from '../../../platform/autoscaler/law.ts'
import { DEFAULT_LAW, type LawConfig } from '../../../platform/autoscaler/law-config.ts'
import type { Observation } from '../../../platform/autoscaler/observation.ts'
import { World } from './world.ts'

const moments = fc.array(
  fc.record({
    ms: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 40_000 })),
    inFlight: fc.integer({ min: 0, max: 60 }),
    queued: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 500 })),
    mb: fc.constantFrom(64, 128, 2_048),
    cpuMilli: fc.constantFrom(10, 250, 1_000),
    runMs: fc.constantFrom(1, 100, 60_000),
    ready: fc.integer({ min: 0, max: 12 }),
    starting: fc.integer({ min: 0, max: 4 }),
  }),
  { minLength: 1, maxLength: 40 },
)
const configs = fc
  .record({ least: fc.integer({ min: 0, max: 4 }), more: fc.integer({ min: 0, max: 8 }), holdDownMs: fc.constantFrom(0, 1_000, 30_000) })
  .map(
    ({ least, more, holdDownMs }): LawConfig => ({
      ...DEFAULT_LAW,
      workerMb: 2_048,
      holdDownMs,
      minWorkers: least,
      maxWorkers: Math.max(1, least + more),
    }),
  )

interface Moment {
  readonly before: LawState
  readonly observation: Observation
  readonly after: LawState
  readonly decision: Decision
}

/** Whatever happens in the lane and to the fleet, whether or not it obeys. */
function live(story: typeof moments extends fc.Arbitrary<infer T> ? T : never, config: LawConfig): Moment[] {
  const world = new World()
  let state = INITIAL_LAW_STATE
  return story.map(({ ms, ready, starting, ...load }) => {
    world.load(load).pass(ms)
    const observation = world.seen(ready, starting)
    const before = state
    const [after, decision] = step(before, observation, config)
    state = after
    return { before, observation, after, decision }
  })
}

function always(holds: (moment: Moment, config: LawConfig) => void): void {
  fc.assert(
    fc.property(moments, configs, (story, config) => {
      for (const moment of live(story, config)) holds(moment, config)
    }),
    { numRuns: 300 },
  )
}

describe('whatever happens', () => {
  test('the target is never above the maximum nor below the minimum', () => {
    always(({ decision }, config) => {
      expect(decision.target).toBeLessThanOrEqual(config.maxWorkers)
      expect(decision.target).toBeGreaterThanOrEqual(config.minWorkers)
    })
  })

  test('start and drain lead from what there is to the target, and are never both', () => {
    always(({ decision, observation }) => {
      const current = observation.ready.length + observation.starting
      expect(current + decision.start - decision.drain).toBe(decision.target)
      expect(Math.min(decision.start, decision.drain)).toBe(0)
    })
  })

  test('nothing is drained while work waits, unless there are more than allowed', () => {
    always(({ decision, observation }, config) => {
      const surplus = observation.ready.length + observation.starting > config.maxWorkers
      if (observation.signals.queued > 0 && !surplus) expect(decision.drain).toBe(0)
    })
  })

  test('there is a worker wanted for any work present', () => {
    always(({ decision, observation }) => {
      if (observation.signals.queued + observation.signals.inFlight > 0) expect(decision.target).toBeGreaterThanOrEqual(1)
    })
  })

  test('the same look again decides nothing more', () => {
    always(({ after, observation, decision }, config) => {
      const [, again] = step(after, observation, config)
      expect(again.start).toBe(decision.start)
      const surplus = observation.ready.length + observation.starting > config.maxWorkers
      if (!surplus && config.holdDownMs > 0) expect(again.drain).toBe(0)
      else expect(again.drain).toBeLessThanOrEqual(decision.drain)
    })
  })

  test('every number is finite and every reason is one sentence', () => {
    always(({ decision }) => {
      for (const terms of [decision.terms.cpu, decision.terms.memory])
        for (const term of Object.values(terms)) expect(Number.isFinite(term) && term >= 0).toBe(true)
      expect(decision.reason).toMatch(/^(Start|Drain|Keep) \d+: [^.]+\.$/)
    })
  })

  test('the state survives JSON: replayed from stored states and inputs, every decision is the same', () => {
    always(({ before, observation, after, decision }, config) => {
      const [state, replayed] = step(JSON.parse(JSON.stringify(before)), JSON.parse(JSON.stringify(observation)), config)
      expect(replayed).toEqual(decision)
      expect(state).toEqual(after)
    })
  })

  test('the history stays bounded, however often anybody looks', () => {
    const world = new World()
    let state = INITIAL_LAW_STATE
    const config = { ...DEFAULT_LAW, workerMb: 2_048, minWorkers: 1, maxWorkers: 4 }
    for (let i = 0; i < 10_000; i++)
      state = step(
        state,
        world
          .load({ inFlight: i % 7 })
          .pass(20)
          .seen(2),
        config,
      )[0]
    expect(state.history.length).toBeLessThanOrEqual(602)
    expect(state.held.length).toBeLessThanOrEqual(5)
  })
})
