import type { Redis } from 'ioredis'
import { type DataAddress, dataAddressKey, parseDataAddress } from '../contract/data.ts'
import type { Trigger } from '../contract/invocation.ts'
import { MAIN_LANE } from '../contract/lanes.ts'
import type { UsageRecord } from '../contract/usage.ts'
import { connected, openLaneConnection, type RedisUrl } from './connection.ts'
import { LeaseMemory } from './lease-memory.ts'
import { lanePrefix, runVerb } from './scripts.ts'
import { isConnectionError, READER_SILENCE_MS, type StreamEntry, StreamReader } from './stream-reader.ts'
import { TurnBatch } from './turn-batch.ts'

/** Work handed to this worker. */
export interface Claim {
  /** id/attempt: what it is settled by. */
  readonly key: string
  /** What the lane itself knows of it: enough for a usage record when nothing else can be read. */
  readonly tenant: string
  readonly name: string
  readonly version: number
  readonly trigger: Trigger
  readonly memoryMb: number
  readonly concurrency: number
  /** On the lane's clock. */
  readonly acceptedAt: number
  readonly startedAt: number
  /** What is left of its deadline, counted from `startedAt`; two machines' clocks are never subtracted. */
  readonly leftMs: number
  /** Workers have died while they ran this function: alone in its cell with it. */
  readonly boxed: boolean
  /** As the lane keeps it (scripts/lane.lua). */
  readonly lease: string
  /** The submitted invocation frame. */
  readonly frame: Buffer
}

export interface Settlement {
  readonly key: string
  readonly cpuMs: number
  /** Time spent waiting for the host (timers, host calls): with cpuMs it gives the version's share of a core. */
  readonly waitMs: number
  readonly runMs: number
  /** A reply frame (contract/reply.ts). */
  readonly frame: Buffer
  /** Its reply went over the data connection, and is not in the frame. Default false. */
  readonly beside?: boolean
  /** Nothing of it has run: its idempotency key is free again. Default false. */
  readonly neverRan?: boolean
  readonly record: UsageRecord
}

/** What a worker tells about itself with every beat. */
export interface WorkerInfo {
  readonly pid: number
  readonly cells: number
  readonly sandboxes: number
  readonly rssMb: number
  /** Which walls hold around its cells. */
  readonly walls: readonly string[]
}

export interface WorkerLaneOptions {
  readonly url: RedisUrl
  readonly workerId: string
  readonly lane?: string
  /** Memory it offers now, in MB of booked riders. */
  readonly capacityMb: () => number
  readonly info: () => WorkerInfo
  /** Riders of warm and busy sandboxes per version; `changed` gives only what changed since the last call. */
  readonly resident: (which: 'all' | 'changed') => ReadonlyMap<string, number>
  readonly onClaim: (claim: Claim) => void
  /** Nobody waits any more for what was claimed under this key: end it, and settle it as `cancelled`. May come twice, and late. */
  readonly onAbort: (key: string) => void
  /** The lane has given this worker up: whatever it runs is somebody else's, or lost. It joins again by itself. */
  readonly onGone: () => void
  readonly onError: (error: Error) => void
}

const CPU_MILLI = 1_000
/** What an inbox entry begins with that is no claim (scripts/cancel.lua). */
const ABORT = 'abort|'
const BEAT_MS = 250
/** After a connection broke. */
const LOOK_AGAIN_MS = 10
const AWAY_MS = 2_000

/** What was to be asked of the lane could not be: nobody's fault in here. */
export class LaneAway extends Error {
  override readonly name = 'LaneAway'

  constructor() {
    super('the lane could not be reached')
  }
}
/** Of the settlements that are said again at once: a script call is everybody's latency. */
const MAX_RECONCILE_BYTES = 256 * 1024
/** After this long without a good beat the lane may be about to give this worker's work away: enter no isolate. */
const FRESH_MS = 1_500

/** A worker's side of the lane: offers capacity, takes claims, settles. */
export class WorkerLane {
  readonly #options: WorkerLaneOptions
  readonly #prefix: string
  readonly #redis: Redis
  readonly #batch: TurnBatch<Settlement>
  #reader: StreamReader | undefined
  /** '' while it holds none. */
  #epoch = ''
  #lastGoodBeat = Number.NEGATIVE_INFINITY
  readonly #memory = new LeaseMemory()
  #unsure: Settlement[] = []
  /** As they were said, in their order. */
  #unsureNacks: (string | number | Buffer)[][] = []
  #nacks = 0
  /** Of Redis, when last looked. */
  #run = ''
  #cutAt = 0
  /** Lane and worker agree on what it holds. Until then nothing is settled: what is settled and said to be held at once is held for ever. */
  #isBack = true
  #beats: NodeJS.Timeout | undefined
  #beating = false
  #closed = false
  #draining = false
  #settling = 0
  #settled: (() => void) | undefined

  constructor(options: WorkerLaneOptions) {
    this.#options = options
    this.#prefix = lanePrefix(options.lane ?? MAIN_LANE)
    this.#redis = openLaneConnection(options.url, `worker:${options.workerId}`, options.onError)
    this.#batch = new TurnBatch(
      (items) => void this.#send(items),
      (item) => item.frame.length,
    )
  }

  async join(): Promise<void> {
    await connected(this.#redis)
    this.#run = String(await runVerb(this.#redis, this.#prefix, 'wake', []))
    await this.#enter()
    this.#redis.on('close', () => {
      this.#isBack = false
      this.#cutAt ||= performance.now()
    })
    this.#redis.on('ready', () => void this.#back())
    this.#beats = setInterval(() => void this.#beat(), BEAT_MS)
  }

  /** The lane heard from this worker recently enough that nobody else has its work. */
  get fresh(): boolean {
    return performance.now() - this.#lastGoodBeat < FRESH_MS
  }

  /**
   * Where a gateway takes data connections; undefined when it is not there (any more). Waits a little for a lane that is away.
   *
   * @throws LaneAway when it is for longer
   */
  async dataAddress(gatewayId: string): Promise<DataAddress | undefined> {
    const givesUpAt = performance.now() + AWAY_MS
    for (;;) {
      try {
        const text = await this.#redis.get(dataAddressKey(this.#prefix, gatewayId))
        return text === null ? undefined : parseDataAddress(JSON.parse(text))
      } catch (error) {
        if (!isConnectionError(error) || this.#closed) throw error
        if (performance.now() > givesUpAt) throw new LaneAway()
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
      }
    }
  }

  /** Cannot begin these: the lane gives them to somebody else, and from now on as much to this worker as it offers now. */
  async nack(claims: readonly Claim[]): Promise<void> {
    const { workerId, capacityMb } = this.#options
    const args: (string | number | Buffer)[] = [workerId, this.#epoch, Math.floor(capacityMb()), ++this.#nacks]
    for (const { key, frame } of claims) {
      this.#memory.drop(key)
      args.push(key, frame)
    }
    await this.#sayNack(args)
  }

  async #sayNack(args: (string | number | Buffer)[]): Promise<void> {
    try {
      await runVerb(this.#redis, this.#prefix, 'nack', args)
    } catch (error) {
      if (isConnectionError(error)) this.#unsureNacks.push(args)
      else this.#options.onError(error as Error)
    }
  }

  settle(item: Settlement): void {
    this.#settling++
    this.#batch.add(item)
  }

  /** Takes no more work, for good: it stays so through cuts and a new epoch. */
  async drain(): Promise<void> {
    this.#draining = true
    await runVerb(this.#redis, this.#prefix, 'drain', [this.#options.workerId, 'd'])
  }

  /** Everything settled has reached the lane. */
  async flushed(): Promise<void> {
    if (this.#settling > 0) await new Promise<void>((resolve) => (this.#settled = resolve))
  }

  async leave(): Promise<void> {
    this.#closed = true
    clearInterval(this.#beats)
    try {
      await runVerb(this.#redis, this.#prefix, 'leave', [this.#options.workerId, this.#epoch])
    } catch (error) {
      this.#options.onError(error as Error)
    }
    this.#reader?.stop()
    this.#redis.disconnect()
  }

  async #enter(): Promise<void> {
    const { workerId, capacityMb, info, url, onError } = this.#options
    const sentAt = performance.now()
    const offer = [workerId, Math.floor(capacityMb()), CPU_MILLI, JSON.stringify(info()), this.#draining ? 'd' : 'r']
    const epoch = String(await runVerb(this.#redis, this.#prefix, 'join', offer))
    if (this.#closed) return
    this.#epoch = epoch
    this.#lastGoodBeat = sentAt
    this.#reader = new StreamReader({
      redis: openLaneConnection(url, `inbox:${workerId}`, onError, READER_SILENCE_MS),
      key: `${this.#prefix}inbox:${workerId}`,
      from: '0',
      group: 'worker',
      onEntries: (entries) => this.#receive(entries),
    })
    void this.#reader.run().catch(onError)
  }

  async #back(): Promise<void> {
    try {
      const run = String(await runVerb(this.#redis, this.#prefix, 'wake', []))
      if (run !== this.#run && this.#epoch !== '') await this.#reconcile(this.#epoch)
      this.#run = run
      this.#cutAt = 0
    } catch (error) {
      // Cut again: then it comes back again.
      if (isConnectionError(error)) return
      this.#options.onError(error as Error)
    }
    this.#isBack = true
    this.#sendAgain()
    // Not a beat's time later: a connection that is cut again and again would let it seem dead.
    await this.#beat()
  }

  /** Redis has begun anew, and its lane may be seconds old (scripts/reconcile.lua). */
  async #reconcile(epoch: string): Promise<void> {
    const { workerId, onAbort } = this.#options
    const now = performance.now()
    const say = (args: (string | number | Buffer)[]): Promise<unknown> =>
      runVerb(this.#redis, this.#prefix, 'reconcile', [workerId, epoch, this.#reader?.lastId ?? '', ...args])
    let some: (string | number | Buffer)[] = []
    let bytes = 0
    for (const { lease, settlement } of this.#memory.recent(now, now - (this.#cutAt || now))) {
      some.push(lease, statsOf(settlement), settlement.frame, JSON.stringify(settlement.record))
      bytes += settlement.frame.length
      if (bytes < MAX_RECONCILE_BYTES) continue
      await say(['', 0, ...some])
      some = []
      bytes = 0
    }
    const held = this.#memory.held()
    const answer = await say(['last', held.length, ...held, ...some])
    if (answer === 'gone') return
    held.forEach((lease, i) => {
      if ((answer as number[])[i] === 1) return
      const [id, attempt] = lease.split('|') as [string, string]
      this.#memory.drop(`${id}/${attempt}`)
      onAbort(`${id}/${attempt}`)
    })
  }

  async #beat(): Promise<void> {
    if (this.#beating || this.#closed) return
    this.#beating = true
    const { workerId, capacityMb, info, resident, onError } = this.#options
    const epoch = this.#epoch
    const sentAt = performance.now()
    try {
      if (epoch === '') {
        await this.#enter()
        return
      }
      const answer = await runVerb(this.#redis, this.#prefix, 'beat', [
        workerId,
        epoch,
        this.#reader?.lastId ?? '',
        Math.floor(capacityMb()),
        JSON.stringify(info()),
        residentReport(resident('all')),
      ])
      // Settle may have been told first, while this was under way.
      if (epoch !== this.#epoch) return
      if (answer === 'gone') {
        this.#gone()
        await this.#enter()
      } else {
        // From when it was sent: the answer may have been long under way.
        this.#lastGoodBeat = sentAt
        if (answer === 'r' && this.#draining) await this.drain()
      }
    } catch (error) {
      if (!isConnectionError(error)) onError(error as Error)
    } finally {
      this.#beating = false
    }
  }

  #gone(): void {
    if (this.#closed) return
    this.#epoch = ''
    // Before it joins: the next epoch's claims come in the same stream, and this reader would hand them on as well.
    this.#reader?.stop()
    this.#reader = undefined
    this.#lastGoodBeat = Number.NEGATIVE_INFINITY
    this.#memory.clear()
    this.#unsureNacks = []
    const unsure = this.#unsure
    this.#unsure = []
    this.#done(unsure.length)
    this.#options.onGone()
  }

  async #send(items: Settlement[]): Promise<void> {
    if (!this.#isBack) {
      this.#unsure.push(...items)
      return
    }
    const { workerId, resident, onError } = this.#options
    const epoch = this.#epoch
    const args: (string | Buffer)[] = [workerId, epoch, this.#reader?.lastId ?? '', residentReport(resident('changed'))]
    for (const item of items) {
      args.push(item.key, statsOf(item), item.frame, JSON.stringify(item.record))
    }
    let answer: unknown
    try {
      answer = await runVerb(this.#redis, this.#prefix, 'settle', args)
    } catch (error) {
      if (isConnectionError(error)) {
        this.#unsure.push(...items)
        return
      }
      onError(error as Error)
    }
    const now = performance.now()
    for (const item of items) this.#memory.settled(item, now)
    this.#done(items.length)
    if (answer !== 'gone' || epoch === '' || epoch !== this.#epoch) return
    this.#gone()
    await this.#beat()
  }

  #done(count: number): void {
    this.#settling -= count
    if (this.#settling === 0) this.#settled?.()
  }

  /** Said twice is said once, so what is unsure is simply said again. */
  #sendAgain(): void {
    const items = this.#unsure
    this.#unsure = []
    for (const item of items) this.#batch.add(item)
    const nacks = this.#unsureNacks
    this.#unsureNacks = []
    for (const args of nacks) void this.#sayNack(args)
  }

  #receive(entries: StreamEntry[]): void {
    for (const { fields } of entries) {
      for (let i = 0; i + 1 < fields.length; i += 2) {
        const meta = (fields[i] as Buffer).toString('latin1')
        if (meta.startsWith(ABORT)) {
          this.#options.onAbort(meta.slice(ABORT.length))
          continue
        }
        const claim = readClaim(meta, fields[i + 1] as Buffer)
        if (claim === undefined) continue
        this.#memory.hold(claim.key, claim.lease)
        this.#options.onClaim(claim)
      }
    }
  }
}

function residentReport(resident: ReadonlyMap<string, number>): string {
  let text = ''
  for (const [versionId, riders] of resident) text += `${text === '' ? '' : ','}${versionId}=${riders}`
  return text
}

function statsOf({ cpuMs, waitMs, runMs, beside, neverRan }: Settlement): string {
  return `${cpuMs.toFixed(3)}|${waitMs.toFixed(3)}|${runMs.toFixed(3)}|${beside === true ? '1' : neverRan === true ? 'n' : ''}`
}

/** An inbox entry as scripts/placing.lua writes it: what is left, `boxed` or nothing, the lease. undefined for the one that only opens the stream. */
function readClaim(meta: string, frame: Buffer): Claim | undefined {
  const fields = meta.split('|')
  if (fields.length !== 20) return undefined
  const field = (index: number): string => fields[index] as string
  const functionKey = field(4)
  const slash = functionKey.indexOf('/')
  return {
    key: `${field(2)}/${field(3)}`,
    tenant: functionKey.slice(0, slash),
    name: functionKey.slice(slash + 1),
    version: Number(field(5)),
    trigger: field(11) as Trigger,
    memoryMb: Number(field(13)),
    concurrency: Number(field(14)),
    acceptedAt: Number(field(17)),
    startedAt: Number(field(18)),
    leftMs: Number(field(0)),
    boxed: field(1) === 'boxed',
    lease: meta.slice(field(0).length + field(1).length + 2),
    frame,
  }
}
