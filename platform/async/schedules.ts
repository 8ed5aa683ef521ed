import { randomUUIDv7 } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Store } from '../registry/open-store.ts'
import type { AsyncEvents } from './async-events.ts'
import { type Fired, fireSchedule, giveUpFire } from './fire-schedule.ts'
import { isSameTiming, type Schedule, type ScheduleSettings } from './schedule.ts'
import { ScheduleRecords } from './schedule-records.ts'
import { noRunsYet, type ScheduleRuns } from './schedule-runs.ts'
import { ScheduleTimers } from './schedule-timers.ts'

interface Options {
  /** With a short patience: somebody waits. */
  readonly store: Store
  readonly events: AsyncEvents
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  readonly onError: (error: Error) => void
}

export interface ScheduleAndRuns {
  readonly schedule: Schedule
  readonly runs: ScheduleRuns
}

/**
 * Schedules, for whoever keeps them: any process may. The record comes first and its timer follows; should something die in
 * between, the runner (schedule-runner.ts) makes up for it.
 */
export class Schedules implements AsyncDisposable {
  readonly #records: ScheduleRecords
  readonly #timers: ScheduleTimers
  readonly #events: AsyncEvents
  readonly #now: () => number

  constructor({ store, events, now = Date.now, onError }: Options) {
    this.#records = new ScheduleRecords(store)
    this.#timers = new ScheduleTimers({ connection: store as Redis, onError })
    this.#events = events
    this.#now = now
  }

  async create(tenant: string, name: string, settings: ScheduleSettings): Promise<Schedule | 'exists' | 'full'> {
    const now = this.#now()
    const schedule: Schedule = { id: randomUUIDv7(), tenant, name, ...settings, anchorAt: now, createdAt: now, updatedAt: now }
    const created = await this.#records.create(schedule)
    if (created !== 'done') return created === 'full' ? 'full' : 'exists'
    await this.#align(tenant, name)
    return schedule
  }

  async read(tenant: string, name: string): Promise<ScheduleAndRuns | undefined> {
    const schedule = await this.#records.read(tenant, name)
    return schedule && { schedule, runs: await this.#records.runs(schedule) }
  }

  /** By name. */
  async list(tenant: string): Promise<ScheduleAndRuns[]> {
    const [schedules, runs] = await Promise.all([this.#records.list(tenant), this.#records.allRuns(tenant)])
    return schedules.map((schedule) => {
      const own = runs.get(schedule.name)
      return { schedule, runs: own?.id === schedule.id ? own : noRunsYet(schedule.id) }
    })
  }

  /** Names of the schedules that run this function. */
  async namesFor(tenant: string, functionName: string): Promise<string[]> {
    const schedules = await this.#records.list(tenant)
    return schedules.filter((schedule) => schedule.function === functionName).map(({ name }) => name)
  }

  /** Its due times are counted anew when its timing changes, and when it is enabled again. undefined: there is none. */
  async change(tenant: string, name: string, decide: (schedule: Schedule) => ScheduleSettings): Promise<Schedule | undefined> {
    const now = this.#now()
    const changed = await this.#records.change(tenant, name, (before) => {
      const { id, createdAt, anchorAt } = before
      const settings = decide(before)
      const isNew = !isSameTiming(before.timing, settings.timing) || (settings.enabled && !before.enabled)
      return { id, tenant, name, ...settings, anchorAt: isNew ? now : anchorAt, createdAt, updatedAt: now }
    })
    if (changed === undefined) return undefined
    await this.#align(tenant, name)
    return changed.after
  }

  /** Whether there was one. Its last event goes on. */
  async remove(tenant: string, name: string): Promise<boolean> {
    const removed = await this.#records.change(tenant, name, () => undefined)
    await this.#align(tenant, name)
    await this.#records.removeRuns(tenant, name)
    return removed !== undefined
  }

  /** Runs it now, whether it is enabled or not; its due times stay as they are. `id`: of the event, if it is `done`. undefined: there is none. */
  async run(tenant: string, name: string): Promise<{ readonly id: string; readonly fired: Fired } | undefined> {
    const schedule = await this.#records.read(tenant, name)
    if (schedule === undefined) return undefined
    const fire = { id: randomUUIDv7(), scheduledTime: this.#now(), asked: true }
    const deps = { records: this.#records, events: this.#events, now: this.#now }
    const fired = await fireSchedule(deps, schedule, fire)
    if (fired.kind === 'full') await giveUpFire(deps, schedule, fire)
    return { id: fire.id, fired }
  }

  /** Of its last run: what became of the event, as far as that is known. */
  async lastStatus({ schedule, runs }: ScheduleAndRuns): Promise<string | undefined> {
    return runs.last && (await this.#events.read(schedule.tenant, runs.last.id))?.status
  }

  async #align(tenant: string, name: string): Promise<void> {
    await alignTimer(this.#records, this.#timers, tenant, name, this.#now)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#timers[Symbol.asyncDispose]()
  }
}

/** Until the record is the one that the timer was made for: whoever changes it last has the last word. */
export async function alignTimer(
  records: Pick<ScheduleRecords, 'read'>,
  timers: Pick<ScheduleTimers, 'align'>,
  tenant: string,
  name: string,
  now: () => number,
): Promise<void> {
  for (let schedule = await records.read(tenant, name); ; ) {
    await timers.align(tenant, name, schedule, now())
    const current = await records.read(tenant, name)
    if (JSON.stringify(current) === JSON.stringify(schedule)) return
    schedule = current
  }
}
