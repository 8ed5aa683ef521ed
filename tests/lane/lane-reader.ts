import { Redis } from 'ioredis'
import type { UsageRecord } from '../../runtime/contract/usage.ts'
import { UsageStream } from '../../runtime/lane/usage-stream.ts'

export interface Free {
  readonly freeMb: number
  readonly freeCpuMilli: number
  readonly running: number
  readonly state: string
}

/** A function as the lane counts it; per class [queued, tag, filed]. */
export interface FunctionState {
  readonly cap: number
  readonly running: number
  readonly struckAt: number
  readonly boxedUntil: number
  readonly sync: FunctionLine
  readonly async: FunctionLine
}

export interface FunctionLine {
  readonly queued: number
  readonly tag: number
  readonly filed: boolean
}

/** A tenant as the lane counts it. */
export interface TenantState {
  readonly mb: number
  readonly cpu: number
  readonly running: number
  readonly kept: number
  readonly bytes: number
}

/** One field of an inbox: a hand-over, or a word on one ('joined', 'abort|…'). */
export interface Handed {
  /** Of its entry in the stream. */
  readonly entry: string
  readonly name: string
  readonly payload: string
  readonly key: string
  readonly leftMs: number
  readonly boxed: boolean
  readonly acceptedAt: number
  readonly startedAt: number
}

/** What a lane holds, as tests ask for it. */
export class LaneReader {
  readonly redis: Redis
  readonly #prefix: string

  constructor(url: string, prefix: string) {
    this.redis = new Redis(url)
    this.#prefix = prefix
  }

  close(): void {
    this.redis.disconnect()
  }

  /** What the worker holds, in order of its hand-over. */
  async leases(worker: string): Promise<string[]> {
    return Object.keys(await this.redis.hgetall(`${this.#prefix}lease:${worker}`))
  }

  /** As the lane keeps it: what a worker says of what it runs. */
  async lease(worker: string, key: string): Promise<string> {
    return (await this.redis.hget(`${this.#prefix}lease:${worker}`, key)) ?? ''
  }

  /** Reads on in its inbox, as a worker does. */
  async read(worker: string): Promise<Handed[]> {
    const inbox = `${this.#prefix}inbox:${worker}`
    const streams = (await this.redis.xreadgroup('GROUP', 'worker', 'w', 'NOACK', 'STREAMS', inbox, '>')) as [string, [string, string[]][]][] | null
    return (streams?.[0]?.[1] ?? []).flatMap(([id, fields]) => handedIn(id, fields))
  }

  /** What of a worker's inbox is still there, read or not. */
  async inbox(worker: string): Promise<Handed[]> {
    return (await this.redis.xrange(`${this.#prefix}inbox:${worker}`, '-', '+')).flatMap(([id, fields]) => handedIn(id, fields))
  }

  async fn(name: string): Promise<FunctionState> {
    const [, cap, running, struckAt, boxedUntil, sq, st, sf, aq, at, af] = ((await this.redis.hget(`${this.#prefix}functions`, name)) ?? '')
      .split(' ')
      .map(Number)
    const line = (queued = 0, tag = 0, filed = 0): FunctionLine => ({ queued, tag, filed: filed === 1 })
    return {
      cap: cap ?? 0,
      running: running ?? 0,
      struckAt: struckAt ?? 0,
      boxedUntil: boxedUntil ?? 0,
      sync: line(sq, st, sf),
      async: line(aq, at, af),
    }
  }

  async tenantState(name: string): Promise<TenantState> {
    const [, , , , mb = 0, cpu = 0, running = 0, kept = 0, bytes = 0] = ((await this.redis.hget(`${this.#prefix}tenants`, name)) ?? '')
      .split(' ')
      .map(Number)
    return { mb, cpu, running, kept, bytes }
  }

  /** What is ready to start, in order: s(ync) or a(sync) and the tenant. */
  async ready(): Promise<string[]> {
    return await this.redis.zrange(`${this.#prefix}ready`, '0', '-1')
  }

  /** What a version is known to take: milliseconds on a core, waiting for the host, and of its whole run. */
  async teach(versionId: string, cpuMs: number, waitMs: number, runMs = cpuMs + waitMs): Promise<void> {
    await this.redis.hset(`${this.#prefix}v:${versionId}`, { n: 100, cpu: cpuMs, wait: waitMs, run: runMs })
  }

  async free(worker: string): Promise<Free | undefined> {
    const cap = await this.redis.hget(`${this.#prefix}cap`, worker)
    if (cap === null) return undefined
    const [, , freeMb, freeCpuMilli, running, state] = cap.split('|')
    return { freeMb: Number(freeMb), freeCpuMilli: Number(freeCpuMilli), running: Number(running), state: state as string }
  }

  /** Of what this worker was told that nobody waits for it any more, as far as it has not read on. */
  async aborts(worker: string): Promise<string[]> {
    const entries = await this.redis.xrange(`${this.#prefix}inbox:${worker}`, '-', '+')
    return entries.flatMap(([, fields]) => fields.filter((name, i) => i % 2 === 0 && name.startsWith('abort|')).map((name) => name.slice(6)))
  }

  async sum(name: string): Promise<number> {
    return Number((await this.redis.hget(`${this.#prefix}sum`, name)) ?? 0)
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
    for (const [, fields] of await this.redis.xrange(`${this.#prefix}replies:${gateway}`, '-', '+')) {
      for (let i = 0; i < fields.length; i += 2) {
        const [name, value] = [fields[i] as string, fields[i + 1] as string]
        if (name.startsWith('f:')) replies.push([name.slice(2), undefined])
        if (name.startsWith('v:')) replies.push([name.slice(2), JSON.parse(value)])
      }
    }
    return replies
  }

  /** Answers that stand for others: key, id of the one that ran, and its answer. */
  async replays(gateway = 'g'): Promise<[key: string, kind: string, id: string, answer: string][]> {
    const replays: [string, string, string, string][] = []
    for (const [, fields] of await this.redis.xrange(`${this.#prefix}replies:${gateway}`, '-', '+')) {
      for (let i = 0; i < fields.length; i += 2) {
        const [name, value] = [fields[i] as string, fields[i + 1] as string]
        if (name.startsWith('r:')) replays.push([name.slice(2), value.slice(0, 1), value.slice(1, 37), value.slice(37)])
        if (name.startsWith('l:')) replays.push([name.slice(2), 'l', value, ''])
      }
    }
    return replays
  }
}

function handedIn(entry: string, fields: readonly string[]): Handed[] {
  return fields.flatMap((name, i) => {
    if (i % 2 === 1) return []
    const [left, boxed, id, attempt, ...rest] = name.split('|')
    const payload = fields[i + 1] as string
    return [
      {
        entry,
        name,
        payload,
        key: `${id}/${attempt}`,
        leftMs: Number(left),
        boxed: boxed === 'boxed',
        acceptedAt: Number(rest[13]),
        startedAt: Number(rest[14]),
      },
    ]
  })
}
