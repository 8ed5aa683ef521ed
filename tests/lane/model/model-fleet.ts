import type { Job, Tenant, Worker } from './lane-shapes.ts'
import { inOrder, type LaneState } from './lane-state.ts'
import { dropKept, keptMember, push, type Verdict, verdict } from './model-answers.ts'
import { fileAll, makeReady, moveTags, type Turn, tie, weightOf } from './model-fairness.ts'
import { release, unreserve } from './model-placing.ts'
import { claim, DEEP, flush, putBack, remove } from './model-queue.ts'
import { beginTurn, poke } from './model-turn.ts'
import { handedAfter, hearFrom, heldBy, inKeyOrder, isAfter } from './model-workers.ts'

function payloadsOf(lane: LaneState, id: string): Map<string, string> {
  const entries = lane.streams.get(`inbox:${id}`)?.entries ?? []
  const payloads = new Map<string, string>()
  for (const { fields } of entries) {
    for (let i = 0; i < fields.length; i += 2) {
      const [, , invocation, attempt] = (fields[i] as string).split('|')
      if (attempt !== undefined) payloads.set(`${invocation}/${attempt}`, fields[i + 1] as string)
    }
  }
  return payloads
}

/** Ends a worker: what it never read goes back, unless it was cancelled; the rest is lost. How much that is. */
function bury(lane: LaneState, turn: Turn, worker: Worker, reason: string, died: boolean): number {
  const leases = lane.leasesOf(worker.id)
  const unread = lane.unheard.has(worker.id) ? [] : handedAfter(lane, worker.id, lane.delivered.get(worker.id) as string)
  const payloads = payloadsOf(lane, worker.id)
  if (died) {
    for (const name of new Set([...leases.values()].filter(({ key }) => !unread.includes(key)).map(({ fn }) => fn))) {
      const fn = lane.fn(name)
      if (lane.now - fn.struck < 60_000) fn.boxed = lane.now + 60_000
      fn.struck = lane.now
    }
  }
  for (const key of unread.reverse()) {
    const lease = leases.get(key)
    if (lease === undefined) continue
    if (wasAborted(lane, worker.id, key)) {
      release(lane, turn, worker.id, lease)
      moveTags(lane, turn, lane.fn(lease.fn), lease.class, -lease.cost)
      verdict(lane, turn, lease, 0, '', { kind: 'cancelled' })
    } else putBack(lane, turn, worker.id, lease, payloads.get(key) as string)
  }
  let lost = 0
  for (const lease of inKeyOrder(leases)) {
    release(lane, turn, worker.id, lease)
    const answer: Verdict = { kind: 'lost', reason, started: 'maybe' }
    verdict(lane, turn, lease, lease.startedAt, worker.id, lane.fn(lease.fn).boxed > lane.now ? { ...answer, repeat: false } : answer)
    lost++
  }
  lane.workers.delete(worker.id)
  lane.streams.delete(`inbox:${worker.id}`)
  lane.delivered.delete(worker.id)
  if (worker.id === turn.reservedWorker) unreserve(lane, turn)
  turn.size = undefined
  fileAll(lane, turn)
  return lost
}

/** And the worker has not read that either. */
function wasAborted(lane: LaneState, id: string, key: string): boolean {
  const unread = lane.streams.get(`inbox:${id}`)?.entries.filter((entry) => isAfter(entry.id, lane.delivered.get(id) as string)) ?? []
  return unread.some(({ fields }) => fields.includes(`abort|${key}`))
}

export function join(lane: LaneState, id: string, capacity: number, state: 'r' | 'd'): string {
  const { turn, commit } = beginTurn(lane)
  const before = lane.workers.get(id)
  if (before !== undefined) bury(lane, turn, before, 'the worker that ran it started anew', true)
  const epoch = String(++lane.epoch)
  lane.workers.set(id, { id, epoch, capacity, mb: capacity, cpu: 1_000, running: 0, state, beat: lane.now })
  lane.append(`inbox:${id}`, ['joined', epoch])
  lane.delivered.set(id, '0-0')
  hearFrom(lane, id)
  turn.size = undefined
  claim(lane, turn, 16)
  commit()
  return epoch
}

export function leave(lane: LaneState, id: string, epoch: string): number | 'gone' {
  const { turn, commit } = beginTurn(lane)
  const worker = heldBy(lane, id, epoch)
  if (worker === undefined) return 'gone'
  const lost = bury(lane, turn, worker, 'the worker left before it answered', false)
  hearFrom(lane, id)
  claim(lane, turn, 16)
  commit()
  return lost
}

export function reap(lane: LaneState): [lost: number, expired: number, grace: number] {
  const { turn, commit } = beginTurn(lane)
  let grace = lane.reap?.grace ?? 0
  if (lane.reap === undefined || lane.now - lane.reap.at > 1_000) grace = lane.now + 2_000
  lane.reap = { at: lane.now, grace }
  let lost = 0
  if (lane.now >= grace) {
    const dead = [...lane.workers.values()].filter(({ beat }) => lane.now - beat > 2_000).sort((a, b) => (a.id < b.id ? -1 : 1))
    for (const worker of dead) {
      lost += bury(lane, turn, worker, 'the worker that ran it died', true)
      hearFrom(lane, worker.id)
    }
  }
  const over = inOrder(lane.due).filter((key) => (lane.due.get(key) as number) <= lane.now)
  for (const key of over) {
    const job = lane.jobs.get(key) as Job
    remove(lane, turn, job)
    verdict(lane, turn, job, 0, '', { kind: 'expired' })
  }
  for (const name of [...lane.paused].sort()) if (lane.tenant(name).paused <= lane.now) resume(lane, turn, lane.tenant(name))
  if ((lane.sum.queued as number) > 0) poke(lane)
  claim(lane, turn, 16, DEEP)
  commit()
  return [lost, over.length, lane.now < grace ? 1 : 0]
}

function resume(lane: LaneState, turn: Turn, tenant: Tenant): void {
  if (tenant.paused === 0) return
  tenant.paused = 0
  lane.paused.delete(tenant.name)
  for (const flow of [tenant.s, tenant.a]) {
    if (flow.filed === 0) continue
    flow.tag = Math.max(flow.tag, lane.sum.v as number) + tie(lane)
    makeReady(lane, turn, flow)
  }
}

export function tenant(lane: LaneState, name: string, revision: number, weight: number, movedTo: string, waitMs: number): number {
  const { turn, commit } = beginTurn(lane)
  const books = lane.tenant(name)
  if (revision < books.rev) return books.rev
  const was = books.weight
  Object.assign(books, { rev: revision, weight, moved: movedTo })
  for (const flow of [books.s, books.a]) {
    if (flow.queued > 0) lane.sum.backlogWeight = Math.max(0, (lane.sum.backlogWeight as number) + weightOf(flow) * (1 - was / weight))
  }
  if (waitMs > 0) {
    books.paused = lane.now + waitMs
    lane.paused.add(name)
    lane.ready.delete(books.s.key)
    lane.ready.delete(books.a.key)
  } else resume(lane, turn, books)
  claim(lane, turn, 16)
  commit()
  return revision
}

export function configure(lane: LaneState, name: string, revision: number, cap: number): number {
  const { turn, commit } = beginTurn(lane)
  const fn = lane.fn(name)
  if (revision <= fn.rev) return fn.rev
  Object.assign(fn, { rev: revision, cap })
  if (cap === 0) flush(lane, turn, fn)
  fileAll(lane, turn)
  claim(lane, turn, 16)
  commit()
  return revision
}

/** 0 not here, 1 taken out of the queue, 2 running. */
export function cancel(lane: LaneState, keys: readonly string[]): number[] {
  const { turn, commit } = beginTurn(lane)
  const places = keys.map((key, i) => (keys.indexOf(key) === i ? lane.inv.get(key) : undefined))
  const answers = keys.map((key, i) => {
    const place = places[i]
    if (place === undefined) return 0
    if (place !== 'q') {
      push(turn, `inbox:${place}`, `abort|${key}`, '')
      return 2
    }
    const job = lane.jobs.get(key) as Job
    remove(lane, turn, job)
    verdict(lane, turn, job, 0, '', { kind: 'cancelled' })
    return 1
  })
  claim(lane, turn, 16)
  commit()
  return answers
}

export function forget(lane: LaneState, items: readonly { fn: string; key: string }[]): number {
  const { commit } = beginTurn(lane)
  let dropped = 0
  for (const { fn, key } of items) {
    const name = `${fn}:${key}`
    const entry = lane.idem.get(name)
    if (entry === undefined || entry.state === 'run') continue
    dropKept(lane, fn.split('/')[0] as string, keptMember(name, entry.answer))
    dropped++
  }
  commit()
  return dropped
}

/** Redis has begun anew, and so it seems to the lane: it hands out nothing until its workers have spoken. */
export function wake(lane: LaneState): void {
  const { commit } = beginTurn(lane)
  lane.unheard.clear()
  if (lane.workers.size > 0) {
    for (const id of lane.workers.keys()) lane.unheard.add(id)
    lane.sum.heldUntil = lane.now + 2_000
  }
  commit()
}
