import type { Trigger } from '../../runtime/contract/invocation.ts'
import { MAIN_LANE } from '../../runtime/contract/lanes.ts'
import type { UsageRecord } from '../../runtime/contract/usage.ts'
import { lanePrefix, runVerb, type Verb } from '../../runtime/lane/scripts.ts'
import { idOf, usage } from '../unit/billing/usage-fixture.ts'
import { runVerbAt } from './clocked-scripts.ts'
import { LaneReader } from './lane-reader.ts'

export const ANSWERS = [
  'placed',
  'queued',
  'here',
  'stale settings',
  'full',
  'off',
  'late',
  'moved',
  'key reused',
  'answer not kept',
  'joined',
  'replayed',
  'again',
] as const
const CANCEL_ANSWERS = ['not here', 'removed', 'running'] as const
export type Answer = (typeof ANSWERS)[number]

/** A worker's own word on what it ran. */
export interface Settling {
  readonly epoch?: string
  readonly cpuMs?: number
  readonly waitMs?: number
  readonly runMs?: number
  readonly resident?: string
  /** Its reply went over a data connection. */
  readonly beside?: boolean
  readonly frame?: string
}

/** A submission as a gateway would put it; every field has an everyday value. */
export interface Item {
  readonly n: number
  readonly attempt?: number
  readonly fn?: string
  readonly versionId?: string
  readonly mb?: number
  readonly deadlineMs?: number
  readonly maxWaitMs?: number
  readonly revision?: number
  readonly payload?: string
  readonly tenantRevision?: number
  readonly trigger?: Trigger
  /** Hash of its idempotency key, and fingerprint of its request. */
  readonly idem?: string
  readonly print?: string
}

export const HELLO = 'acme/hello'
export const VERSION = 'a'.repeat(16)
export const PREFIX = lanePrefix(MAIN_LANE)

export function keyOf(n: number, attempt = 1): string {
  return `${idOf(n)}/${attempt}`
}

/** The lane's verbs, one call each, no timers and no batches: what a test says is all that happens. */
export class LaneDriver extends LaneReader {
  readonly #epochs = new Map<string, string>()
  /** The gateway's bounds, and how far it has read its replies. */
  gateway = EVERYDAY_GATEWAY()
  /** The lane's clock once `pass` has taken it over, in ms since 1970. */
  #clock: number | undefined

  constructor(url: string) {
    super(url, PREFIX)
  }

  /** An empty lane, with a gateway that listens and two functions that may run 100 at once. */
  async reset(): Promise<void> {
    await this.redis.flushall()
    this.#epochs.clear()
    this.gateway = EVERYDAY_GATEWAY()
    this.#clock = undefined
    await this.verb('wake')
    await this.redis.xadd(`${PREFIX}replies:g`, '0-1', 'opened', 'g')
    await this.configure(HELLO, 1, 100)
    await this.configure('acme/other', 1, 100)
  }

  async verb(verb: Verb, args: (string | number | Buffer)[] = []): Promise<unknown> {
    if (this.#clock === undefined) return await runVerb(this.redis, PREFIX, verb, args)
    return await runVerbAt(this.redis, this.#clock, PREFIX, verb, args)
  }

  /** From now on the lane's clock stands still, but for what `pass` puts it forward. */
  async pass(ms: number): Promise<void> {
    this.#clock = (await this.now()) + ms
  }

  async submit(...items: Item[]): Promise<Answer[]> {
    return await this.#submit('', items)
  }

  /** As after a cut: the fate of the first sending is unknown. */
  async submitAgain(...items: Item[]): Promise<Answer[]> {
    return await this.#submit('1', items)
  }

  async #submit(again: string, items: Item[]): Promise<Answer[]> {
    return (await this.submitInFull(items, again)).map(([answer]) => answer)
  }

  /** Answers with their details. */
  async submitInFull(items: Item[], again = ''): Promise<[answer: Answer, ...details: string[]][]> {
    const { id, lastReply, mostQueued, mostBytes, mostTenantBytes } = this.gateway
    const args: (string | number)[] = [id, lastReply, mostQueued, mostBytes, mostTenantBytes, again]
    for (const item of items) args.push(headOf(item, id), `${item.revision ?? 1}|${item.tenantRevision ?? -1}`, item.payload ?? 'x', item.print ?? '')
    const answers = (await this.verb('submit', args)) as (number | [number, ...string[]])[]
    return answers.map((answer) => {
      const [code, ...details] = Array.isArray(answer) ? answer : [answer]
      return [ANSWERS[code] as Answer, ...details]
    })
  }

  async join(worker: string, capacityMb = 1_024, state: 'r' | 'd' = 'r'): Promise<string> {
    const epoch = String(await this.verb('join', [worker, capacityMb, 1_000, '{}', state]))
    this.#epochs.set(worker, epoch)
    return epoch
  }

  epochOf(worker: string): string {
    return this.#epochs.get(worker) ?? 'none'
  }

  async beat(worker: string, { capacityMb = 1_024, resident = '', lastRead = '', epoch = this.epochOf(worker) } = {}): Promise<string> {
    return String(await this.verb('beat', [worker, epoch, lastRead, capacityMb, '{}', resident]))
  }

  /** 1 for what was settled, 0 for what was not this worker's; or 'gone'. */
  async settle(worker: string, keys: string[], settling: Settling = {}): Promise<'gone' | number[]> {
    const { epoch = this.epochOf(worker), resident = '', frame = 'reply' } = settling
    const args: string[] = [worker, epoch, '', resident]
    for (const key of keys) args.push(key, statsOf(settling), frame, JSON.stringify(recordOf(key, worker)))
    return (await this.verb('settle', args)) as 'gone' | number[]
  }

  /** 1 for what was taken back, 0 for what was not this worker's; or 'gone'. `number`: which of its nacks this is. */
  async nack(
    worker: string,
    keys: string[],
    { epoch = this.epochOf(worker), capacityMb = 1_024, payload = 'x', number = '' as number | '' } = {},
  ): Promise<'gone' | number[]> {
    const args = [worker, epoch, capacityMb, number, ...keys.flatMap((key) => [key, payload])]
    return (await this.verb('nack', args)) as 'gone' | number[]
  }

  /** `runs`: leases it holds. `settled`: leases it has settled in its last seconds. */
  async reconcile(
    worker: string,
    runs: string[],
    settled: string[],
    { lastRead = '', more = false, epoch = this.epochOf(worker) } = {},
  ): Promise<'gone' | number[]> {
    const args: (string | number)[] = [worker, epoch, lastRead, more ? '' : 'last', runs.length, ...runs]
    for (const lease of settled) {
      const key = lease.split('|').slice(0, 2).join('/')
      args.push(lease, statsOf({}), 'reply', JSON.stringify(recordOf(key, worker)))
    }
    return (await this.verb('reconcile', args)) as 'gone' | number[]
  }

  async known(...keys: string[]): Promise<number[]> {
    return (await this.verb('known', [this.gateway.id, this.gateway.lastReply, ...keys])) as number[]
  }

  /** What Redis has on disk at this moment: with that it begins anew, whenever that is. */
  async onDisk(): Promise<() => Promise<void>> {
    const keys = await this.redis.keys(`${PREFIX}*`)
    const dumps = await Promise.all(keys.map((key) => this.redis.dumpBuffer(key)))
    return async () => {
      await this.redis.flushall()
      await Promise.all(keys.map((key, i) => this.redis.restore(key, 0, dumps[i] as Buffer)))
      await this.restart()
    }
  }

  /** Redis has begun anew, as far as the lane can tell. */
  async restart(): Promise<void> {
    await this.redis.set(`${PREFIX}run`, 'before')
    await this.verb('wake')
  }

  async forget(fn: string, ...keys: string[]): Promise<number> {
    return (await this.verb(
      'forget',
      keys.flatMap((key) => [fn, key]),
    )) as number
  }

  /** The revision in force. */
  async tenant(name: string, revision: number, { weight = 1, movedTo = '', waitMs = 0 } = {}): Promise<number> {
    return (await this.verb('tenant', [name, revision, weight, movedTo, waitMs])) as number
  }

  async cancel(...keys: string[]): Promise<string[]> {
    const answers = (await this.verb('cancel', keys)) as number[]
    return answers.map((answer) => CANCEL_ANSWERS[answer] as string)
  }

  async drain(worker: string): Promise<unknown> {
    return await this.verb('drain', [worker, 'd'])
  }

  async undrain(worker: string): Promise<unknown> {
    return await this.verb('drain', [worker, 'r'])
  }

  async leave(worker: string, epoch = this.epochOf(worker)): Promise<unknown> {
    return await this.verb('leave', [worker, epoch])
  }

  async configure(fn: string, revision: number, cap: number): Promise<unknown> {
    return await this.verb('configure', [fn, revision, cap])
  }

  async reap(): Promise<{ lost: number; expired: number; grace: boolean }> {
    const [lost, expired, grace] = (await this.verb('reap')) as [number, number, number]
    return { lost, expired, grace: grace === 1 }
  }

  /** As if reap had been running all along. */
  async trustReap(): Promise<void> {
    await this.reap()
    await this.redis.hset(`${PREFIX}reap`, 'grace', 0)
  }

  /** As if this worker had last beaten so long ago. */
  async silence(worker: string, ms: number): Promise<void> {
    const fields = ((await this.redis.hget(`${PREFIX}cap`, worker)) ?? '').split('|')
    fields[6] = String((await this.now()) - ms)
    await this.redis.hset(`${PREFIX}cap`, worker, fields.join('|'))
  }

  async now(): Promise<number> {
    if (this.#clock !== undefined) return this.#clock
    const [seconds, micros] = (await this.redis.time()) as unknown as [string, string]
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000)
  }
}

const EVERYDAY_GATEWAY = () => ({ id: 'g', lastReply: '', mostQueued: 1_000, mostBytes: 1_000_000, mostTenantBytes: 1_000_000 })

function statsOf({ cpuMs = 1, waitMs = 0, runMs = 1, beside = false }: Settling): string {
  return `${cpuMs}|${waitMs}|${runMs}|${beside ? 1 : ''}`
}

function headOf(item: Item, gateway: string): string {
  const { n, attempt = 1, fn = HELLO, versionId = VERSION, mb = 64, deadlineMs = 60_000, maxWaitMs = 60_000, trigger = 'rpc', idem = '' } = item
  return [idOf(n), attempt, fn, 1, versionId, mb, gateway, deadlineMs, maxWaitMs, trigger, 10, mb, 1, idem].join('|')
}

function recordOf(key: string, worker: string): UsageRecord {
  const [id, attempt] = key.split('/') as [string, string]
  return { ...usage(0), id, attempt: Number(attempt), worker }
}
