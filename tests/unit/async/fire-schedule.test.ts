import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NewAsyncEvent } from '../../../platform/async/async-event.ts'
import { fireSchedule, giveUpFire } from '../../../platform/async/fire-schedule.ts'
import type { Schedule } from '../../../platform/async/schedule.ts'
import { type Fire, noRunsYet, type ScheduleRuns } from '../../../platform/async/schedule-runs.ts'

const SCHEDULE: Schedule = {
  id: 'schedule-1',
  tenant: 'acme',
  name: 'nightly',
  function: 'hello',
  timing: { every: '1s' },
  enabled: true,
  anchorAt: 0,
  createdAt: 0,
  updatedAt: 0,
}

const at = (scheduledTime: number): Fire => ({ id: `event-${scheduledTime}`, scheduledTime, asked: false })
const asked = (scheduledTime: number): Fire => ({ id: `asked-${scheduledTime}`, scheduledTime, asked: true })

/** A store and events in memory; `dieIn` counts down the steps until one fails as if its process had died just before it. */
class World {
  runs: ScheduleRuns = noRunsYet(SCHEDULE.id)
  readonly accepted: NewAsyncEvent[] = []
  readonly over = new Set<string>()
  full = false
  dieIn = Number.POSITIVE_INFINITY

  #step(): void {
    if (this.dieIn-- <= 0) throw new Error('died')
  }

  async fire(fire: Fire): Promise<string> {
    const records = {
      runs: async () => {
        this.#step()
        return this.runs
      },
      swapRuns: async (_: Schedule, before: ScheduleRuns, after: ScheduleRuns) => {
        this.#step()
        const isSame = JSON.stringify(before) === JSON.stringify(this.runs)
        if (isSame) this.runs = after
        return isSame
      },
      changeRuns: async (_: Schedule, decide: (runs: ScheduleRuns) => ScheduleRuns | undefined) => {
        this.#step()
        this.runs = decide(this.runs) ?? this.runs
        return this.runs
      },
    }
    const events = {
      isOver: async (_: string, id: string) => {
        this.#step()
        return this.over.has(id) || !this.accepted.some((event) => event.id === id)
      },
      accept: async (event: NewAsyncEvent) => {
        this.#step()
        if (this.full) return { kind: 'full', retryAfterSeconds: 10 } as const
        if (!this.accepted.some(({ id }) => id === event.id)) this.accepted.push(event)
        return { kind: 'accepted', id: event.id } as const
      },
    }
    return (await fireSchedule({ records, events, now: () => 99 }, SCHEDULE, fire)).kind
  }

  async giveUp(fire: Fire): Promise<void> {
    const changeRuns = async (_: Schedule, decide: (runs: ScheduleRuns) => ScheduleRuns | undefined) => (this.runs = decide(this.runs) ?? this.runs)
    await giveUpFire({ records: { runs: async () => this.runs, swapRuns: async () => false, changeRuns } }, SCHEDULE, fire)
  }

  get times(): number[] {
    return this.accepted.map(({ event }) => (event.door === 'scheduled' ? event.scheduledTime : Number.NaN))
  }
}

describe('a due time', () => {
  test('becomes an event of the function, with the schedule and the due time in it', async () => {
    const world = new World()
    expect(await world.fire(at(1_000))).toBe('done')
    expect(world.accepted).toEqual([
      {
        id: 'event-1000',
        tenant: 'acme',
        name: 'hello',
        trigger: 'schedule',
        event: { door: 'scheduled', schedule: 'nightly', every: '1s', scheduledTime: 1_000 },
        body: Buffer.alloc(0),
        schedule: 'nightly',
      },
    ])
    expect(world.runs).toMatchObject({ upTo: 1_000, last: { id: 'event-1000', accepted: true, at: 99 }, skipped: 0 })
  })

  test('passes while the last event is not over, and that is told', async () => {
    const world = new World()
    await world.fire(at(1_000))
    expect(await world.fire(at(2_000))).toBe('skipped')
    expect(world.runs).toMatchObject({ skipped: 1, lastSkip: { scheduledTime: 2_000, reason: 'running' }, last: { id: 'event-1000' } })
    world.over.add('event-1000')
    expect(await world.fire(at(3_000))).toBe('done')
    expect(world.times).toEqual([1_000, 3_000])
  })

  test('said twice is one event, and a pass said twice is one pass', async () => {
    const world = new World()
    await world.fire(at(1_000))
    await world.fire(at(1_000))
    await world.fire(at(2_000))
    world.over.add('event-1000')
    expect(await world.fire(at(2_000))).toBe('done')
    expect(await world.fire(at(1_000))).toBe('done')
    expect(world.times).toEqual([1_000])
    expect(world.runs.skipped).toBe(1)
  })

  test('that somebody asked for runs beside the others, but not while one is running', async () => {
    const world = new World()
    expect(await world.fire(asked(1_500))).toBe('done')
    expect(await world.fire(asked(1_600))).toBe('skipped')
    expect(world.runs).toMatchObject({ skipped: 0, upTo: 0, last: { id: 'asked-1500' } })
    world.over.add('asked-1500')
    expect(await world.fire(at(1_000))).toBe('done')
    expect(world.times).toEqual([1_500, 1_000])
  })

  test('passes at once while another one waits for room', async () => {
    const world = new World()
    world.full = true
    expect(await world.fire(at(1_000))).toBe('full')
    expect(await world.fire(at(2_000))).toBe('skipped')
    expect(world.runs).toMatchObject({ skipped: 1, upTo: 2_000, lastSkip: { scheduledTime: 2_000, reason: 'queue_full' } })
    world.full = false
    expect(await world.fire(at(1_000))).toBe('done')
    expect(world.times).toEqual([1_000])
  })

  test('for which there is no room is said again, and let pass only when that is given up', async () => {
    const world = new World()
    world.full = true
    expect(await world.fire(at(1_000))).toBe('full')
    world.full = false
    expect(await world.fire(at(1_000))).toBe('done')
    world.over.add('event-1000')
    world.full = true
    expect(await world.fire(at(2_000))).toBe('full')
    await world.giveUp(at(2_000))
    expect(world.runs).toMatchObject({ skipped: 1, lastSkip: { scheduledTime: 2_000, reason: 'queue_full' } })
    expect(world.runs.last).toBe(undefined)
    world.full = false
    expect(await world.fire(at(2_000))).toBe('done')
    expect(await world.fire(at(3_000))).toBe('done')
    expect(world.times).toEqual([1_000, 3_000])
  })
})

test('whoever dies at any step, a due time that is said again is one event or one pass, and no two events overlap', async () => {
  const story = fc.array(fc.record({ dieIn: fc.option(fc.nat(12)), ends: fc.boolean(), swapped: fc.boolean() }), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      const world = new World()
      let time = 0
      for (const { dieIn, ends, swapped } of steps) {
        time += 1_000
        if (ends) for (const { id } of world.accepted) world.over.add(id)
        const before = world.accepted.length
        const countBefore = before + world.runs.skipped
        world.dieIn = dieIn ?? Number.POSITIVE_INFINITY
        const died = await world.fire(at(time)).then(
          () => false,
          () => true,
        )
        world.dieIn = Number.POSITIVE_INFINITY
        // BullMQ gives the job of who died to another, be it after the next due time.
        if (died && swapped) await world.fire(at(time + 1_000))
        if (died) await world.fire(at(time))
        if (died && swapped) time += 1_000
        if (!(died && swapped)) expect(world.accepted.length + world.runs.skipped).toBe(countBefore + 1)
        expect(world.accepted.length - before).toBeLessThanOrEqual(1)
        expect(world.accepted.filter(({ id }) => !world.over.has(id)).length).toBeLessThanOrEqual(1)
      }
      expect(new Set(world.times).size).toBe(world.times.length)
      expect(world.runs.last?.accepted ?? true).toBe(true)
    }),
    { numRuns: 500 },
  )
})
