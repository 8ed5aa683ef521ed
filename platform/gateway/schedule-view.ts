import type { Schedule } from '../async/schedule.ts'
import type { ScheduleRuns } from '../async/schedule-runs.ts'
import { nextRuns } from '../async/schedule-timing.ts'

const NEXT_RUNS = 3

/** A schedule as it is answered. `nextRuns` is what tells a person whether he wrote what he meant. `status`: of the last run's event. */
export function scheduleView(schedule: Schedule, runs: ScheduleRuns, now: number, status?: string): Record<string, unknown> {
  const { name, function: to, qualifier, timing, enabled, input, anchorAt, createdAt, updatedAt } = schedule
  const { last, skipped, lastSkip } = runs
  const next = enabled ? nextRuns(timing, anchorAt, now, NEXT_RUNS) : []
  return {
    name,
    function: to,
    qualifier: qualifier ?? null,
    cron: 'cron' in timing ? timing.cron : null,
    timeZone: 'cron' in timing ? timing.timeZone : null,
    every: 'every' in timing ? timing.every : null,
    enabled,
    input: input ?? null,
    nextRuns: next.map(instant),
    lastRun: last === undefined ? null : { id: last.id, scheduledTime: instant(last.scheduledTime), at: instant(last.at), ...(status && { status }) },
    skipped,
    lastSkip: lastSkip === undefined ? null : { scheduledTime: instant(lastSkip.scheduledTime), reason: lastSkip.reason },
    createdAt: instant(createdAt),
    updatedAt: instant(updatedAt),
  }
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}
