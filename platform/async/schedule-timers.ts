import { type JobSchedulerJson, Queue, type RepeatOptions } from 'bullmq'
import type { Redis } from 'ioredis'
import { parseCron } from './cron.ts'
import { nextCronTime } from './next-cron-time.ts'
import type { Schedule } from './schedule.ts'
import { everyMs, nextRuns } from './schedule-timing.ts'

/** One queue for all schedules: keys `isolane:schedules:…`. A dashboard is given the prefix and the name. */
export const TIMERS_PREFIX = 'isolane'
export const TIMERS_QUEUE = 'schedules'

/** What a timer's job holds. */
export interface TimerData {
  readonly tenant: string
  readonly name: string
  /** Of the schedule. */
  readonly id: string
}

export type Timer = JobSchedulerJson<TimerData>

/** Tries of a due time, for want of room or of the store: some 17 minutes of them. */
export const FIRE_ATTEMPTS = 10
const OPTIONS = {
  attempts: FIRE_ATTEMPTS,
  backoff: { type: 'exponential', delay: 2_000 },
  // What became of it is told by the schedule; the id must be free when the schedule comes back to the same time.
  removeOnComplete: true,
  removeOnFail: true,
  stackTraceLimit: 0,
} as const

/** BullMQ's job schedulers: one for each schedule that is enabled, under `tenant/name`. It has one job ahead, for the next due time. */
export class ScheduleTimers implements AsyncDisposable {
  readonly #queue: Queue<TimerData>

  constructor({ connection, onError }: { connection: Redis; onError: (error: Error) => void }) {
    this.#queue = new Queue<TimerData>(TIMERS_QUEUE, { connection, prefix: TIMERS_PREFIX, settings: { repeatStrategy } })
    this.#queue.on('error', onError)
  }

  async list(): Promise<Timer[]> {
    return await this.#queue.getJobSchedulers()
  }

  /** Makes the timer what the schedule says, at `now`. One that is so already is left alone: what is overdue in it stays due. */
  async align(tenant: string, name: string, schedule: Schedule | undefined, now: number): Promise<void> {
    const key = timerKey(tenant, name)
    const timer = await this.#queue.getJobScheduler(key)
    if (schedule?.enabled !== true) {
      if (timer !== undefined) await this.#queue.removeJobScheduler(key)
      return
    }
    if (timer !== undefined && isTimerOf(timer, schedule) && !(await this.#isStuck(key, timer, now))) return
    // BullMQ would go on from the old one's next due time.
    if (timer !== undefined) await this.#queue.removeJobScheduler(key)
    await this.#queue.upsertJobScheduler(key, repeatOf(schedule, now), { name, data: { tenant, name, id: schedule.id }, opts: OPTIONS })
  }

  /** Whether the job of an overdue timer is not there: somebody removed it, by hand or from a dashboard, and nothing would follow it. */
  async #isStuck(key: string, { next = 0 }: Timer, now: number): Promise<boolean> {
    if (next > now || (await this.#queue.getJob(`repeat:${key}:${next}`)) !== undefined) return false
    return (await this.#queue.getJobScheduler(key))?.next === next
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.close()
  }
}

/** How BullMQ, queue and worker alike, finds the next time of a pattern: its own way loses times around clock changes. */
export function repeatStrategy(afterMs: number, { pattern, tz }: RepeatOptions): number | undefined {
  return pattern === undefined || tz === undefined ? undefined : nextCronTime(pattern, tz, afterMs)
}

export function timerKey(tenant: string, name: string): string {
  return `${tenant}/${name}`
}

/** Of a timer's job: the due time is the end of its id, `repeat:<key>:<milliseconds since 1970>`. */
export function dueTimeOf(jobId: string | undefined): number {
  const time = Number(jobId?.slice(jobId.lastIndexOf(':') + 1))
  if (!Number.isSafeInteger(time) || time <= 0) throw new TypeError(`Cannot fire a schedule: its job is called ${JSON.stringify(jobId)}`)
  return time
}

export function isTimerOf({ template, pattern, tz, every, next }: Timer, { id, timing, anchorAt }: Schedule): boolean {
  if (template?.data?.id !== id) return false
  if ('cron' in timing) return pattern === parseCron(timing.cron) && tz === timing.timeZone
  const ms = everyMs(timing.every)
  return every === ms && next !== undefined && (next - anchorAt) % ms === 0
}

function repeatOf({ timing, anchorAt }: Schedule, now: number) {
  if ('cron' in timing) return { pattern: parseCron(timing.cron), tz: timing.timeZone }
  const [first] = nextRuns(timing, anchorAt, now, 1)
  // BullMQ would fire at once, and then count from there.
  return { every: everyMs(timing.every), startDate: first as number }
}
