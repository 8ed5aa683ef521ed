import type { UsageLine } from './books.ts'
import { type CallRecord, isAccepted } from './calls.ts'
import { type Struck, TROUBLES } from './troubles.ts'

/** Everything a story leaves behind that can be looked at. */
export interface Evidence {
  readonly calls: readonly CallRecord[]
  readonly struck: readonly Struck[]
  /** Of each trouble, in order: the longest time in ms that a gateway gave no good answer; undefined: it never did again. */
  readonly recoveries: readonly (number | undefined)[]
  readonly usage: readonly UsageLine[]
  /** How often each invocation was entered, as the functions say. */
  readonly entered: ReadonlyMap<string, number>
  /** What became of each event that was answered 202. */
  readonly events: ReadonlyMap<string, string>
  readonly leftInLane: readonly string[]
  readonly orphans: readonly string[]
}

export interface Claim {
  readonly claim: string
  /** What breaks it, in words. */
  readonly broken: readonly string[]
  /** What would break it and is within the guarantees as they are written. */
  readonly excused: readonly string[]
}

/** What a lane's Redis that was killed may have forgotten. */
const ROLLBACK_MS = 2_000
/** Longest time from an id to its settling, for what nobody was told of: a wait, a run, a nested call. */
const LONGEST_LIFE_MS = 6_000
const RECOVERED_WITHIN_MS = 15_000

/** Answers that say what happened. Anything else is a fault of the platform, whatever was done to it. */
const HONEST: ReadonlySet<string> = new Set([
  'lost',
  'expired',
  'overloaded',
  'lane_unreachable',
  'deadline_cannot_be_met',
  'store_unreachable',
  'events_full',
])

/** Holds the evidence against what the platform promises. */
export function audit(evidence: Evidence): Claim[] {
  const { calls, struck, recoveries, usage, entered, events, leftInLane, orphans } = evidence
  const attempts = new Map<string, number[]>()
  for (const { id, attempt } of usage)
    attempts.set(
      id,
      [...(attempts.get(id) ?? []), attempt].sort((a, b) => a - b),
    )
  const accepted = calls.filter(isAccepted)
  const answeredAt = new Map(calls.flatMap(({ id, endedAt }) => (id === undefined ? [] : [[id, endedAt] as const])))

  const rollbacks = struck.filter(({ name }) => 'rollsBack' in TROUBLES[name])
  const mayBeForgotten = (id: string): boolean => {
    const settledAt = answeredAt.get(id)
    return rollbacks.some(({ at, over }) =>
      settledAt === undefined
        ? createdAt(id) > at - ROLLBACK_MS - LONGEST_LIFE_MS && createdAt(id) < over
        : settledAt > at - ROLLBACK_MS && createdAt(id) < over,
    )
  }
  const onRecord = claim('every accepted call is on record, each attempt once')
  for (const call of accepted) {
    const id = call.id as string
    const found = attempts.get(id) ?? []
    const words = `${call.kind} ${id}: ${call.status} ${call.code ?? ''}, attempts on record: ${found.join(' ') || 'none'}`
    if (found.length > 0 && found.every((attempt, i) => attempt === i + 1)) continue
    // Its gateway could not find out whether the lane had taken it, and said so.
    const unknown = call.code === 'lost' && found.length === 0
    onRecord.hold(words, mayBeForgotten(id) || unknown)
  }
  const ranOnRecord = claim('every invocation that ran is on record')
  const once = claim('no attempt ran twice')
  for (const [id, times] of entered) {
    const found = attempts.get(id)?.length ?? 0
    if (found === 0) ranOnRecord.hold(`${id} ran and has no record`, mayBeForgotten(id))
    if (times > Math.max(1, found)) once.hold(`${id} was entered ${times} times in ${found} attempts`, false)
  }
  const done = claim('every event that was taken is done')
  for (const [id, status] of events) if (status !== 'succeeded') done.hold(`${id} is ${status}`, false)
  const honest = claim('every answer says what happened')
  for (const call of calls) {
    const { kind, status, code, detail, outcome } = call
    if (call.ending === 'hung') honest.hold(`${kind} was never answered`, false)
    if (call.ending !== 'answered' || (status !== undefined && status < 400) || HONEST.has(code ?? '')) continue
    // What it called was lost, and it did not catch that, or waited for it too long.
    if (kind === 'nested' && (outcome === 'threw' || outcome === 'exceeded')) continue
    // To its worker a cell that somebody killed looks like one that the kernel ended for want of memory.
    const cellKilled = struck.some(({ name, at }) => name === 'kill -9 a cell' && at >= call.startedAt && at <= call.endedAt)
    honest.hold(`${kind}: ${status} ${code}: ${detail}`, code === 'exceeded_memory' && cellKilled)
  }
  const again = claim(`all gateways answer within ${RECOVERED_WITHIN_MS / 1_000} s`)
  for (const [i, ms] of recoveries.entries()) {
    if (ms === undefined || ms > RECOVERED_WITHIN_MS) again.hold(`${struck[i]?.name}: ${ms === undefined ? 'not at all' : `after ${ms} ms`}`, false)
  }
  const whole = claim('the lane is empty and its capacity whole')
  for (const words of leftInLane) whole.hold(words, false)
  const alone = claim('no process is left behind')
  for (const words of orphans) alone.hold(words, false)
  return [onRecord, ranOnRecord, once, done, honest, again, whole, alone]
}

/** Milliseconds since 1970, from the first 48 bits of a UUIDv7. */
function createdAt(id: string): number {
  return Number.parseInt(id.replace('-', '').slice(0, 12), 16)
}

function claim(words: string): Claim & { hold(against: string, isExcused: boolean): void } {
  const broken: string[] = []
  const excused: string[] = []
  return { claim: words, broken, excused, hold: (against, isExcused) => void (isExcused ? excused : broken).push(against) }
}
