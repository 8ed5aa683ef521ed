import type { Verb } from '../../../runtime/lane/scripts.ts'
import { idOf } from '../../unit/billing/usage-fixture.ts'
import type { DrawnItem, DrawnVerb } from './drawn-verbs.ts'
import type { Dump } from './lane-dump.ts'
import type { Lease } from './lane-shapes.ts'
import { LaneState } from './lane-state.ts'
import { leaseText } from './model-placing.ts'
import { type Submitted, submit } from './model-submit.ts'
import * as workers from './model-workers.ts'
import { FORGOTTEN, headOf, settlementOf, statsOf } from './story-items.ts'

/** What is to be said to the lane in Redis, and what it must answer. */
export type Call =
  | { readonly verb: Verb; readonly atMs: number; readonly args: readonly (string | number)[]; readonly expected: unknown }
  | { readonly command: readonly [string, ...(string | number)[]]; readonly expected?: unknown }
  | { readonly dump: Dump }

const MOST_QUEUED = 12
const MOST_BYTES = 400
const MOST_TENANT_BYTES = 200

/** Says verbs to the model, and writes down how they are to be said to Redis. */
export class StoryTeller {
  readonly lane: LaneState
  readonly calls: Call[] = []
  protected readonly prefix: string
  protected readonly sent: Submitted[] = []
  protected readonly accepted = new Set<string>()
  /** Their senders know what became of them. */
  protected readonly answered = new Set<string>()
  protected readonly settled: string[] = []
  readonly #attempts = new Map<string, number>()
  protected readonly lastReply = new Map<string, string>()
  protected readonly lastRead = new Map<string, string>()
  #next = 1
  protected revision = 1

  constructor(prefix: string, run: string) {
    this.prefix = prefix
    this.lane = new LaneState(run)
  }

  protected newItem(gateway: string, drawn: DrawnItem): Submitted {
    const { fn, version, mb, trigger, bytes, maxWaitMs, deadlineMs, idem, print, fresh } = drawn
    const id = idOf(this.#next++)
    const background = trigger === 'async' || trigger === 'schedule'
    const head = headOf({
      id,
      attempt: 1,
      fn,
      version,
      mb,
      gateway,
      deadlineMs,
      maxWaitMs,
      trigger,
      idem: background ? `${id}/1` : idem === 0 ? '' : `key${idem}`,
    })
    return {
      head,
      revision: fresh ? this.revision + 5 : 1,
      tenantRevision: -1,
      payload: 'x'.repeat(bytes),
      print: background ? 'event' : `print${print}`,
    }
  }

  protected nextAttempt({ head, ...rest }: Submitted): Submitted {
    const attempt = (this.#attempts.get(head.id) ?? 1) + 1
    this.#attempts.set(head.id, attempt)
    const { id, fn, versionId: version, mb, gateway, deadlineMs, maxWaitMs, trigger } = head
    const idem = head.class === 'a' ? `${id}/${attempt}` : head.idem
    return { ...rest, head: headOf({ id, attempt, fn, version, mb, gateway, deadlineMs, maxWaitMs, trigger, idem }) }
  }

  protected submit(gateway: string, items: readonly Submitted[], again: boolean): void {
    if (items.length === 0) return
    const lastRead = this.lastReply.get(gateway) ?? ''
    const call = { gateway, lastRead, mostQueued: MOST_QUEUED, mostBytes: MOST_BYTES, mostTenantBytes: MOST_TENANT_BYTES, again, items }
    const args: (string | number)[] = [gateway, lastRead, MOST_QUEUED, MOST_BYTES, MOST_TENANT_BYTES, again ? '1' : '']
    for (const { head, revision, tenantRevision, payload, print } of items) args.push(head.text, `${revision}|${tenantRevision}`, payload, print)
    const answers = submit(this.lane, call)
    this.tell('submit', args, answers)
    answers.forEach((answer, i) => {
      const item = items[i] as Submitted
      if (answer !== 0 && answer !== 1) return
      this.accepted.add(item.head.key)
      this.sent.push(item)
    })
  }

  protected settle(
    worker: string,
    keys: readonly string[],
    { cpuMs, waitMs, mark }: { cpuMs: number; waitMs: number; mark: '' | '1' | 'n' },
    report: string,
    resident: Map<string, number>,
  ): void {
    const settlements = keys.map((key) => settlementOf(key, worker, { cpuMs, waitMs, mark }))
    const epoch = this.epochOf(worker)
    const lastRead = this.lastRead.get(worker) ?? ''
    const args: (string | number)[] = [worker, epoch, lastRead, report]
    for (const one of settlements) args.push(one.key, statsOf(one), one.frame, one.record)
    this.settled.push(...keys)
    this.tell('settle', args, workers.settle(this.lane, worker, epoch, lastRead, resident, settlements))
  }

  protected beat(worker: string, epoch: string, capacity: number, report: string, resident: Map<string, number>): void {
    const lastRead = this.lastRead.get(worker) ?? ''
    this.tell('beat', [worker, epoch, lastRead, capacity, '{}', report], workers.beat(this.lane, worker, epoch, lastRead, capacity, resident))
  }

  protected reconcile({ worker, fates, strange, more }: Extract<DrawnVerb, { say: 'reconcile' }>): void {
    const held = [...this.lane.leasesOf(worker).values()]
    const runs = held.filter((_, i) => fates[i % fates.length] === 'runs')
    const over = held.filter((_, i) => fates[i % fates.length] === 'settled')
    if (strange !== null) {
      const [item] = at(this.sent, strange.pick)
      const head = strange.forgotten ? this.newItem('g', FORGOTTEN).head : item?.head
      if (head !== undefined && (strange.forgotten || (this.lane.inv.get(head.key) ?? worker) !== worker)) {
        const lease: Lease = { ...head, share: 250, acceptedAt: this.lane.now - 5, startedAt: this.lane.now - 3, cost: 1 }
        ;(strange.runs ? runs : over).push(lease)
        if (this.lane.workers.has(worker)) this.accepted.add(head.key)
      }
    }
    const settled = over.map((lease) => ({ lease, settlement: settlementOf(lease.key, worker, { cpuMs: 1, waitMs: 2, mark: '' as const }) }))
    const epoch = this.epochOf(worker)
    const lastRead = this.lastRead.get(worker) ?? ''
    const args: (string | number)[] = [worker, epoch, lastRead, more ? '' : 'last', runs.length, ...runs.map(leaseText)]
    for (const { lease, settlement } of settled) args.push(leaseText(lease), statsOf(settlement), settlement.frame, settlement.record)
    this.tell('reconcile', args, workers.reconcile(this.lane, worker, epoch, { lastRead, more, runs, settled }))
  }

  protected epochOf(worker: string): string {
    return this.lane.workers.get(worker)?.epoch ?? '0'
  }

  /** As if reap had been running all along. */
  protected trustReap(): void {
    this.lane.reap = { at: this.lane.now, grace: 0 }
    this.redis('HSET', 'reap', 'at', this.lane.now, 'run', this.lane.run, 'grace', 0)
  }

  /** As if this worker had not beaten for longer than a reap stands. */
  protected silence(id: string): void {
    const worker = this.lane.workers.get(id)
    if (worker === undefined) return
    worker.beat = this.lane.now - 2_001
    const { epoch, capacity, mb, cpu, running, state, beat } = worker
    this.redis('HSET', 'cap', id, [epoch, capacity, mb, cpu, running, state, beat].join('|'))
  }

  protected tell(verb: Verb, args: readonly (string | number)[], expected: unknown): void {
    this.calls.push({ verb, atMs: this.lane.now, args, expected })
  }

  protected redis(command: string, key: string, ...args: (string | number)[]): void {
    this.calls.push({ command: [command, this.prefix + key, ...args] })
  }
}

/** One of a list, if there is any. */
export function at<T>(list: readonly T[], n: number): T[] {
  return list.length === 0 ? [] : [list[n % list.length] as T]
}
