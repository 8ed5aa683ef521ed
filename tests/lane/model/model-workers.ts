import type { Head, Lease, Worker } from './lane-shapes.ts'
import { compareIds, type LaneState } from './lane-state.ts'
import { conclude, reply, verdict } from './model-answers.ts'
import { dominant, fileAll, fileBoth, loadVersion, moveTags, observe, type Turn } from './model-fairness.ts'
import { release, take, unreserve } from './model-placing.ts'
import { claim, DEEP, putBack, remove } from './model-queue.ts'
import { trim } from './model-submit.ts'
import { beginTurn } from './model-turn.ts'

export interface Settlement {
  readonly key: string
  readonly cpuMs: number
  readonly waitMs: number
  readonly runMs: number
  /** '1': its reply went beside the lane. 'n': nothing of it ran. */
  readonly mark: '' | '1' | 'n'
  readonly frame: string
  readonly record: string
}

export function heldBy(lane: LaneState, id: string, epoch: string): Worker | undefined {
  const worker = lane.workers.get(id)
  return worker?.epoch === epoch ? worker : undefined
}

/** Name → riders. */
type Resident = ReadonlyMap<string, number>

function hearResident(lane: LaneState, turn: Turn, worker: Worker, resident: Resident): void {
  for (const [id, riders] of resident) {
    const v = loadVersion(lane, turn, id)
    v.resident.set(worker.id, riders)
    v.write.set(`r:${worker.id}`, riders !== 0 && String(riders))
    v.changed = true
  }
}

export function beat(lane: LaneState, id: string, epoch: string, lastRead: string, capacity: number, resident: Resident): string {
  const { turn, commit } = beginTurn(lane)
  const worker = heldBy(lane, id, epoch)
  if (worker === undefined) return 'gone'
  trim(lane, `inbox:${id}`, lastRead)
  worker.mb += capacity - worker.capacity
  worker.capacity = capacity
  worker.beat = lane.now
  hearResident(lane, turn, worker, resident)
  claim(lane, turn, 16, DEEP)
  commit()
  return worker.state
}

function settleLease(lane: LaneState, turn: Turn, worker: Worker, lease: Lease, { cpuMs, waitMs, runMs, mark, frame, record }: Settlement): void {
  release(lane, turn, worker.id, lease)
  const booked = Math.max(0, lane.now - lease.startedAt)
  moveTags(
    lane,
    turn,
    lane.fn(lease.fn),
    lease.class,
    Math.max(booked * dominant(lane, turn, lease.mb, lease.share), Math.min(booked, cpuMs)) - lease.cost,
  )
  if (lease.trigger !== 'deploy' && mark !== 'n') observe(loadVersion(lane, turn, lease.versionId), cpuMs, waitMs, booked)
  const { sum } = lane
  sum.settled = (sum.settled as number) + 1
  sum.runMs = (sum.runMs as number) + runMs
  sum.cpuMs = (sum.cpuMs as number) + cpuMs
  reply(turn, lease.gateway, 'f', lease.key, frame)
  conclude(lane, turn, lease, 'f', frame, mark !== 'n', mark === '1')
  turn.records.push(record)
}

export function settle(
  lane: LaneState,
  id: string,
  epoch: string,
  lastRead: string,
  resident: Resident,
  settlements: readonly Settlement[],
): 'gone' | number[] {
  const { turn, commit } = beginTurn(lane)
  const worker = heldBy(lane, id, epoch)
  if (worker === undefined) return 'gone'
  trim(lane, `inbox:${id}`, lastRead)
  hearResident(lane, turn, worker, resident)
  const answers = settlements.map((settlement) => {
    const lease = lane.leasesOf(id).get(settlement.key)
    if (lease === undefined) return 0
    settleLease(lane, turn, worker, lease, settlement)
    return 1
  })
  if (answers.length === 0) claim(lane, turn, 16)
  else if ((lane.sum.queued as number) > 0) {
    fileAll(lane, turn)
    claim(lane, turn, Math.max(16, answers.length))
  }
  commit()
  return answers
}

export function nack(
  lane: LaneState,
  id: string,
  epoch: string,
  capacity: number,
  number: number | '',
  items: readonly { key: string; payload: string }[],
): 'gone' | number[] {
  const { turn, commit } = beginTurn(lane)
  const worker = heldBy(lane, id, epoch)
  if (worker === undefined) return 'gone'
  if (number !== '') {
    const [of, last] = lane.nacked.get(id) ?? ['', 0]
    if (of === epoch && number <= last) return []
    lane.nacked.set(id, [epoch, number])
  }
  worker.mb += capacity - worker.capacity
  worker.capacity = capacity
  const answers = items.map(({ key, payload }) => {
    const lease = lane.leasesOf(id).get(key)
    if (lease === undefined) return 0
    putBack(lane, turn, id, lease, payload)
    return 1
  })
  fileAll(lane, turn)
  claim(lane, turn, 16)
  commit()
  return answers
}

export interface Reconciled {
  readonly lastRead: string
  /** More of it follows. */
  readonly more: boolean
  readonly runs: readonly Lease[]
  readonly settled: readonly { readonly lease: Lease; readonly settlement: Settlement }[]
}

export function reconcile(lane: LaneState, id: string, epoch: string, { lastRead, more, runs, settled }: Reconciled): 'gone' | number[] {
  const { turn, commit } = beginTurn(lane)
  const worker = heldBy(lane, id, epoch)
  if (worker === undefined) return 'gone'
  const known = new Set<string>()
  const placeOf = ({ key }: Head): string | undefined => {
    const job = lane.jobs.get(key)
    if (job === undefined) return lane.inv.get(key)
    remove(lane, turn, job)
    return undefined
  }
  const answers = runs.map((lease) => {
    const place = placeOf(lease)
    known.add(lease.key)
    if (place === undefined) {
      take(lane, turn, worker, lease, lease.share, lease.acceptedAt)
      fileBoth(lane, turn, lane.fn(lease.fn))
    }
    return place === undefined || place === id ? 1 : 0
  })
  for (const { lease, settlement } of settled) {
    if (known.has(lease.key)) continue
    known.add(lease.key)
    const place = placeOf(lease)
    if (place === id) settleLease(lane, turn, worker, lease, settlement)
    else if (place === undefined) {
      reply(turn, lease.gateway, 'f', lease.key, settlement.frame)
      turn.records.push(settlement.record)
      conclude(lane, turn, lease, 'f', settlement.frame, settlement.mark !== 'n', settlement.mark === '1')
    }
  }
  fileAll(lane, turn)
  if (!more) {
    for (const key of handedAfter(lane, id, lastRead)) known.add(key)
    for (const lease of inKeyOrder(lane.leasesOf(id))) {
      if (known.has(lease.key)) continue
      release(lane, turn, id, lease)
      const answer = { kind: 'lost', reason: 'Redis and its worker lost track of it', started: 'maybe' }
      verdict(lane, turn, lease, lease.startedAt, id, answer)
    }
    fileAll(lane, turn)
    hearFrom(lane, id)
    claim(lane, turn, 16)
  }
  commit()
  return answers
}

export function hearFrom(lane: LaneState, id: string): void {
  lane.unheard.delete(id)
  if ((lane.sum.heldUntil as number) > lane.now && lane.unheard.size === 0) lane.sum.heldUntil = 0
}

export function inKeyOrder(leases: ReadonlyMap<string, Lease>): Lease[] {
  return [...leases.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

export function isAfter(id: string, other: string): boolean {
  return other === '' || compareIds(id, other) > 0
}

/** The hand-overs in a worker's inbox after an entry of it. */
export function handedAfter(lane: LaneState, id: string, entry: string): string[] {
  const entries = (lane.streams.get(`inbox:${id}`)?.entries ?? []).filter(({ id: at }) => isAfter(at, entry))
  return entries.flatMap(({ fields }) =>
    fields.flatMap((name, i) => {
      const [left, , invocation, attempt] = name.split('|')
      return i % 2 === 0 && /^\d+$/.test(left ?? '') ? [`${invocation}/${attempt}`] : []
    }),
  )
}

/** A worker in no placement, or back in it. */
export function drain(lane: LaneState, id: string, state: 'r' | 'd'): number {
  const { turn, commit } = beginTurn(lane)
  const worker = lane.workers.get(id)
  if (worker === undefined) return 0
  worker.state = state
  if (id === turn.reservedWorker) unreserve(lane, turn)
  claim(lane, turn, 16)
  commit()
  return 1
}
