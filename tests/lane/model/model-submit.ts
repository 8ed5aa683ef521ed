import type { Flow, Fn, Head, Version } from './lane-shapes.ts'
import { compareIds, type LaneState } from './lane-state.ts'
import { dropKept, idemName, keptMember, reply } from './model-answers.ts'
import { expectedMs, loadVersion, mayTake, measure, noteArrival, nothingReady, shareFor, type Turn, weightOf } from './model-fairness.ts'
import { choose, take } from './model-placing.ts'
import { claim, enqueue } from './model-queue.ts'
import { beginTurn, poke } from './model-turn.ts'

const [PLACED, QUEUED, HERE, STALE, FULL, OFF, LATE, MOVED, KEY_REUSED, NOT_KEPT, JOINED, REPLAYED, AGAIN] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
] as const

const MOST_JOINED = 64
const MOST_REPLAYED_BYTES = 262_144

export interface Submitted {
  readonly head: Head
  readonly revision: number
  readonly tenantRevision: number
  readonly payload: string
  readonly print: string
}

export interface SubmitCall {
  readonly gateway: string
  readonly lastRead: string
  readonly mostQueued: number
  readonly mostBytes: number
  readonly mostTenantBytes: number
  readonly again: boolean
  readonly items: readonly Submitted[]
}

export type Said = number | readonly [number, ...string[]]

/** Forgets what a reader has read. */
export function trim(lane: LaneState, stream: string, lastRead: string): void {
  const there = lane.streams.get(stream)
  if (lastRead !== '' && there !== undefined) there.entries = there.entries.filter(({ id }) => compareIds(id, lastRead) >= 0)
}

/** The keys of the replies of a gateway that it has not read. */
export function unreadReplies(lane: LaneState, gateway: string, lastRead: string): Set<string> {
  const entries = lane.streams.get(`replies:${gateway}`)?.entries ?? []
  const unread = lastRead === '' ? entries : entries.filter(({ id }) => compareIds(id, lastRead) > 0)
  return new Set(unread.flatMap(({ fields }) => fields.filter((_, i) => i % 2 === 0).map((name) => name.slice(2))))
}

export function submit(lane: LaneState, call: SubmitCall): Said[] {
  const { turn, commit } = beginTurn(lane)
  trim(lane, `replies:${call.gateway}`, call.lastRead)
  const seen = call.again ? unreadReplies(lane, call.gateway, call.lastRead) : new Set<string>()
  const here = new Set(call.items.map(({ head }) => head.key).filter((key) => lane.inv.has(key)))
  let waiting = false
  const replayed = { bytes: 0 }
  const queued: number[] = []
  const answers = call.items.map((item, i): Said => {
    const { head } = item
    const fn = lane.fn(head.fn)
    const tenant = lane.tenant(fn.tenant)
    const known = head.idem !== '' && !seen.has(head.key) ? knownAnswer(lane, turn, call.gateway, item, replayed) : undefined
    if (known !== undefined && known !== 'instead') return known
    if (here.has(head.key) || seen.has(head.key)) return HERE
    if (tenant.rev < item.tenantRevision || fn.rev < item.revision) return STALE
    if (tenant.moved !== '') return [MOVED, tenant.moved]
    if (fn.cap === 0) return OFF
    const answer = placeOrQueue(lane, turn, call, item, fn)
    if (answer !== PLACED) waiting = true
    if (answer !== PLACED && answer !== QUEUED) {
      lane.sum.refused = (lane.sum.refused as number) + 1
      return answer
    }
    if (answer === QUEUED) queued.push(i)
    lane.sum.arrivals = (lane.sum.arrivals as number) + 1
    seen.add(head.key)
    if (head.idem !== '') {
      if (known === 'instead') dropKept(lane, tenant.name, keptMember(idemName(head), lane.idem.get(idemName(head))?.answer))
      lane.idem.set(idemName(head), { print: item.print, key: head.key, from: call.gateway, state: 'run' })
    }
    return answer
  })
  if (queued.length > 0) {
    claim(lane, turn, Math.max(16, queued.length))
    for (const i of queued) if (turn.taken.has(call.items[i]?.head.key as string)) answers[i] = PLACED
  }
  if (waiting) poke(lane)
  commit()
  return answers
}

function placeOrQueue(lane: LaneState, turn: Turn, call: SubmitCall, { head, payload }: Submitted, fn: Fn): Said {
  const tenant = lane.tenant(fn.tenant)
  const flow = tenant[head.class]
  const v = loadVersion(lane, turn, head.versionId)
  const share = shareFor(head.trigger, v)
  noteArrival(lane, tenant, head.class)
  const direct =
    tenant.paused <= lane.now &&
    fn[head.class].queued === 0 &&
    fn.running < fn.cap &&
    nothingReady(lane, turn) &&
    mayTake(lane, turn, tenant, head.class, head.trigger)
  const chosen = direct ? choose(lane, turn, head.mb, share, v, head.key) : undefined
  if (chosen !== undefined) {
    take(lane, turn, chosen.worker, head, share, lane.now, payload)
    return PLACED
  }
  const wait = predictedWait(lane, turn, head, fn, flow, v)
  const mean = v.n === 0 ? 0 : v.run
  const bytes = payload.length
  if (fn.s.queued + fn.a.queued >= call.mostQueued) return [FULL, 'function', whole(wait)]
  if ((lane.sum.queuedBytes as number) + bytes > call.mostBytes || tenant.bytes + bytes > call.mostTenantBytes) return [FULL, 'lane', whole(wait)]
  if (wait > head.maxWaitMs || wait + mean > head.deadlineMs) return [LATE, whole(wait)]
  enqueue(lane, turn, head, share, lane.now, payload, false)
  return QUEUED
}

function predictedWait(lane: LaneState, turn: Turn, head: Head, fn: Fn, flow: Flow, v: Version): number {
  const { workers } = measure(lane, turn)
  const { startingAt = 0, starting = 0, backlogWeight = 0, queuedWork = 0 } = lane.sum
  const coming = lane.now - startingAt < 10_000 ? starting : 0
  const capacity = workers === 0 ? Math.max(coming, 1) : workers + coming
  const weight = weightOf(flow)
  const part = weight / Math.max(weight, backlogWeight + (flow.queued === 0 ? weight : 0))
  const byLane = Math.min(queuedWork, flow.work / part) / capacity
  const byCap = (fn[head.class].queued * expectedMs(v)) / fn.cap
  return (workers === 0 ? 2_000 : 0) + Math.max(byLane, byCap)
}

/** What its idempotency key stands for already; 'instead': what it takes the place of. */
function knownAnswer(
  lane: LaneState,
  turn: Turn,
  gateway: string,
  { head, print }: Submitted,
  replayed: { bytes: number },
): Said | 'instead' | undefined {
  const entry = lane.idem.get(idemName(head))
  if (entry === undefined) return undefined
  if (entry.print !== print) return KEY_REUSED
  const [id, attempt] = entry.key.split('/') as [string, string]
  if (id === head.id && Number(attempt) < head.attempt && entry.state !== 'run') return 'instead'
  if (entry.state === 'large') return [NOT_KEPT, id]
  if (entry.state === 'done') {
    const bytes = entry.answer?.length ?? 0
    if (replayed.bytes > 0 && replayed.bytes + bytes > MOST_REPLAYED_BYTES) return AGAIN
    replayed.bytes += bytes
    reply(turn, gateway, 'r', head.key, `${entry.kind}${id}${entry.answer}`)
    return REPLAYED
  }
  const me = `${gateway}|${head.key}`
  const joined = entry.joined?.split(' ') ?? []
  if (me === `${entry.from}|${entry.key}` || joined.includes(me)) return JOINED
  if (joined.length >= MOST_JOINED) return [FULL, 'function', '1000']
  entry.joined = [...joined, me].join(' ')
  return JOINED
}

/** To the nearest whole number, halves to the even one, as C prints it. */
function whole(value: number): string {
  const floor = Math.floor(value)
  return String(value - floor === 0.5 ? floor + (floor % 2) : Math.round(value))
}
