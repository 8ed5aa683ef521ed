import type { Redis } from 'ioredis'
import { MAIN_LANE } from '../contract/lanes.ts'
import { connected, openLaneConnection, type RedisUrl, SILENCE_MS } from './connection.ts'
import { lanePrefix, runVerb } from './scripts.ts'
import { isConnectionError } from './stream-reader.ts'

/** Counters, gauges and their time integrals since the lane began. Rates and averages are differences of two of these. */
export interface LaneSignals {
  /** Milliseconds since 1970 on the lane's clock. */
  readonly now: number
  readonly queued: number
  readonly queuedMb: number
  readonly queuedCpuMilli: number
  readonly inFlight: number
  readonly inFlightMb: number
  readonly inFlightCpuMilli: number
  readonly arrivals: number
  readonly settled: number
  /** Turned away for want of capacity. */
  readonly refused: number
  readonly runMs: number
  readonly cpuMs: number
  readonly queuedMs: number
  readonly inFlightMs: number
  readonly inFlightMbMs: number
  readonly inFlightCpuMilliMs: number
}

export interface WorkerState {
  readonly id: string
  readonly state: 'ready' | 'draining' | 'stale'
  readonly pid: number
  readonly capacityMb: number
  readonly freeMb: number
  readonly freeCpuMilli: number
  readonly running: number
  readonly cells: number
  readonly sandboxes: number
  readonly rssMb: number
  readonly walls: readonly string[]
  readonly beatAgeMs: number
}

export interface TenantOrder {
  readonly revision: number
  readonly weight: number
  /** The lane that has it now. Default: this one. */
  readonly movedTo?: string
  /** Hold its work back for so long. Default: not at all. */
  readonly pausedMs?: number
}

const STALE_MS = 750
const POKE_BLOCK_MS = 5_000

/** The lane as its controller sees it: what goes on, and the few levers there are. */
export class LaneView {
  readonly #url: RedisUrl
  readonly #prefix: string
  readonly #redis: Redis
  readonly #onError: (error: Error) => void
  #pokes: Redis | undefined
  #lastPoke = '$'

  constructor({ url, lane = MAIN_LANE, onError }: { url: RedisUrl; lane?: string; onError: (error: Error) => void }) {
    this.#url = url
    this.#prefix = lanePrefix(lane)
    this.#onError = onError
    this.#redis = openLaneConnection(url, 'controller', onError)
  }

  async open(): Promise<this> {
    await connected(this.#redis)
    return this
  }

  async signals(): Promise<LaneSignals> {
    const [now, sum] = await this.#timed((pipeline) => pipeline.hgetall(`${this.#prefix}sum`))
    const read = (name: string): number => Number((sum as Record<string, string>)[name] ?? 0)
    // The integrals stand as of the last script; carry them on to now.
    const since = Math.max(0, now - (read('at') || now))
    const carried = (integral: string, gauge: string): number => read(integral) + since * read(gauge)
    return {
      now,
      queued: read('queued'),
      queuedMb: read('queuedMb'),
      queuedCpuMilli: read('queuedCpu'),
      inFlight: read('inFlight'),
      inFlightMb: read('inFlightMb'),
      inFlightCpuMilli: read('inFlightCpu'),
      arrivals: read('arrivals'),
      settled: read('settled'),
      refused: read('refused'),
      runMs: read('runMs'),
      cpuMs: read('cpuMs'),
      queuedMs: carried('queuedMs', 'queued'),
      inFlightMs: carried('inFlightMs', 'inFlight'),
      inFlightMbMs: carried('inFlightMbMs', 'inFlightMb'),
      inFlightCpuMilliMs: carried('inFlightCpuMs', 'inFlightCpu'),
    }
  }

  async workers(): Promise<WorkerState[]> {
    const [now, caps, infos] = (await this.#timed((pipeline) => pipeline.hgetall(`${this.#prefix}cap`).hgetall(`${this.#prefix}info`))) as [
      number,
      Record<string, string>,
      Record<string, string>,
    ]
    return Object.entries(caps)
      .map(([id, cap]) => toWorkerState(id, cap, infos[id] ?? '{}', now))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** So many workers are on their way, as of `now` on the lane's clock: who waits may count on them (scripts/submit.lua). */
  async expect(starting: number, now: number): Promise<void> {
    await this.#redis.hset(`${this.#prefix}sum`, 'starting', starting, 'startingAt', now)
  }

  async drain(workerId: string): Promise<void> {
    await runVerb(this.#redis, this.#prefix, 'drain', [workerId, 'd'])
  }

  async undrain(workerId: string): Promise<void> {
    await runVerb(this.#redis, this.#prefix, 'drain', [workerId, 'r'])
  }

  /** Ends waits that took too long, and leases of dead workers; returns how many of these. */
  async reap(): Promise<number> {
    const [lost] = (await runVerb(this.#redis, this.#prefix, 'reap', [])) as [number, number, number]
    return lost
  }

  async configure(functionKey: string, revision: number, maxConcurrency: number): Promise<void> {
    await runVerb(this.#redis, this.#prefix, 'configure', [functionKey, revision, maxConcurrency])
  }

  /** Weight and place of a tenant, unless the lane knows newer ones. Returns the revision in force. */
  async tenant(tenant: string, { revision, weight, movedTo = '', pausedMs = 0 }: TenantOrder): Promise<number> {
    return Number(await runVerb(this.#redis, this.#prefix, 'tenant', [tenant, revision, weight, movedTo, Math.ceil(pausedMs)]))
  }

  /** What this lane has of a tenant. */
  async tenantLoad(tenant: string): Promise<{ queued: number; running: number }> {
    // As lane.lua packs it: rev weight movedTo pausedUntil mb cpu running kept bytes, then tag v queued work filed of sync and async.
    const fields = (await this.#redis.hget(`${this.#prefix}tenants`, tenant))?.split(' ') ?? []
    return { queued: Number(fields[11] ?? 0) + Number(fields[16] ?? 0), running: Number(fields[6] ?? 0) }
  }

  /** Resolves when work waits for want of capacity, or when the signal aborts. */
  async nextPoke(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>()
    const onAbort = (): void => aborted.resolve()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([this.#poke(signal), aborted.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async #poke(signal: AbortSignal): Promise<void> {
    this.#pokes ??= openLaneConnection(this.#url, 'pokes', this.#onError, POKE_BLOCK_MS + SILENCE_MS)
    const pokes = this.#pokes
    while (!signal.aborted) {
      try {
        await connected(pokes)
        const reply = (await pokes.xread('BLOCK', POKE_BLOCK_MS, 'STREAMS', `${this.#prefix}poke`, this.#lastPoke)) as
          | [string, [string, string[]][]][]
          | null
        const last = reply?.[0]?.[1].at(-1)
        if (last === undefined) continue
        this.#lastPoke = last[0]
        return
      } catch (error) {
        if (!isConnectionError(error)) throw error
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
  }

  close(): void {
    this.#redis.disconnect()
    this.#pokes?.disconnect()
  }

  async #timed(queue: (pipeline: ReturnType<Redis['multi']>) => unknown): Promise<[number, ...unknown[]]> {
    const pipeline = this.#redis.multi()
    pipeline.time()
    queue(pipeline)
    const results = (await pipeline.exec()) ?? []
    const values = results.map(([error, value]) => {
      if (error !== null) throw error
      return value
    })
    const [seconds, micros] = values[0] as [string, string]
    return [Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000), ...values.slice(1)]
  }
}

function toWorkerState(id: string, cap: string, infoText: string, now: number): WorkerState {
  const [, capacityMb, freeMb, freeCpuMilli, running, state, beat] = cap.split('|') as [string, string, string, string, string, string, string]
  const info = JSON.parse(infoText) as { pid?: number; cells?: number; sandboxes?: number; rssMb?: number; walls?: string[] }
  const beatAgeMs = Math.max(0, now - Number(beat))
  return {
    id,
    state: state === 'd' ? 'draining' : beatAgeMs > STALE_MS ? 'stale' : 'ready',
    pid: info.pid ?? 0,
    capacityMb: Number(capacityMb),
    freeMb: Number(freeMb),
    freeCpuMilli: Number(freeCpuMilli),
    running: Number(running),
    cells: info.cells ?? 0,
    sandboxes: info.sandboxes ?? 0,
    rssMb: info.rssMb ?? 0,
    walls: info.walls ?? [],
    beatAgeMs,
  }
}
