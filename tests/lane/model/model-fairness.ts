import type { Class, Flow, Fn, Tenant, Version, Worker } from './lane-shapes.ts'
import { type LaneState, rounded } from './lane-state.ts'

const STALE_MS = 750
const MOST_OF_LANE = 0.75
const ALONE_MS = 600_000

export interface Size {
  readonly mb: number
  readonly cpu: number
  readonly workers: number
}

/** What one verb knows while it runs. */
export interface Turn {
  size: Size | undefined
  readyEmpty: boolean | undefined
  reservedWorker: string | undefined
  reservedKey: string | undefined
  readonly taken: Set<string>
  readonly versions: Map<string, Version>
  /** Per stream, the fields of its next entry. */
  readonly out: Map<string, string[]>
  readonly records: string[]
}

export function takesWork(lane: LaneState, worker: Worker): boolean {
  return worker.state === 'r' && lane.now - worker.beat < STALE_MS
}

export function shareFor(trigger: string, v: Version): number {
  if (trigger === 'invoke') return 0
  if (v.n === 0) return 250
  return Math.min(900, Math.max(5, Math.ceil((1_000 * v.cpu) / Math.max(v.cpu + v.wait, 10))))
}

export function expectedMs(v: Version): number {
  return v.n === 0 ? 50 : Math.max(v.run, 1)
}

export function observe(v: Version, cpu: number, wait: number, run: number): void {
  const weight = Math.max(1 / (v.n + 1), 0.05)
  v.n = Math.min(v.n + 1, 1_000)
  v.write.set('n', String(v.n))
  for (const [name, value] of [
    ['cpu', cpu],
    ['wait', wait],
    ['run', run],
  ] as const) {
    const text = (v[name] + weight * (value - v[name])).toFixed(3)
    v.write.set(name, text)
    v[name] = Number(text)
  }
  v.changed = true
}

export function loadVersion(lane: LaneState, turn: Turn, id: string): Version {
  let v = turn.versions.get(id)
  if (v !== undefined) return v
  v = { id, resident: new Map(), leased: new Map(), n: 0, cpu: 0, wait: 0, run: 0, write: new Map(), changed: false }
  for (const [field, value] of lane.versions.get(id) ?? []) {
    const worker = field.slice(2)
    if (!/^[rl]:/.test(field)) v[field as 'n' | 'cpu' | 'wait' | 'run'] = Number(value)
    else if (!lane.workers.has(worker)) v.write.set(field, false)
    else (field.startsWith('r:') ? v.resident : v.leased).set(worker, Number(value))
  }
  turn.versions.set(id, v)
  return v
}

export function measure(lane: LaneState, turn: Turn): Size {
  if (turn.size === undefined) {
    const there = [...lane.workers.values()].filter((worker) => takesWork(lane, worker))
    turn.size = { mb: there.reduce((sum, { capacity }) => sum + capacity, 0), cpu: 1_000 * there.length, workers: there.length }
  }
  return turn.size
}

export function dominant(lane: LaneState, turn: Turn, mb: number, share: number): number {
  const { mb: all, workers } = measure(lane, turn)
  const workerMb = workers > 0 && all > 0 ? all / workers : 4_096
  return Math.max(mb / workerMb, share / 1_000, 0.001)
}

export function weightOf(flow: Flow): number {
  return flow.tenant.weight * (flow.class === 'a' ? 0.25 : 1)
}

export function tie(lane: LaneState): number {
  lane.sum.ties = ((lane.sum.ties as number) + 1) % 100_000
  return lane.sum.ties / 1_000_000
}

export function nothingReady(lane: LaneState, turn: Turn): boolean {
  turn.readyEmpty ??= lane.ready.size === 0
  return turn.readyEmpty
}

export function makeReady(lane: LaneState, turn: Turn, flow: Flow): void {
  turn.readyEmpty = false
  lane.ready.set(flow.key, rounded(flow.tag))
}

function rank(lane: LaneState, flow: Flow, fn: Fn): void {
  let set = lane.flows.get(flow.key)
  if (set === undefined) {
    set = new Map()
    lane.flows.set(flow.key, set)
  }
  set.set(fn.key, rounded(fn[flow.class].tag))
}

/** Puts a function and its flow among those that could start one, or takes them out. */
export function file(lane: LaneState, turn: Turn, fn: Fn, cls: Class): void {
  const line = fn[cls]
  const tenant = lane.tenant(fn.tenant)
  const flow = tenant[cls]
  const could = line.queued > 0 && fn.running < fn.cap
  if (could === line.filed) return
  line.filed = could
  if (could) {
    line.tag = Math.max(line.tag, flow.v) + tie(lane)
    rank(lane, flow, fn)
    flow.filed++
    if (flow.filed === 1 && tenant.paused <= lane.now) {
      flow.tag = Math.max(flow.tag, lane.sum.v as number) + tie(lane)
      makeReady(lane, turn, flow)
    }
  } else {
    lane.flows.get(flow.key)?.delete(fn.key)
    flow.filed--
    if (flow.filed === 0) lane.ready.delete(flow.key)
  }
}

export function fileBoth(lane: LaneState, turn: Turn, fn: Fn): void {
  file(lane, turn, fn, 's')
  file(lane, turn, fn, 'a')
}

export function fileAll(lane: LaneState, turn: Turn): void {
  for (const key of [...lane.functions.keys()].sort()) fileBoth(lane, turn, lane.fn(key))
}

export function moveTags(lane: LaneState, turn: Turn, fn: Fn, cls: Class, by: number): void {
  const tenant = lane.tenant(fn.tenant)
  const [flow, line] = [tenant[cls], fn[cls]]
  flow.tag = Math.max(0, flow.tag + by / weightOf(flow))
  line.tag = Math.max(0, line.tag + by / weightOf(flow))
  if (line.filed) rank(lane, flow, fn)
  if (flow.filed > 0 && tenant.paused <= lane.now) makeReady(lane, turn, flow)
}

export function charge(lane: LaneState, turn: Turn, fn: Fn, cls: Class, cost: number): void {
  const [flow, line] = [lane.tenant(fn.tenant)[cls], fn[cls]]
  if (flow.filed === 0) flow.tag = Math.max(flow.tag, lane.sum.v as number)
  if (!line.filed) line.tag = Math.max(line.tag, flow.v)
  lane.sum.v = Math.max(lane.sum.v as number, flow.tag)
  flow.v = Math.max(flow.v, line.tag)
  moveTags(lane, turn, fn, cls, cost)
}

/** Whether the lane may give more to this tenant and class: by what they hold already. */
export function mayTake(lane: LaneState, turn: Turn, tenant: Tenant, cls: Class, trigger: string): boolean {
  if (trigger === 'invoke') return true
  const size = measure(lane, turn)
  const [mostMb, mostCpu] = [MOST_OF_LANE * size.mb, MOST_OF_LANE * size.cpu]
  const alone = lane.sole === tenant.name && lane.now - (lane.sum.soleSince as number) >= ALONE_MS
  if ((tenant.mb >= mostMb || tenant.cpu >= mostCpu) && !alone) return false
  const { asyncMb = 0, asyncCpu = 0, syncAt = 0 } = lane.sum
  return cls === 's' || lane.now - syncAt >= ALONE_MS || (asyncMb < mostMb && asyncCpu < mostCpu)
}

export function noteArrival(lane: LaneState, tenant: Tenant, cls: Class): void {
  if (lane.sole !== tenant.name) {
    lane.sum.soleSince = lane.sole === '' ? 0 : lane.now
    lane.sole = tenant.name
  }
  if (cls === 's') lane.sum.syncAt = lane.now
}
