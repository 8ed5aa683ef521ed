import { deepStrictEqual } from 'node:assert'
import type { Fn, Head, Lease } from './lane-shapes.ts'
import type { LaneState } from './lane-state.ts'
import { loadVersion, mayTake, shareFor } from './model-fairness.ts'
import { choose } from './model-placing.ts'
import { beginTurn } from './model-turn.ts'
import type { Call } from './story-teller.ts'

/** A call of a verb hands out no more than this, so that after one that did, fitting work may still wait. */
const CLAIMS_AT_ONCE = 16
/** Work is kept with six decimals, and added up in another order. */
const NEARLY = 0.01

/** What is true of every lane after every verb, said without a word on how verbs do it. */
export class LaneInvariants {
  readonly #lane: LaneState
  readonly #recorded = new Set<string>()
  #records = 0
  #running = 0
  #queued = 0
  #v = 0
  #free = new Map<string, { readonly mb: number; readonly cpu: number }>()
  #limitHit = false

  constructor(lane: LaneState) {
    this.#lane = lane
  }

  /** `accepted`: every key the lane has ever taken on. */
  check(last: Call | undefined, accepted: ReadonlySet<string>): void {
    const leases = [...this.#lane.leases.values()].flatMap((some) => [...some.values()])
    const verb = last !== undefined && 'verb' in last ? last.verb : undefined
    this.#checkWorkers(verb)
    this.#checkPlaces(leases, accepted)
    this.#checkFunctions(leases, verb)
    this.#checkTenants(leases)
    this.#checkSums(leases)
    if (last !== undefined && 'verb' in last && claims(last)) this.#checkNothingFitsThatWaits(leases.length)
    if ((this.#lane.sum.v as number) < this.#v) throw new Error('virtual time goes back')
    this.#v = this.#lane.sum.v as number
    this.#running = leases.length
    this.#queued = this.#lane.jobs.size
  }

  #checkWorkers(verb: string | undefined): void {
    for (const worker of this.#lane.workers.values()) {
      const leases = [...this.#lane.leasesOf(worker.id).values()]
      const { mb, cpu, running, capacity } = worker
      same(`free of ${worker.id}`, [mb, cpu, running], [capacity - total(leases, 'mb'), 1_000 - total(leases, 'share'), leases.length])
      // Less than nothing is free only where the worker took back what it had offered, or says that it runs more.
      const before = this.#free.get(`${worker.id}@${worker.epoch}`) ?? { mb: capacity, cpu: 1_000 }
      const given = verb !== 'beat' && verb !== 'nack' && verb !== 'reconcile'
      if (given && mb < 0 && mb < before.mb) throw new Error(`memory of ${worker.id}: ${mb}`)
      if (given && cpu < 0 && cpu < before.cpu) throw new Error(`CPU of ${worker.id}: ${cpu}`)
    }
    this.#free = new Map([...this.#lane.workers.values()].map(({ id, epoch, mb, cpu }) => [`${id}@${epoch}`, { mb, cpu }]))
    for (const [id, leases] of this.#lane.leases) if (leases.size > 0 && !this.#lane.workers.has(id)) throw new Error(`leases of ${id}, who is gone`)
  }

  /** Who was accepted is in exactly one place: a queue, a lease, or the record, and there once. */
  #checkPlaces(leases: readonly Lease[], accepted: ReadonlySet<string>): void {
    const lane = this.#lane
    const records = lane.streams.get('usage')?.entries ?? []
    for (const { fields } of records.slice(this.#records)) {
      for (let i = 1; i < fields.length; i += 2) {
        const key = (fields[i] as string).split(' ')[0] as string
        if (this.#recorded.has(key)) throw new Error(`${key} settles twice`)
        this.#recorded.add(key)
      }
    }
    this.#records = records.length
    same('open', lane.inv.size, lane.jobs.size + leases.length)
    for (const key of lane.jobs.keys()) same(`place of ${key}`, lane.inv.get(key), 'q')
    for (const [id, some] of lane.leases) for (const key of some.keys()) same(`place of ${key}`, lane.inv.get(key), id)
    for (const key of lane.inv.keys()) if (this.#recorded.has(key)) throw new Error(`${key} is open after its record`)
    for (const key of accepted) if (!lane.inv.has(key) && !this.#recorded.has(key)) throw new Error(`${key} is forgotten`)
    same('accepted', accepted.size, lane.inv.size + this.#recorded.size)
    same('due', [...lane.due.keys()].sort(), [...lane.jobs.keys()].sort())
  }

  #checkFunctions(leases: readonly Lease[], verb: string | undefined): void {
    const { functions, lines, jobs, tenants, flows, ready, now } = this.#lane
    for (const fn of functions.values()) {
      same(`running of ${fn.key}`, fn.running, leases.filter((lease) => lease.fn === fn.key).length)
      for (const cls of ['s', 'a'] as const) {
        const line = lines.get(`${cls}:${fn.key}`) ?? []
        same(`queued of ${cls}:${fn.key}`, fn[cls].queued, line.length)
        for (const { key } of line) same(`line of ${key}`, [jobs.get(key)?.fn, jobs.get(key)?.class], [fn.key, cls])
        const could = line.length > 0 && fn.running < fn.cap
        same(`filed of ${cls}:${fn.key} after ${verb}`, [fn[cls].filed, flows.get(`${cls}:${fn.tenant}`)?.has(fn.key) ?? false], [could, could])
      }
    }
    for (const tenant of tenants.values()) {
      for (const flow of [tenant.s, tenant.a]) {
        same(`filed of ${flow.key}`, flow.filed, flows.get(flow.key)?.size ?? 0)
        // Whose wait has ended is told so by the next reap.
        if (tenant.paused === 0 || tenant.paused > now) same(`${flow.key} is ready`, ready.has(flow.key), flow.filed > 0 && tenant.paused === 0)
      }
    }
  }

  #checkTenants(leases: readonly Lease[]): void {
    const jobs = [...this.#lane.jobs.values()]
    for (const tenant of this.#lane.tenants.values()) {
      const mine = ({ fn }: Head): boolean => fn.startsWith(`${tenant.name}/`)
      const held = leases.filter(mine)
      const waiting = jobs.filter(mine)
      const { mb, cpu, running, bytes } = tenant
      same(`books of ${tenant.name}`, [mb, cpu, running, bytes], [total(held, 'mb'), total(held, 'share'), held.length, bytesOf(waiting)])
      const kept = [...(this.#lane.kept.get(tenant.name)?.keys() ?? [])]
      same(
        `kept of ${tenant.name}`,
        tenant.kept,
        kept.reduce((sum, member) => sum + Number(member.split('|')[0]), 0),
      )
      for (const flow of [tenant.s, tenant.a]) {
        const there = waiting.filter((job) => job.class === flow.class)
        same(`queued of ${flow.key}`, flow.queued, there.length)
        near(`work of ${flow.key}`, flow.work, total(there, 'cost'))
      }
    }
  }

  #checkSums(leases: readonly Lease[]): void {
    const { sum, tenants } = this.#lane
    const jobs = [...this.#lane.jobs.values()]
    const background = leases.filter((lease) => lease.class === 'a')
    const { queued, queuedMb, queuedCpu, queuedBytes, inFlight, inFlightMb, inFlightCpu, asyncMb, asyncCpu } = sum
    same('queued', [queued, queuedMb, queuedCpu, queuedBytes], [jobs.length, total(jobs, 'mb'), total(jobs, 'share'), bytesOf(jobs)])
    same('in flight', [inFlight, inFlightMb, inFlightCpu], [leases.length, total(leases, 'mb'), total(leases, 'share')])
    same('asynchronous', [asyncMb, asyncCpu], [total(background, 'mb'), total(background, 'share')])
    near('queued work', sum.queuedWork as number, total(jobs, 'cost'))
    let weight = 0
    for (const { weight: own, s, a } of tenants.values()) weight += (s.queued > 0 ? own : 0) + (a.queued > 0 ? own / 4 : 0)
    near('weight of the backlog', sum.backlogWeight as number, weight)
  }

  #checkNothingFitsThatWaits(running: number): void {
    const lane = this.#lane
    const started = Math.max(running - this.#running, this.#queued - lane.jobs.size)
    const fitting = (lane.sum.heldUntil as number) > lane.now ? [] : [...lane.functions.values()].flatMap((fn) => this.#fittingHeads(fn))
    if (fitting.length === 0) this.#limitHit = false
    else if (started >= CLAIMS_AT_ONCE) this.#limitHit = true
    if (!this.#limitHit) same('heads that wait beside room for them', fitting, [])
  }

  #fittingHeads(fn: Fn): string[] {
    const lane = this.#lane
    const { turn } = beginTurn(lane)
    return (['s', 'a'] as const).flatMap((cls) => {
      const head = lane.lines.get(`${cls}:${fn.key}`)?.[0]
      const tenant = lane.tenant(fn.tenant)
      if (head === undefined || fn.running >= fn.cap || tenant.paused !== 0) return []
      const v = loadVersion(lane, turn, head.versionId)
      const share = shareFor(head.trigger, v)
      const may = mayTake(lane, turn, tenant, cls, head.trigger)
      return may && choose(lane, turn, head.mb, share, v, head.key) !== undefined ? [head.key] : []
    })
  }
}

/** Whether this call has looked for something to start. */
function claims(call: Extract<Call, { verb: string }>): boolean {
  const { verb, expected, args } = call
  if (expected === 'gone') return false
  switch (verb) {
    case 'submit':
      return (expected as unknown[]).includes(1)
    case 'reconcile':
      return args[3] === 'last'
    case 'drain':
      return expected === 1
    case 'configure':
    case 'tenant':
      return expected === args[1]
    case 'beat':
    case 'join':
    case 'leave':
    case 'cancel':
    case 'reap':
    case 'nack':
    case 'settle':
      return true
    default:
      return false
  }
}

function total<K extends string>(jobs: readonly { readonly [name in K]: number }[], what: K): number {
  return jobs.reduce((sum, job) => sum + job[what], 0)
}

function bytesOf(jobs: readonly { readonly payload: string }[]): number {
  return jobs.reduce((sum, { payload }) => sum + payload.length, 0)
}

/** Ten thousand stories compare millions of these: only those that differ are looked at closely. */
function same(what: string, actual: unknown, wanted: unknown): void {
  if (actual === wanted) return
  if (Array.isArray(actual) && Array.isArray(wanted) && actual.length === wanted.length && actual.every((one, i) => one === wanted[i])) return
  try {
    deepStrictEqual(actual, wanted)
  } catch (error) {
    throw new Error(what, { cause: error })
  }
}

function near(what: string, actual: number, wanted: number): void {
  if (Math.abs(actual - wanted) > NEARLY) throw new Error(`${what} is ${actual}, should be ${wanted}`)
}
