import type { NewAsyncEvent } from './async-event.ts'
import type { AsyncEvents } from './async-events.ts'
import type { Schedule } from './schedule.ts'
import type { ScheduleRecords } from './schedule-records.ts'
import { accepted, asksForLast, decideFire, type Fire, givenUp, type ScheduleRun, type ScheduleRuns } from './schedule-runs.ts'

export interface FireDeps {
  readonly records: Pick<ScheduleRecords, 'runs' | 'swapRuns' | 'changeRuns'>
  readonly events: Pick<AsyncEvents, 'accept' | 'isOver'>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export type Fired =
  /** Its event is on disk, under the fire's own id; or this due time was let pass before. */
  | { readonly kind: 'done' }
  /** The schedule's last event, which has this id, is not over. */
  | { readonly kind: 'skipped'; readonly running: string }
  /** There is no room for the event now: say it again later. */
  | { readonly kind: 'full'; readonly retryAfterSeconds: number }

/** Several may fire the same schedule at once; more rounds than this are a fault. */
const MAX_ROUNDS = 20

/**
 * Makes an event of a due time, or lets it pass. What is decided is written before the event is accepted, and the event has an id
 * that follows from the due time: so saying it twice, or dying anywhere in between, makes one event.
 */
export async function fireSchedule(deps: FireDeps, schedule: Schedule, fire: Fire): Promise<Fired> {
  const { records, events, now } = deps
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const runs = await records.runs(schedule)
    const lastIsOver = !asksForLast(runs, fire) || (await events.isOver(schedule.tenant, runs.last.id))
    const decision = decideFire(runs, fire, lastIsOver, now())
    switch (decision.kind) {
      case 'done':
        return decision
      case 'accept_first': {
        const full = await accept(deps, schedule, runs, decision.run)
        if (full === undefined) continue
        if (decision.run.id === fire.id || fire.asked) return full
        // Its own job goes on trying: one that waits for room is enough.
        await giveUpFire(deps, schedule, fire)
        return { kind: 'skipped', running: decision.run.id }
      }
      case 'skip':
        if (decision.next === runs || (await records.swapRuns(schedule, runs, decision.next))) return { kind: 'skipped', running: decision.running }
        continue
      case 'run':
        if (await records.swapRuns(schedule, runs, decision.next))
          return (await accept(deps, schedule, decision.next, decision.run)) ?? { kind: 'done' }
        continue
      default:
        decision satisfies never
    }
  }
  throw new Error(`Cannot fire schedule ${schedule.tenant}/${schedule.name}: ${MAX_ROUNDS} others were faster`)
}

/** There was no room for its event, and it is not to be said again. */
export async function giveUpFire({ records }: Pick<FireDeps, 'records'>, schedule: Schedule, fire: Fire): Promise<void> {
  await records.changeRuns(schedule, (runs) => givenUp(runs, fire))
}

async function accept(
  { records, events }: FireDeps,
  schedule: Schedule,
  runs: ScheduleRuns,
  run: ScheduleRun,
): Promise<Extract<Fired, { kind: 'full' }> | undefined> {
  const taken = await events.accept(eventOf(schedule, run))
  if (taken.kind === 'full') return { kind: 'full', retryAfterSeconds: taken.retryAfterSeconds }
  // When it is not swapped, somebody else has noted the same, or gone on from there.
  await records.swapRuns(schedule, runs, accepted(runs, run.id))
  return undefined
}

function eventOf({ tenant, name, function: to, qualifier, timing, input }: Schedule, run: ScheduleRun): NewAsyncEvent {
  const words = 'every' in timing ? { every: timing.every } : { cron: timing.cron }
  return {
    id: run.id,
    tenant,
    name: to,
    ...(qualifier === undefined ? {} : { qualifier }),
    trigger: 'schedule',
    event: { door: 'scheduled', schedule: name, ...words, scheduledTime: run.scheduledTime },
    body: Buffer.from(input === undefined ? '' : JSON.stringify(input)),
    schedule: name,
  }
}
