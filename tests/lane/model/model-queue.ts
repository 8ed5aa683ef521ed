import type { Entry, Flow, Fn, Head, Job, Lease, Worker } from './lane-shapes.ts'
import { inOrder, type LaneState, rounded } from './lane-state.ts'
import { verdict } from './model-answers.ts'
import { dominant, expectedMs, file, fileBoth, loadVersion, mayTake, moveTags, shareFor, type Turn, weightOf } from './model-fairness.ts'
import { choose, decimal, release, reserve, take, unreserve } from './model-placing.ts'

const RESERVE_AFTER_MS = 100
const RESERVE_UNTIL_MS = 30_000
const LINES = 8
const SHALLOW = 16
export const DEEP = 96

export function lineOf(lane: LaneState, name: string): Entry[] {
  const line = lane.lines.get(name) ?? []
  lane.lines.set(name, line)
  return line
}

function lineName(head: Head): string {
  return `${head.class}:${head.fn}`
}

function countQueued(lane: LaneState, head: Head, share: number, cost: number, sign: 1 | -1, bytes: number): Fn {
  const fn = lane.fn(head.fn)
  const tenant = lane.tenant(fn.tenant)
  const flow = tenant[head.class]
  const sum = lane.sum as Record<'queued' | 'queuedMb' | 'queuedCpu' | 'queuedBytes' | 'queuedWork' | 'backlogWeight', number>
  fn[head.class].queued += sign
  const before = flow.queued
  flow.queued += sign
  flow.work = flow.queued === 0 ? 0 : Math.max(0, flow.work + sign * cost)
  tenant.bytes += sign * bytes
  if (before === 0) sum.backlogWeight += weightOf(flow)
  else if (flow.queued === 0) sum.backlogWeight = Math.max(0, sum.backlogWeight - weightOf(flow))
  sum.queued += sign
  sum.queuedMb += sign * head.mb
  sum.queuedCpu += sign * share
  sum.queuedBytes += sign * bytes
  sum.queuedWork = sum.queued === 0 ? 0 : Math.max(0, sum.queuedWork + sign * cost)
  return fn
}

export function enqueue(lane: LaneState, turn: Turn, head: Head, share: number, acceptedAt: number, payload: string, front: boolean): void {
  const cost = expectedMs(loadVersion(lane, turn, head.versionId)) * dominant(lane, turn, head.mb, share)
  const limitMs = Math.min(head.maxWaitMs, head.deadlineMs)
  const text = `${acceptedAt}|${limitMs}|${head.deadlineMs}|${head.mb}|${head.versionId}|${head.trigger}|${head.key}`
  const entry: Entry = {
    text,
    key: head.key,
    acceptedAt,
    limitMs,
    deadlineMs: head.deadlineMs,
    mb: head.mb,
    versionId: head.versionId,
    trigger: head.trigger,
  }
  if (front) lineOf(lane, lineName(head)).unshift(entry)
  else lineOf(lane, lineName(head)).push(entry)
  lane.jobs.set(head.key, { ...head, share, acceptedAt, cost: rounded(cost), payload })
  lane.due.set(head.key, acceptedAt + limitMs)
  lane.inv.set(head.key, 'q')
  file(lane, turn, countQueued(lane, head, share, cost, 1, payload.length), head.class)
}

function unqueue(lane: LaneState, turn: Turn, job: Job): Fn {
  if (job.key === turn.reservedKey) unreserve(lane, turn)
  lane.jobs.delete(job.key)
  lane.due.delete(job.key)
  return countQueued(lane, job, job.share, job.cost, -1, job.payload.length)
}

/** Out of its line, for good. */
export function remove(lane: LaneState, turn: Turn, job: Job): void {
  const fn = unqueue(lane, turn, job)
  lane.inv.delete(job.key)
  const line = lineOf(lane, lineName(job))
  line.splice(
    line.findIndex(({ key }) => key === job.key),
    1,
  )
  file(lane, turn, fn, job.class)
}

/** All that waits of a function, answered `cancelled`. */
export function flush(lane: LaneState, turn: Turn, fn: Fn): void {
  for (const cls of ['s', 'a'] as const) {
    for (const { key } of lineOf(lane, `${cls}:${fn.key}`).splice(0)) {
      const job = lane.jobs.get(key) as Job
      unqueue(lane, turn, job)
      lane.inv.delete(key)
      verdict(lane, turn, job, 0, '', { kind: 'cancelled' })
    }
  }
}

interface Found {
  readonly fn: Fn
  readonly flow: Flow
  readonly entry: Entry
  readonly share: number
  readonly worker: Worker | undefined
  readonly warm: boolean
}

/** The head of a line, and where it can start now; nothing when it may not; 'again' when it had expired. */
function lookAt(lane: LaneState, turn: Turn, fn: Fn, flow: Flow): Found | 'again' | undefined {
  const line = lineOf(lane, `${flow.class}:${fn.key}`)
  const entry = line[0] as Entry
  const waited = lane.now - entry.acceptedAt
  const v = loadVersion(lane, turn, entry.versionId)
  if (waited >= entry.limitMs || (v.n > 0 && waited + v.run > entry.deadlineMs)) {
    line.shift()
    const job = lane.jobs.get(entry.key) as Job
    unqueue(lane, turn, job)
    lane.inv.delete(entry.key)
    verdict(lane, turn, job, 0, '', { kind: 'expired' })
    file(lane, turn, fn, flow.class)
    return 'again'
  }
  const share = shareFor(entry.trigger, v)
  if (!mayTake(lane, turn, flow.tenant, flow.class, entry.trigger)) return undefined
  const { worker, warm = false } = choose(lane, turn, entry.mb, share, v, entry.key) ?? {}
  return { fn, flow, entry, share, worker, warm }
}

function start(lane: LaneState, turn: Turn, { fn, flow, entry, share, worker }: Found): void {
  lineOf(lane, `${flow.class}:${fn.key}`).shift()
  const job = lane.jobs.get(entry.key) as Job
  unqueue(lane, turn, job)
  take(lane, turn, worker as Worker, headOf(job), share, entry.acceptedAt, job.payload)
  fileBoth(lane, turn, fn)
}

/** Starts one, of the flow with the least tag among those with one that fits. Whether to look for another. */
function startOne(lane: LaneState, turn: Turn, most: number): boolean {
  let [looked, spared] = [0, 0]
  let passed: Found | undefined
  for (const name of inOrder(lane.ready).slice(0, DEEP)) {
    const flow = lane.tenant(name.slice(2))[name.slice(0, 1) as 's' | 'a']
    let best: Found | undefined
    const held = !mayTake(lane, turn, flow.tenant, flow.class, '')
    for (const key of held && flow.class === 'a' ? [] : inOrder(lane.flows.get(name)).slice(0, LINES)) {
      if ((held ? spared : looked) >= most) break
      if (held) spared++
      else looked++
      const found = lookAt(lane, turn, lane.fn(key), flow)
      if (found === 'again') return true
      if (found?.worker !== undefined) {
        if (best === undefined || found.warm) best = found
        if (best.warm) break
      } else if (found !== undefined && lane.now - found.entry.acceptedAt >= RESERVE_AFTER_MS && lane.now - found.entry.acceptedAt < RESERVE_UNTIL_MS)
        passed ??= found
    }
    if (best !== undefined && passed !== undefined && turn.reservedWorker === undefined) {
      reserve(lane, turn, passed.entry.mb, passed.entry.key)
      if (best.worker?.id === turn.reservedWorker) return true
    }
    if (best !== undefined) {
      start(lane, turn, best)
      return true
    }
    if (looked >= most) return false
  }
  return false
}

export function claim(lane: LaneState, turn: Turn, limit: number, most = SHALLOW): void {
  if ((lane.sum.heldUntil as number) > lane.now) return
  for (let n = 0; n < limit && (lane.sum.queued as number) > 0; n++) if (!startOne(lane, turn, most)) return
}

/** Back to the front of its line, as if it had never been handed over. */
export function putBack(lane: LaneState, turn: Turn, worker: string, lease: Lease, payload: string): void {
  release(lane, turn, worker, lease)
  moveTags(lane, turn, lane.fn(lease.fn), lease.class, -lease.cost)
  enqueue(lane, turn, headOf(lease), lease.share, lease.acceptedAt, payload, true)
}

/** Without what was added since it was submitted. */
function headOf({ text, key, id, attempt, fn, versionId, mb, gateway, deadlineMs, maxWaitMs, trigger, idem, class: cls }: Head): Head {
  return { text, key, id, attempt, fn, versionId, mb, gateway, deadlineMs, maxWaitMs, trigger, idem, class: cls }
}

export function jobText(job: Job): string {
  return `${job.text}|${job.share}|${job.acceptedAt}|0|${decimal(job.cost)}\n${job.payload}`
}
