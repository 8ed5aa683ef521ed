import { type Job, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Store } from '../registry/open-store.ts'
import { TenantRegistry } from '../registry/tenant-registry.ts'
import type { AsyncEvents } from './async-events.ts'
import { derivedId } from './derived-id.ts'
import { type FireDeps, fireSchedule, giveUpFire } from './fire-schedule.ts'
import { ScheduleRecords } from './schedule-records.ts'
import {
  dueTimeOf,
  FIRE_ATTEMPTS,
  isTimerOf,
  repeatStrategy,
  ScheduleTimers,
  TIMERS_PREFIX,
  TIMERS_QUEUE,
  type Timer,
  type TimerData,
  timerKey,
} from './schedule-timers.ts'
import { alignTimer } from './schedules.ts'

interface Options {
  /** The store, with all the patience there is. */
  readonly store: Store
  readonly events: Pick<AsyncEvents, 'accept' | 'isOver'>
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  readonly onError: (error: Error) => void
}

/** How often timers are compared with records: what a process that died between the two left behind is mended after this. */
const RECONCILE_MS = 60_000
/** Due times that are made events of at once. */
const CONCURRENCY = 16

/**
 * Makes events of due times. Several may run at once: BullMQ gives each job to one. A due time that passed while none ran is found
 * late, once, and the next one is counted from then.
 */
export class ScheduleRunner {
  readonly #records: ScheduleRecords
  readonly #timers: ScheduleTimers
  readonly #tenants: TenantRegistry
  readonly #deps: FireDeps
  readonly #now: () => number
  readonly #worker: Worker<TimerData>
  readonly #onError: (error: Error) => void
  #timer: NodeJS.Timeout | undefined
  #reconciling: Promise<void> = Promise.resolve()

  constructor({ store, events, now = Date.now, onError }: Options) {
    this.#records = new ScheduleRecords(store)
    this.#timers = new ScheduleTimers({ connection: store as Redis, onError })
    this.#tenants = new TenantRegistry({ store })
    this.#deps = { records: this.#records, events, now }
    this.#now = now
    this.#onError = onError
    this.#worker = new Worker<TimerData>(TIMERS_QUEUE, (job) => this.#fire(job), {
      connection: store as Redis,
      prefix: TIMERS_PREFIX,
      settings: { repeatStrategy },
      autorun: false,
      concurrency: CONCURRENCY,
      lockDuration: 10_000,
      stalledInterval: 5_000,
      // A job whose runner died is found again, as often as that happens.
      maxStalledCount: 1_000,
    })
    this.#worker.on('error', onError)
  }

  /** Mends timers first, so that what is overdue is still there to be found. */
  async start(): Promise<void> {
    await this.#mend()
    this.#worker.run().catch(this.#onError)
    this.#timer = setInterval(() => this.#mend(), RECONCILE_MS).unref()
  }

  /** Ends after what is being made an event of. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#worker.close()
    await this.#reconciling
    await this.#timers[Symbol.asyncDispose]()
  }

  #mend(): Promise<void> {
    this.#reconciling = this.#reconciling.then(() => this.#reconcile()).catch(this.#onError)
    return this.#reconciling
  }

  async #fire(job: Job<TimerData>): Promise<void> {
    const { tenant, name, id } = job.data
    const schedule = await this.#records.read(tenant, name)
    // Somebody died between the record and its timer.
    if (schedule?.id !== id || !schedule.enabled) return await alignTimer(this.#records, this.#timers, tenant, name, this.#now)
    const scheduledTime = dueTimeOf(job.id)
    const fire = { id: derivedId(id, scheduledTime), scheduledTime, asked: false }
    const fired = await fireSchedule(this.#deps, schedule, fire)
    if (fired.kind !== 'full') return
    if (job.attemptsMade + 1 >= FIRE_ATTEMPTS) await giveUpFire(this.#deps, schedule, fire)
    else throw new Error(`There is no room for more events of tenant ${tenant}`)
  }

  async #reconcile(): Promise<void> {
    // Timers first: the record of every timer that is seen was written before.
    const timers = new Map((await this.#timers.list()).map((timer) => [timer.key, timer]))
    for (const { name: tenant } of await this.#tenants.list()) {
      // Runs first, for the same reason.
      const runs = new Set((await this.#records.allRuns(tenant)).keys())
      for (const schedule of await this.#records.list(tenant)) {
        runs.delete(schedule.name)
        const key = timerKey(tenant, schedule.name)
        const timer = timers.get(key)
        timers.delete(key)
        const isRight = schedule.enabled ? timer !== undefined && isTimerOf(timer, schedule) && isAhead(timer, this.#now()) : timer === undefined
        if (!isRight) await alignTimer(this.#records, this.#timers, tenant, schedule.name, this.#now)
      }
      // What a removed schedule's last due time has left behind.
      for (const name of runs) await this.#records.removeRuns(tenant, name)
    }
    for (const key of timers.keys()) {
      const slash = key.indexOf('/')
      await alignTimer(this.#records, this.#timers, key.slice(0, slash), key.slice(slash + 1), this.#now)
    }
  }
}

function isAhead({ next = 0 }: Timer, now: number): boolean {
  return next > now
}
