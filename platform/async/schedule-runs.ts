/** A run of a schedule: one event. */
export interface ScheduleRun {
  /** The event's, and its invocations'. */
  readonly id: string
  /** Milliseconds since 1970: when it was due; of a run that somebody asked for, when he did. */
  readonly scheduledTime: number
  /** When it was decided on. */
  readonly at: number
  /** The event is on disk. False: it may be, and whoever comes next sees to it. */
  readonly accepted: boolean
}

export type SkipReason = 'running' | 'queue_full'

/** What became of a schedule's due times. */
export interface ScheduleRuns {
  /** Of the schedule; another one of the same name starts anew. */
  readonly id: string
  /** The latest due time that was decided on. 0: none yet. */
  readonly upTo: number
  readonly last?: ScheduleRun
  /** Due times that it let pass. */
  readonly skipped: number
  readonly lastSkip?: { readonly scheduledTime: number; readonly reason: SkipReason }
}

/** A due time, or somebody's wish to run it now. */
export interface Fire {
  /** Of the event it is to become: the same for the same due time. */
  readonly id: string
  readonly scheduledTime: number
  readonly asked: boolean
}

export type FireDecision =
  /** The event of `run` is to be accepted first, for nobody knows whether it was; then decide again. */
  | { readonly kind: 'accept_first'; readonly run: ScheduleRun }
  /** All is done: this due time has its event, or was let pass. */
  | { readonly kind: 'done' }
  | { readonly kind: 'run'; readonly next: ScheduleRuns; readonly run: ScheduleRun }
  /** The event `running` is not over. */
  | { readonly kind: 'skip'; readonly next: ScheduleRuns; readonly running: string }

export function noRunsYet(id: string): ScheduleRuns {
  return { id, upTo: 0, skipped: 0 }
}

/** Whether what it leads to depends on the last run's event. */
export function asksForLast(runs: ScheduleRuns, fire: Fire): runs is ScheduleRuns & { readonly last: ScheduleRun } {
  return runs.last?.accepted === true && runs.last.id !== fire.id && (fire.asked || fire.scheduledTime > runs.upTo)
}

/** What a due time leads to. One event of a schedule at a time: while its last is not over, due times pass. */
export function decideFire(runs: ScheduleRuns, fire: Fire, lastIsOver: boolean, now: number): FireDecision {
  const { last } = runs
  if (last !== undefined && !last.accepted) return { kind: 'accept_first', run: last }
  if (last?.id === fire.id) return { kind: 'done' }
  if (!fire.asked && fire.scheduledTime <= runs.upTo) return { kind: 'done' }
  const upTo = fire.asked ? runs.upTo : fire.scheduledTime
  if (last !== undefined && !lastIsOver) {
    return { kind: 'skip', next: fire.asked ? runs : skipped({ ...runs, upTo }, fire, 'running'), running: last.id }
  }
  const run = { id: fire.id, scheduledTime: fire.scheduledTime, at: now, accepted: false }
  return { kind: 'run', next: { ...runs, upTo, last: run }, run }
}

export function accepted(runs: ScheduleRuns, id: string): ScheduleRuns {
  return runs.last?.id === id ? { ...runs, last: { ...runs.last, accepted: true } } : runs
}

/** There was no room for its event all the time, and nobody goes on trying. */
export function givenUp(runs: ScheduleRuns, fire: Fire): ScheduleRuns {
  const { last, ...others } = runs
  const isLast = last?.id === fire.id
  if ((isLast && last.accepted) || (!fire.asked && runs.lastSkip?.scheduledTime === fire.scheduledTime)) return runs
  const without = isLast ? others : runs
  return fire.asked ? without : skipped({ ...without, upTo: Math.max(runs.upTo, fire.scheduledTime) }, fire, 'queue_full')
}

function skipped(runs: ScheduleRuns, { scheduledTime }: Fire, reason: SkipReason): ScheduleRuns {
  return { ...runs, skipped: runs.skipped + 1, lastSkip: { scheduledTime, reason } }
}
