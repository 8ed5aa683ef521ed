import { type CronFields, cronFields, nextWall } from './cron-fields.ts'
import { type WallClock, wallClock } from './wall-clock.ts'

/** No clock change reaches further than this. */
const REACH_MS = 4 * 3_600_000
const WEEK_MS = 7 * 86_400_000
const SECOND_MS = 1_000

/**
 * The first time after `afterMs` that a cron pattern names in a time zone; undefined: there is none.
 *
 * What clocks show decides. A time that they skip comes as much later as they are put forward; one that they show twice comes the
 * first time. Only where the hour is `*` it is time that passes: twice shown is twice due, and skipped is not due.
 */
export function nextCronTime(pattern: string, timeZone: string, afterMs: number): number | undefined {
  const fields = cronFields(pattern)
  const clock = wallClock(timeZone)
  return fields.everyHour ? nextOfPassing(fields, clock, afterMs) : nextOfShown(fields, clock, afterMs)
}

function nextOfPassing(fields: CronFields, clock: WallClock, afterMs: number): number | undefined {
  for (let from = afterMs + 1; ; ) {
    const offset = clock.offsetAt(from)
    const wall = nextWall(fields, from + offset)
    if (wall === undefined) return undefined
    const change = firstChange(clock, from, wall - offset)
    if (change === undefined) return wall - offset
    from = change
  }
}

function nextOfShown(fields: CronFields, clock: WallClock, afterMs: number): number | undefined {
  const hasChange = (ms: number): boolean => clock.offsetAt(ms - REACH_MS) !== clock.offsetAt(ms + REACH_MS)
  // Before and after a change, wall times do not come in the order of their instants.
  const from = clock.wallAt(afterMs) - (hasChange(afterMs) ? REACH_MS : 0)
  let first: number | undefined
  for (let wall = nextWall(fields, from); wall !== undefined; wall = nextWall(fields, wall + SECOND_MS)) {
    const due = instantOf(clock, wall)
    if (due > afterMs && (first === undefined || due < first)) first = due
    if (first !== undefined && (due >= first + REACH_MS || !hasChange(first))) return first
  }
  return first
}

/** The first instant at which clocks show it; of a time that they skip, as if they had not been put forward yet. */
function instantOf(clock: WallClock, wall: number): number {
  const near = wall - clock.offsetAt(wall)
  const [before, after] = [clock.offsetAt(near - REACH_MS), clock.offsetAt(near + REACH_MS)]
  if (before === after) return wall - before
  const [first, second] = before > after ? [wall - before, wall - after] : [wall - after, wall - before]
  return clock.wallAt(first) === wall ? first : clock.wallAt(second) === wall ? second : wall - before
}

/** When the offset is first another one than at `from`, up to and with `to`. */
function firstChange(clock: WallClock, from: number, to: number): number | undefined {
  const offset = clock.offsetAt(from)
  for (let same = from; same < to; ) {
    let other = Math.min(to, same + WEEK_MS)
    if (clock.offsetAt(other) === offset) {
      same = other
      continue
    }
    while (other - same > 1) {
      const middle = Math.floor((same + other) / 2)
      if (clock.offsetAt(middle) === offset) same = middle
      else other = middle
    }
    return other
  }
  return undefined
}
