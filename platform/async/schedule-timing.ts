import { parseCron } from './cron.ts'
import { nextCronTime } from './next-cron-time.ts'
import { ScheduleError } from './schedule-error.ts'

/** When a schedule is due, in its owner's words. */
export type ScheduleTiming = { readonly cron: string; readonly timeZone: string } | { readonly every: string }

export const DEFAULT_TIME_ZONE = 'UTC'
/** A timer that fires more often than this is a loop, and belongs into one invocation. */
export const MIN_EVERY_MS = 1_000
export const MAX_EVERY_MS = 366 * 24 * 3_600_000
/** The last instant a Date can be. */
const END_OF_TIME_MS = 8.64e15

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * The due times after `afterMs`, at most `count`, in ascending order. Every-N counts from `anchorMs`, whatever the clocks do; cron
 * goes by the clocks of its time zone (next-cron-time.ts).
 */
export function nextRuns(timing: ScheduleTiming, anchorMs: number, afterMs: number, count: number): number[] {
  const runs: number[] = []
  for (let last = afterMs; runs.length < count; ) {
    const next = 'every' in timing ? nextOfEvery(everyMs(timing.every), anchorMs, last) : nextCronTime(parseCron(timing.cron), timing.timeZone, last)
    if (next === undefined || next > END_OF_TIME_MS) break
    runs.push(next)
    last = next
  }
  return runs
}

/** @throws ScheduleError when there is a word in it that cannot be, or when it would never be due */
export function parseTiming(cron: unknown, every: unknown, timeZone: unknown): ScheduleTiming {
  if (cron === undefined && every === undefined)
    throw new ScheduleError('cron', 'either `cron`, such as "0 9 * * mon-fri", or `every`, such as "5m"', cron)
  if (cron !== undefined && every !== undefined) throw new ScheduleError('every', 'nothing beside `cron`: a schedule has one of them', every)
  if (every !== undefined) {
    if (timeZone !== undefined) throw new ScheduleError('timeZone', 'nothing beside `every`: it goes by no clock', timeZone)
    everyMs(every)
    return { every: every as string }
  }
  parseCron(cron)
  const timing = { cron: (cron as string).trim(), timeZone: parseTimeZone(timeZone ?? DEFAULT_TIME_ZONE) }
  if (nextRuns(timing, 0, Date.UTC(2000, 0, 1), 1).length === 0) throw new ScheduleError('cron', 'a day that some year has', cron)
  return timing
}

/** @throws ScheduleError when it is no such text */
export function everyMs(every: unknown): number {
  const [, count, unit] = (typeof every === 'string' && /^([1-9]\d{0,7})([smhd])$/.exec(every)) || []
  const ms = Number(count) * (UNIT_MS[unit as string] ?? Number.NaN)
  if (ms >= MIN_EVERY_MS && ms <= MAX_EVERY_MS) return ms
  throw new ScheduleError('every', 'a whole number of seconds, minutes, hours or days from "1s" to "366d", such as "30s", "5m", "1h"', every)
}

/** An IANA name, or UTC. */
function parseTimeZone(value: unknown): string {
  if (typeof value === 'string' && /^[A-Za-z]/.test(value)) {
    try {
      new Intl.DateTimeFormat('en', { timeZone: value })
      return value
    } catch {
      // Said below.
    }
  }
  throw new ScheduleError('timeZone', 'an IANA time zone, such as "UTC" or "Europe/Berlin"', value)
}

function nextOfEvery(ms: number, anchorMs: number, afterMs: number): number {
  return anchorMs + (Math.floor((afterMs - anchorMs) / ms) + 1) * ms
}
