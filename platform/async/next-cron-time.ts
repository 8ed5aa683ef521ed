import { type CronFields, cronFields, nextWall } from './cron-fields.ts'
import { type WallClock, wallClock } from './wall-clock.ts'

/** No clock change reaches further than this. */
const REACH_MS = 4 * 3_600_000
const WEEK_MS = 7 * 86_400_000

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
  const change = changeNear(clock, afterMs)
  if (change !== undefined) return nextAround(fields, clock, change, afterMs)
  const wall = nextWall(fields, clock.wallAt(afterMs) + 1)
  if (wall === undefined) return undefined
  const near = wall - clock.offsetAt(wall)
  const next = changeNear(clock, near)
  // Until shortly before that change nothing is due, and then clocks go by the offset before it.
  return next === undefined ? wall - clock.offsetAt(near) : nextAround(fields, clock, next, Math.max(afterMs, next - 2 * REACH_MS))
}

/**
 * Where clocks are changed, wall times do not come in the order of their instants: but those before the later of the two times
 * that clocks show at the change go by the offset before it, the others by the one after it, and each in their order.
 */
function nextAround(fields: CronFields, clock: WallClock, change: number, afterMs: number): number | undefined {
  const [before, after] = [clock.offsetAt(change - 1), clock.offsetAt(change)]
  const turn = change + Math.max(before, after)
  const old = nextWall(fields, afterMs + 1 + before)
  const first = old === undefined || old >= turn ? undefined : old - before
  const fresh = nextWall(fields, Math.max(turn, afterMs + 1 + after))
  if (fresh === undefined || (first !== undefined && first <= fresh - after)) return first
  // What comes long after this change is the next one's matter.
  return fresh - after <= change + 2 * REACH_MS ? fresh - after : nextOfShown(fields, clock, change + REACH_MS)
}

function changeNear(clock: WallClock, ms: number): number | undefined {
  return firstChange(clock, ms - REACH_MS, ms + REACH_MS)
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
