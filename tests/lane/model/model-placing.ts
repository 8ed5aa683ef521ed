import type { Head, Lease, Version, Worker } from './lane-shapes.ts'
import { type LaneState, rounded } from './lane-state.ts'
import { push } from './model-answers.ts'
import { charge, dominant, expectedMs, loadVersion, type Turn, takesWork } from './model-fairness.ts'

const RESERVED_MS = 1_000

export function unreserve(lane: LaneState, turn: Turn): void {
  turn.reservedWorker = undefined
  turn.reservedKey = undefined
  lane.reserved = ''
}

/** Where it should run: it must fit; then warm before cold, then most CPU to spare. */
export function choose(
  lane: LaneState,
  turn: Turn,
  mb: number,
  share: number,
  v: Version,
  key: string,
): { worker: Worker; warm: boolean } | undefined {
  if ((lane.sum.heldUntil as number) > lane.now) return undefined
  const fitting = [...lane.workers.values()]
    .filter(
      (w) => takesWork(lane, w) && w.mb >= mb && (w.cpu >= share || w.running === 0) && (w.id !== turn.reservedWorker || key === turn.reservedKey),
    )
    .map((worker) => ({ worker, warm: (v.resident.get(worker.id) ?? 0) > (v.leased.get(worker.id) ?? 0) }))
  fitting.sort((a, b) => Number(b.warm) - Number(a.warm) || b.worker.cpu - a.worker.cpu || (a.worker.id < b.worker.id ? -1 : 1))
  return fitting[0]
}

/** The emptiest that can hold it takes nothing else for a while. */
export function reserve(lane: LaneState, turn: Turn, mb: number, key: string): void {
  const [best] = [...lane.workers.values()]
    .filter((w) => takesWork(lane, w) && w.capacity >= mb)
    .sort((a, b) => a.running - b.running || (a.id < b.id ? -1 : 1))
  if (best === undefined) return
  turn.reservedWorker = best.id
  turn.reservedKey = key
  lane.reserved = `${best.id}|${key}|${lane.now + RESERVED_MS}`
}

function add(lane: LaneState, name: string, by: number): void {
  lane.sum[name] = (lane.sum[name] as number) + by
}

function book(lane: LaneState, worker: Worker | undefined, head: Head, share: number, sign: 1 | -1): void {
  const fn = lane.fn(head.fn)
  const tenant = lane.tenant(fn.tenant)
  const [mb, cpu] = [sign * head.mb, sign * share]
  if (worker !== undefined) {
    worker.mb -= mb
    worker.cpu -= cpu
    worker.running += sign
  }
  fn.running += sign
  tenant.mb += mb
  tenant.cpu += cpu
  tenant.running += sign
  if (head.class === 'a') {
    add(lane, 'asyncMb', mb)
    add(lane, 'asyncCpu', cpu)
  }
  add(lane, 'inFlight', sign)
  add(lane, 'inFlightMb', mb)
  add(lane, 'inFlightCpu', cpu)
}

function setLeased(v: Version, worker: string, count: number): void {
  v.leased.set(worker, count)
  v.write.set(`l:${worker}`, count > 0 && String(count))
  v.changed = true
}

/** `payload`: none when the worker has it already. */
export function take(lane: LaneState, turn: Turn, worker: Worker, head: Head, share: number, acceptedAt: number, payload?: string): void {
  const fn = lane.fn(head.fn)
  const v = loadVersion(lane, turn, head.versionId)
  book(lane, worker, head, share, 1)
  const cost = expectedMs(v) * dominant(lane, turn, head.mb, share)
  charge(lane, turn, fn, head.class, cost)
  setLeased(v, worker.id, (v.leased.get(worker.id) ?? 0) + 1)
  const lease = { ...head, share, acceptedAt, startedAt: lane.now, cost: rounded(cost) }
  turn.taken.add(head.key)
  lane.inv.set(head.key, worker.id)
  lane.leasesOf(worker.id).set(head.key, lease)
  if (payload !== undefined) {
    const left = acceptedAt + head.deadlineMs - lane.now
    push(turn, `inbox:${worker.id}`, `${left}|${fn.boxed > lane.now ? 'boxed' : ''}|${leaseText(lease)}`, payload)
  }
}

export function leaseText(lease: Lease): string {
  return `${lease.text}|${lease.share}|${lease.acceptedAt}|${lease.startedAt}|${decimal(lease.cost)}`
}

/** As the scripts write numbers that need not be whole, without zeros at their end (`canonical`, lane-dump.ts). */
export function decimal(value: number): string {
  return String(rounded(value))
}

export function release(lane: LaneState, turn: Turn, worker: string, lease: Lease): void {
  book(lane, lane.workers.get(worker), lease, lease.share, -1)
  const v = loadVersion(lane, turn, lease.versionId)
  setLeased(v, worker, Math.max(0, (v.leased.get(worker) ?? 0) - 1))
  lane.inv.delete(lease.key)
  lane.leasesOf(worker).delete(lease.key)
}
