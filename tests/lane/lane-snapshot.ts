import type { Redis } from 'ioredis'
import { PREFIX } from './lane-driver.ts'

export interface Job {
  readonly key: string
  readonly fn: string
  readonly versionId: string
  readonly mb: number
  readonly share: number
  readonly acceptedAt: number
}

export interface Worker {
  readonly id: string
  readonly epoch: string
  readonly capacityMb: number
  readonly freeMb: number
  readonly freeCpuMilli: number
  readonly running: number
  readonly state: string
  readonly beatAt: number
  readonly leases: readonly Job[]
}

/** Everything a lane holds at one moment, taken apart. */
export interface Snapshot {
  readonly now: number
  readonly workers: readonly Worker[]
  /** Leases of workers that are not (or no longer) there. */
  readonly orphans: readonly string[]
  readonly jobs: ReadonlyMap<string, Job & { readonly bytes: number }>
  readonly inv: Readonly<Record<string, string>>
  readonly due: readonly string[]
  readonly ready: ReadonlyMap<string, number>
  readonly functions: ReadonlyMap<string, { cap: number; running: number; queued: number; list: { acceptedAt: number; key: string }[] }>
  readonly leasedHints: ReadonlyMap<string, number>
  /** Milli-cores a rider of each version takes by now. */
  readonly shares: ReadonlyMap<string, number>
  readonly sum: Readonly<Record<string, number>>
  /** The key of every usage record, in order. */
  readonly recorded: readonly string[]
  /** The key of every reply, in order. */
  readonly replied: readonly string[]
}

export interface Names {
  readonly workers: readonly string[]
  readonly functions: readonly string[]
  readonly versions: readonly string[]
}

export async function takeSnapshot(redis: Redis, { workers, functions, versions }: Names): Promise<Snapshot> {
  const batch = redis.multi().time()
  for (const name of ['cap', 'inv', 'job', 'sum']) batch.hgetall(PREFIX + name)
  batch.zrange(`${PREFIX}due`, '0', '-1').zrange(`${PREFIX}ready`, '0', '-1', 'WITHSCORES')
  batch.xrange(`${PREFIX}usage`, '-', '+').xrange(`${PREFIX}replies:g`, '-', '+')
  for (const worker of workers) batch.hgetall(`${PREFIX}lease:${worker}`)
  for (const fn of functions) batch.hgetall(`${PREFIX}f:${fn}`).lrange(`${PREFIX}q:${fn}`, 0, -1)
  for (const version of versions) batch.hgetall(`${PREFIX}v:${version}`)
  const results = ((await batch.exec()) ?? []).map(([error, value]) => {
    if (error !== null) throw error
    return value
  })
  const next = <T>(): T => results.shift() as T
  type Hash = Record<string, string>
  type Stream = [string, string[]][]

  const [seconds, micros] = next<[string, string]>()
  const [cap, inv, job, sum] = [next<Hash>(), next<Hash>(), next<Hash>(), next<Hash>()]
  const [due, ready, usage, replies] = [next<string[]>(), next<string[]>(), next<Stream>(), next<Stream>()]
  const leases = new Map(workers.map((worker) => [worker, Object.values(next<Hash>()).map(toJob)]))
  const known = new Map(
    functions.map((fn) => {
      const { cap = '0', running = '0', queued = '0' } = next<Hash>()
      const list = next<string[]>().map((entry) => ({ acceptedAt: Number(entry.split('|')[0]), key: entry.split('|')[1] as string }))
      return [fn, { cap: Number(cap), running: Number(running), queued: Number(queued), list }]
    }),
  )
  const leasedHints = new Map<string, number>()
  const shares = new Map<string, number>()
  for (const version of versions) {
    const hash = next<Hash>()
    shares.set(version, shareOf(hash))
    for (const [field, value] of Object.entries(hash)) if (field.startsWith('l:')) leasedHints.set(`${version}@${field.slice(2)}`, Number(value))
  }
  return {
    now: Number(seconds) * 1_000 + Number(micros) / 1_000,
    workers: Object.entries(cap).map(([id, text]) => {
      const [epoch, capacityMb, freeMb, freeCpuMilli, running, state, beatAt] = text.split('|') as [string, ...string[]]
      const numbers = { capacityMb: Number(capacityMb), freeMb: Number(freeMb), freeCpuMilli: Number(freeCpuMilli), running: Number(running) }
      return { id, epoch, ...numbers, state: state as string, beatAt: Number(beatAt), leases: leases.get(id) ?? [] }
    }),
    orphans: workers.filter((worker) => !(worker in cap)).flatMap((worker) => leases.get(worker)?.map(({ key }) => key) ?? []),
    jobs: new Map(
      Object.entries(job).map(([key, text]) => {
        const [head, acceptedAt, payload] = text.split('\n') as [string, string, string]
        return [key, { ...toJob(`${head}|${acceptedAt}`), bytes: payload.length }]
      }),
    ),
    inv,
    due,
    ready: new Map(ready.flatMap((name, i) => (i % 2 === 0 ? [[name, Number(ready[i + 1])] as const] : []))),
    functions: known,
    leasedHints,
    shares,
    sum: Object.fromEntries(Object.entries(sum).map(([name, value]) => [name, Number(value)])),
    recorded: usage.flatMap(([, fields]) => fields.flatMap((text, i) => (i % 2 === 1 ? [recordKey(text)] : []))),
    replied: replies.flatMap(([, fields]) => fields.flatMap((name, i) => (i % 2 === 0 && name !== 'opened' ? [name.slice(2)] : []))),
  }
}

/** As design and scripts say: 250 until it is known, then CPU over CPU and waiting, of at least 10 ms. */
function shareOf({ n = '0', cpu = '0', wait = '0' }: Record<string, string>): number {
  if (n === '0') return 250
  return Math.min(1_000, Math.max(5, Math.ceil((1_000 * Number(cpu)) / Math.max(Number(cpu) + Number(wait), 10))))
}

/** A head, its share and when it was accepted, as leases and jobs keep them (scripts/lane.lua). */
function toJob(text: string): Job {
  const fields = text.split('|')
  return {
    key: `${fields[0]}/${fields[1]}`,
    fn: fields[2] as string,
    versionId: fields[4] as string,
    mb: Number(fields[5]),
    share: Number(fields[13]),
    acceptedAt: Number(fields[14]),
  }
}

function recordKey(text: string): string {
  const { id, attempt } = JSON.parse(text) as { id: string; attempt: number }
  return `${id}/${attempt}`
}
