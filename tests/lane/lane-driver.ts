import { Redis } from 'ioredis'
import type { UsageRecord } from '../../runtime/contract/usage.ts'
import { lanePrefix, MAIN_LANE, runVerb } from '../../runtime/lane/scripts.ts'
import { UsageStream } from '../../runtime/lane/usage-stream.ts'
import { idOf, usage } from '../unit/billing/usage-fixture.ts'

export const ANSWERS = ['placed', 'queued', 'here', 'stale settings', 'full', 'off'] as const
const CANCEL_ANSWERS = ['not here', 'removed', 'running'] as const
export type Answer = (typeof ANSWERS)[number]

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
}

export interface Free {
  readonly freeMb: number
  readonly freeCpuMilli: number
  readonly running: number
  readonly state: string
}

export const HELLO = 'acme/hello'
export const VERSION = 'a'.repeat(16)
export const PREFIX = lanePrefix(MAIN_LANE)

export function keyOf(n: number, attempt = 1): string {
  return `${idOf(n)}/${attempt}`
}

/** The lane's verbs, one call each, no timers and no batches: what a test says is all that happens. */
export class LaneDriver {
  readonly redis: Redis
  readonly #epochs = new Map<string, string>()
  /** The gateway's bounds, and how far it has read its replies. */
  gateway = { id: 'g', lastReply: '', mostQueued: 1_000, mostBytes: 1_000_000 }

  constructor(url: string) {
    this.redis = new Redis(url)
  }

  /** An empty lane, with a gateway that listens and two functions that may run 100 at once. */
  async reset(): Promise<void> {
    await this.redis.flushall()
    this.#epochs.clear()
    this.gateway = { id: 'g', lastReply: '', mostQueued: 1_000, mostBytes: 1_000_000 }
    await this.redis.xadd(`${PREFIX}replies:g`, '*', 'opened', 'g')
    await this.configure(HELLO, 1, 100)
    await this.configure('acme/other', 1, 100)
  }

  close(): void {
    this.redis.disconnect()
  }

  async submit(...items: Item[]): Promise<Answer[]> {
    return await this.#submit('', items)
  }

  /** As after a cut: the fate of the first sending is unknown. */
  async submitAgain(...items: Item[]): Promise<Answer[]> {
    return await this.#submit('1', items)
  }

  async #submit(again: string, items: Item[]): Promise<Answer[]> {
    const { id, lastReply, mostQueued, mostBytes } = this.gateway
    const args: (string | number)[] = [id, lastReply, mostQueued, mostBytes, again]
    for (const item of items) args.push(headOf(item, id), item.revision ?? 1, item.payload ?? 'x')
    const answers = (await runVerb(this.redis, PREFIX, 'submit', args)) as number[]
    return answers.map((answer) => ANSWERS[answer] as Answer)
  }

  async join(worker: string, capacityMb = 1_024, state: 'r' | 'd' = 'r'): Promise<string> {
    const epoch = String(await runVerb(this.redis, PREFIX, 'join', [worker, capacityMb, 1_000, '{}', state]))
    this.#epochs.set(worker, epoch)
    return epoch
  }

  epochOf(worker: string): string {
    return this.#epochs.get(worker) ?? 'none'
  }

  async beat(worker: string, { capacityMb = 1_024, resident = '', lastRead = '', epoch = this.epochOf(worker) } = {}): Promise<string> {
    return String(await runVerb(this.redis, PREFIX, 'beat', [worker, epoch, lastRead, capacityMb, '{}', resident]))
  }

  /** 1 for what was settled, 0 for what was not this worker's; or 'gone'. */
  async settle(worker: string, keys: string[], { epoch = this.epochOf(worker), cpuMs = 1, waitMs = 0, runMs = 1, resident = '' } = {}) {
    const args: string[] = [worker, epoch, '', resident]
    for (const key of keys) args.push(key, `${cpuMs}|${waitMs}|${runMs}`, 'reply', JSON.stringify(recordOf(key, worker)))
    return (await runVerb(this.redis, PREFIX, 'settle', args)) as 'gone' | number[]
  }

  async cancel(...keys: string[]): Promise<string[]> {
    const answers = (await runVerb(this.redis, PREFIX, 'cancel', keys)) as number[]
    return answers.map((answer) => CANCEL_ANSWERS[answer] as string)
  }

  /** Of what this worker was told that nobody waits for it any more, as far as it has not read on. */
  async aborts(worker: string): Promise<string[]> {
    const entries = await this.redis.xrange(`${PREFIX}inbox:${worker}`, '-', '+')
    return entries.flatMap(([, fields]) => fields.filter((name, i) => i % 2 === 0 && name.startsWith('abort|')).map((name) => name.slice(6)))
  }

  async drain(worker: string): Promise<unknown> {
    return await runVerb(this.redis, PREFIX, 'drain', [worker, 'd'])
  }

  async undrain(worker: string): Promise<unknown> {
    return await runVerb(this.redis, PREFIX, 'drain', [worker, 'r'])
  }

  async leave(worker: string, epoch = this.epochOf(worker)): Promise<unknown> {
    return await runVerb(this.redis, PREFIX, 'leave', [worker, epoch])
  }

  async configure(fn: string, revision: number, cap: number): Promise<unknown> {
    return await runVerb(this.redis, PREFIX, 'configure', [fn, revision, cap])
  }

  async reap(): Promise<{ lost: number; expired: number; grace: boolean }> {
    const [lost, expired, grace] = (await runVerb(this.redis, PREFIX, 'reap', [])) as [number, number, number]
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
    const [seconds, micros] = (await this.redis.time()) as unknown as [string, string]
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000)
  }

  /** What the worker holds, in order of its hand-over. */
  async leases(worker: string): Promise<string[]> {
    return Object.keys(await this.redis.hgetall(`${PREFIX}lease:${worker}`))
  }

  async free(worker: string): Promise<Free | undefined> {
    const cap = await this.redis.hget(`${PREFIX}cap`, worker)
    if (cap === null) return undefined
    const [, , freeMb, freeCpuMilli, running, state] = cap.split('|')
    return { freeMb: Number(freeMb), freeCpuMilli: Number(freeCpuMilli), running: Number(running), state: state as string }
  }

  async sum(name: string): Promise<number> {
    return Number((await this.redis.hget(`${PREFIX}sum`, name)) ?? 0)
  }

  async records(): Promise<UsageRecord[]> {
    const usage = new UsageStream(this.redis)
    const all: UsageRecord[] = []
    for (let after = '0'; ; ) {
      const { lastId, records } = await usage.read(after, 0)
      if (records.length === 0) return all
      all.push(...records.map((text) => JSON.parse(text) as UsageRecord))
      after = lastId
    }
  }

  /** What the gateway would read: key and, for the lane's own verdicts, what it said. */
  async replies(gateway = 'g'): Promise<[key: string, outcome: Record<string, unknown> | undefined][]> {
    const replies: [string, Record<string, unknown> | undefined][] = []
    for (const [, fields] of await this.redis.xrange(`${PREFIX}replies:${gateway}`, '-', '+')) {
      for (let i = 0; i < fields.length; i += 2) {
        const [name, value] = [fields[i] as string, fields[i + 1] as string]
        if (name.startsWith('f:')) replies.push([name.slice(2), undefined])
        if (name.startsWith('v:')) replies.push([name.slice(2), JSON.parse(value)])
      }
    }
    return replies
  }
}

function headOf(item: Item, gateway: string): string {
  const { n, attempt = 1, fn = HELLO, versionId = VERSION, mb = 64, deadlineMs = 60_000, maxWaitMs = 60_000 } = item
  return [idOf(n), attempt, fn, 1, versionId, mb, gateway, deadlineMs, maxWaitMs, 'rpc', 10, mb, 1].join('|')
}

function recordOf(key: string, worker: string): UsageRecord {
  const [id, attempt] = key.split('/') as [string, string]
  return { ...usage(0), id, attempt: Number(attempt), worker }
}
