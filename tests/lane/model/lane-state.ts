import type { Entry, Fn, Idem, Job, Lease, Line, Stream, Tenant, Worker } from './lane-shapes.ts'

export const GAUGES = 'queued queuedMb queuedCpu queuedBytes queuedWork inFlight inFlightMb inFlightCpu asyncMb asyncCpu backlogWeight'.split(' ')
export const INTEGRALS = { queued: 'queuedMs', inFlight: 'inFlightMs', inFlightMb: 'inFlightMbMs', inFlightCpu: 'inFlightCpuMs' }
const COUNTERS = 'arrivals refused settled runMs cpuMs at poked v ties soleSince syncAt starting startingAt heldUntil'.split(' ')

/** Numbers as the scripts write them: whole, or with six decimals, and what lies between two of them as C does it, to the even one. */
export function rounded(value: number): number {
  if (Number.isInteger(value)) return value
  // Only odd 128ths have a seventh decimal that is their last, and a 5.
  if (Math.abs((value * 128) % 2) !== 1) return Number(value.toFixed(6))
  const below = Math.floor(value * 1e6)
  return (below + Math.abs(below % 2)) / 1e6
}

/** A lane in memory, as plain as can be: what the stories predict with. Its rules are those of runtime/lane/README.md. */
export class LaneState {
  now = 1_000_000
  readonly run: string
  readonly workers = new Map<string, Worker>()
  readonly leases = new Map<string, Map<string, Lease>>()
  readonly inv = new Map<string, string>()
  readonly jobs = new Map<string, Job>()
  readonly lines = new Map<string, Entry[]>()
  readonly flows = new Map<string, Map<string, number>>()
  readonly ready = new Map<string, number>()
  readonly due = new Map<string, number>()
  readonly functions = new Map<string, Fn>()
  readonly tenants = new Map<string, Tenant>()
  readonly versions = new Map<string, Map<string, string>>()
  readonly streams = new Map<string, Stream>()
  readonly idem = new Map<string, Idem>()
  readonly kept = new Map<string, Map<string, number>>()
  readonly paused = new Set<string>()
  readonly unheard = new Set<string>()
  /** By worker, its epoch and the number of the last nack it said. */
  readonly nacked = new Map<string, readonly [epoch: string, number: number]>()
  /** Last entry each worker has read, through its group. */
  readonly delivered = new Map<string, string>()
  readonly sum: Record<string, number> = Object.fromEntries([...GAUGES, ...COUNTERS, ...Object.values(INTEGRALS)].map((name) => [name, 0]))
  sole = ''
  reserved = ''
  /** What of the sums was ever written. */
  readonly written = new Set<string>()
  epoch = 0
  reap: { at: number; grace: number } | undefined

  /** `run`: Redis' run id. */
  constructor(run: string) {
    this.run = run
  }

  stream(name: string): Stream {
    let stream = this.streams.get(name)
    if (stream === undefined) {
      stream = { entries: [], lastMs: 0, lastSeq: 0 }
      this.streams.set(name, stream)
    }
    return stream
  }

  append(name: string, fields: readonly string[]): void {
    const stream = this.stream(name)
    const seq = stream.lastMs === this.now ? stream.lastSeq + 1 : 0
    stream.lastMs = this.now
    stream.lastSeq = seq
    stream.entries.push({ id: `${this.now}-${seq}`, fields })
  }

  leasesOf(worker: string): Map<string, Lease> {
    let leases = this.leases.get(worker)
    if (leases === undefined) {
      leases = new Map()
      this.leases.set(worker, leases)
    }
    return leases
  }

  tenant(name: string): Tenant {
    let tenant = this.tenants.get(name)
    if (tenant === undefined) {
      const books = { rev: -1, weight: 1, moved: '', paused: 0, mb: 0, cpu: 0, running: 0, kept: 0, bytes: 0 }
      const made = { name, ...books } as { -readonly [K in keyof Tenant]: Tenant[K] }
      made.s = { key: `s:${name}`, class: 's', tenant: made, tag: 0, v: 0, queued: 0, work: 0, filed: 0 }
      made.a = { key: `a:${name}`, class: 'a', tenant: made, tag: 0, v: 0, queued: 0, work: 0, filed: 0 }
      this.tenants.set(name, made)
      tenant = made as Tenant
    }
    return tenant
  }

  fn(key: string): Fn {
    let fn = this.functions.get(key)
    if (fn === undefined) {
      const line = (): Line => ({ queued: 0, tag: 0, filed: false })
      fn = { key, tenant: key.split('/')[0] as string, rev: -1, cap: 0, running: 0, struck: 0, boxed: 0, s: line(), a: line() }
      this.functions.set(key, fn)
    }
    return fn
  }
}

/** Members of a sorted set, in its order: by score, then by name. */
export function inOrder(set: ReadonlyMap<string, number> | undefined): string[] {
  return [...(set ?? [])].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)).map(([member]) => member)
}

export function compareIds(a: string, b: string): number {
  const [aMs, aSeq] = a.split('-').map(Number) as [number, number]
  const [bMs, bSeq] = b.split('-').map(Number) as [number, number]
  return aMs - bMs || aSeq - bSeq
}
