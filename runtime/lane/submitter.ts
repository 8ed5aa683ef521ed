import type { Redis } from 'ioredis'
import { MAIN_LANE } from '../contract/lanes.ts'
import { functionKey } from '../contract/names.ts'
import { parseOutcome } from '../contract/outcome.ts'
import { connected, openLaneConnection, type RedisUrl } from './connection.ts'
import { type LaneReply, readAnswer, readReplay, readSubmitAnswer, type SubmitAnswer } from './lane-reply.ts'
import { lanePrefix, runVerb } from './scripts.ts'
import { isConnectionError, READER_SILENCE_MS, type StreamEntry, StreamReader } from './stream-reader.ts'
import { headOf, type Submission } from './submission.ts'
import { TurnBatch } from './turn-batch.ts'

interface Waiting {
  readonly submission: Submission
  readonly key: string
  readonly reply: Promise<LaneReply>
  readonly resolve: (reply: LaneReply) => void
  readonly givesUpAt: number
  /** A connection broke under it: the lane may have accepted it. Never `refused` from then on. */
  mayBeThere: boolean
  /** Nobody waits for it any more: it is not sent again. */
  cancelled: boolean
  /** To be sent (again), once the connection is back and the replies have been read to their end. */
  unsure: boolean
  readonly submittedAt: number
}

export interface SubmitterOptions {
  readonly url: RedisUrl
  /** Unique per process start: replies are addressed to it. */
  readonly gatewayId: string
  readonly lane?: string
  readonly maxQueuedPerFunction?: number
  readonly maxQueuedBytes?: number
  readonly maxQueuedBytesPerTenant?: number
  readonly onError: (error: Error) => void
}

/** The lane's answer to a cancel of what it does not have: never accepted, or settled, and then its reply is on its way. */
const NOT_HERE = 0

/** The lane or its worker answers by the deadline; this much later the submitter stops believing in it. */
const GRACE_MS = 500
const SWEEP_MS = 250
/** What never left this process waits so long for a connection. */
const UNREACHABLE_AFTER_MS = 1_000
const UNREACHABLE: LaneReply = { kind: 'refused', reason: 'unreachable' }
/** Time for workers to say what they hold, after Redis has begun anew. */
const RECONCILE_MS = 1_000
const REPLY_STREAM_TTL_MS = 30_000
const KEEP_ALIVE_MS = 5_000

/** A process's way into a lane: submits invocations and hands back what becomes of them. */
export class Submitter {
  readonly #options: SubmitterOptions
  readonly #prefix: string
  readonly #redis: Redis
  readonly #reader: StreamReader
  readonly #replyKey: string
  readonly #waiting = new Map<string, Waiting>()
  readonly #batch: TurnBatch<Waiting>
  readonly #cancels: TurnBatch<Waiting>
  readonly #timers: NodeJS.Timeout[] = []
  #readDone: Promise<void> = Promise.resolve()
  #cutAt = Number.NEGATIVE_INFINITY
  /** Of Redis, when last looked. */
  #run = ''
  #keptAt = 0

  constructor(options: SubmitterOptions) {
    this.#options = options
    this.#prefix = lanePrefix(options.lane ?? MAIN_LANE)
    this.#redis = openLaneConnection(options.url, `gateway:${options.gatewayId}`, options.onError)
    this.#replyKey = `${this.#prefix}replies:${options.gatewayId}`
    this.#reader = new StreamReader({
      redis: openLaneConnection(options.url, `replies:${options.gatewayId}`, options.onError, READER_SILENCE_MS),
      key: this.#replyKey,
      from: '0',
      onEntries: (entries) => this.#deliver(entries),
      onCaughtUp: () => this.#sendAgain(),
    })
    this.#batch = new TurnBatch(
      (items) => void this.#send(items),
      (item) => item.submission.frame.length,
    )
    this.#cancels = new TurnBatch(
      (items) => void this.#sendCancels(items),
      (item) => item.key.length,
    )
  }

  /** Resolves when the reply stream stands and submissions may begin. */
  async open(): Promise<void> {
    await this.#keepReplyStream(true)
    await this.#lookForANewRun()
    this.#redis.on('ready', () => void this.#back())
    // Every attempt to connect ends with one more.
    let wasReady = true
    this.#redis.on('ready', () => (wasReady = true))
    this.#redis.on('close', () => {
      if (wasReady) this.#cutAt = performance.now()
      wasReady = false
    })
    this.#readDone = this.#reader.run().catch(this.#options.onError)
    this.#timers.push(
      setInterval(() => void this.#keepReplyStream(false), KEEP_ALIVE_MS),
      setInterval(() => this.#sweep(performance.now()), SWEEP_MS),
    )
    for (const timer of this.#timers) timer.unref()
  }

  /** An attempt that is under way already is joined, not run again. */
  submit(submission: Submission): Promise<LaneReply> {
    const { id, attempt } = submission.invocation
    const key = `${id}/${attempt}`
    const underWay = this.#waiting.get(key)
    if (underWay !== undefined) return underWay.reply
    const { promise: reply, resolve } = Promise.withResolvers<LaneReply>()
    const submittedAt = performance.now()
    const givesUpAt = submittedAt + submission.deadlineMs + GRACE_MS
    const waiting: Waiting = { submission, key, reply, resolve, submittedAt, givesUpAt, mayBeThere: false, cancelled: false, unsure: false }
    this.#waiting.set(key, waiting)
    this.#batch.add(waiting)
    return reply
  }

  /**
   * Nobody waits for this attempt any more: out of the queue with it, or its worker is told. What it comes to is its reply,
   * as ever. Changes nothing for what has been answered.
   */
  cancel(id: string, attempt: number): void {
    const item = this.#waiting.get(`${id}/${attempt}`)
    if (item === undefined || item.cancelled) return
    item.cancelled = true
    // It waits for a connection, and has not left this process.
    if (item.unsure && this.#isToBeForgotten(item)) return
    // On the connection of the submission, and after it.
    this.#cancels.add(item)
  }

  /** The answer of an asynchronous invocation is safe elsewhere. Said on a best effort: the lane forgets by itself after a day. */
  async forget(fn: string, id: string, attempt: number): Promise<void> {
    await runVerb(this.#redis, this.#prefix, 'forget', [fn, `${id}/${attempt}`]).catch(this.#options.onError)
  }

  get inFlight(): number {
    return this.#waiting.size
  }

  /** Connected, or so lately that it may be again at once. */
  get reachable(): boolean {
    return this.connected || performance.now() - this.#cutAt < UNREACHABLE_AFTER_MS
  }

  get connected(): boolean {
    return this.#redis.status === 'ready'
  }

  async #send(batch: Waiting[]): Promise<void> {
    // What was answered meanwhile must not go out again: the lane has forgotten it, and would run it a second time.
    const items = batch.filter((item) => this.#waiting.get(item.key) === item && !this.#isToBeForgotten(item))
    if (items.length === 0) return
    const { gatewayId, maxQueuedPerFunction = 1_000, maxQueuedBytes = 256 * 1024 * 1024, maxQueuedBytesPerTenant = 64 * 1024 * 1024 } = this.#options
    const again = items.some((item) => item.mayBeThere) ? '1' : ''
    const args: (string | number | Buffer)[] = [gatewayId, this.#reader.lastId, maxQueuedPerFunction, maxQueuedBytes, maxQueuedBytesPerTenant, again]
    for (const { submission } of items) {
      const { revision, tenantSettings, frame, idempotency } = submission
      args.push(headOf(submission, gatewayId), `${revision}|${tenantSettings.revision}`, frame, idempotency?.fingerprint ?? '')
    }
    let answers: SubmitAnswer[]
    try {
      answers = (await runVerb(this.#redis, this.#prefix, 'submit', args)) as SubmitAnswer[]
    } catch (error) {
      this.#failed(items, error as Error)
      return
    }
    const stale: Waiting[] = []
    items.forEach((item, i) => {
      const meaning = readSubmitAnswer(answers[i])
      if (meaning === 'stale') stale.push(item)
      else if (meaning === 'again') this.#batch.add(item)
      else if (meaning !== 'accepted') this.#finish(item, meaning)
    })
    if (stale.length > 0) await this.#configureAndSend(stale)
  }

  #failed(items: Waiting[], error: Error): void {
    const cut = isConnectionError(error)
    const now = performance.now()
    if (!cut) this.#options.onError(error)
    for (const item of items) {
      item.mayBeThere ||= cut && wasSent(error)
      if (cut && (item.mayBeThere || this.#mayWait(item, now))) item.unsure = true
      else if (!item.mayBeThere) this.#finish(item, UNREACHABLE)
      else this.#lose(item, 'the lane could not say whether it was accepted')
    }
  }

  async #configureAndSend(items: Waiting[]): Promise<void> {
    const verbs = new Map<string, Promise<unknown>>()
    const say = (key: string, verb: 'configure' | 'tenant', args: (string | number)[]): void => {
      if (!verbs.has(key)) verbs.set(key, runVerb(this.#redis, this.#prefix, verb, args))
    }
    const newestFirst = items.map(({ submission }) => submission).sort((a, b) => b.revision - a.revision)
    for (const { invocation, revision, maxConcurrency } of newestFirst) {
      const key = functionKey(invocation.tenant, invocation.name)
      say(key, 'configure', [key, revision, maxConcurrency])
    }
    newestFirst.sort((a, b) => b.tenantSettings.revision - a.tenantSettings.revision)
    for (const { invocation, tenantSettings } of newestFirst)
      say(invocation.tenant, 'tenant', [
        invocation.tenant,
        tenantSettings.revision,
        tenantSettings.weight,
        tenantSettings.movedTo ?? '',
        Math.ceil(tenantSettings.pausedMs ?? 0),
      ])
    try {
      await Promise.all(verbs.values())
    } catch (error) {
      this.#failed(items, error as Error)
      return
    }
    for (const item of items) this.#batch.add(item)
  }

  /** Cancelled before it was ever sent. */
  #isToBeForgotten(item: Waiting): boolean {
    if (!item.cancelled || item.mayBeThere) return false
    this.#finish(item, { kind: 'verdict', outcome: { kind: 'cancelled' } })
    return true
  }

  async #sendCancels(batch: Waiting[]): Promise<void> {
    const items = batch.filter((item) => this.#waiting.get(item.key) === item)
    if (items.length === 0) return
    let answers: number[]
    try {
      answers = (await runVerb(
        this.#redis,
        this.#prefix,
        'cancel',
        items.map(({ key }) => key),
      )) as number[]
    } catch (error) {
      // After a cut it is said again, with everything else that is unsure.
      if (!isConnectionError(error)) this.#options.onError(error as Error)
      return
    }
    items.forEach((item, i) => {
      if (answers[i] === NOT_HERE) this.#finish(item, { kind: 'verdict', outcome: { kind: 'cancelled' } })
    })
  }

  async #back(): Promise<void> {
    await this.#keepReplyStream(false)
    this.#sendAgain()
    await this.#lookForANewRun().catch((error: Error) => {
      if (!isConnectionError(error)) this.#options.onError(error)
    })
  }

  /** Redis that has begun anew may have forgotten what it had accepted: what it does not know by then is lost. */
  async #lookForANewRun(): Promise<void> {
    const run = String(await runVerb(this.#redis, this.#prefix, 'wake', []))
    const before = this.#run
    this.#run = run
    if (before === '' || before === run) return
    const asked = [...this.#waiting.values()]
    await new Promise((resolve) => setTimeout(resolve, RECONCILE_MS).unref())
    const keys = asked.filter((item) => this.#waiting.get(item.key) === item).map(({ key }) => key)
    if (keys.length === 0) return
    const answers = (await runVerb(this.#redis, this.#prefix, 'known', [this.#options.gatewayId, this.#reader.lastId, ...keys])) as number[]
    keys.forEach((key, i) => {
      const item = this.#waiting.get(key)
      if (item !== undefined && answers[i] === 0) this.#lose(item, 'Redis failed and does not know it any more')
    })
  }

  /** Whichever connection comes back last calls this. */
  #sendAgain(): void {
    if (!this.#reader.caughtUp || !this.connected) return
    if (performance.now() - this.#keptAt > REPLY_STREAM_TTL_MS) return
    for (const item of this.#waiting.values()) {
      const { unsure, cancelled } = item
      item.unsure = false
      if (cancelled) this.#cancels.add(item)
      else if (unsure) this.#batch.add(item)
    }
  }

  #deliver(entries: StreamEntry[]): void {
    for (const { fields } of entries) {
      for (let i = 0; i + 1 < fields.length; i += 2) {
        const name = (fields[i] as Buffer).toString('latin1')
        const value = fields[i + 1] as Buffer
        const item = this.#waiting.get(name.slice(2))
        if (item === undefined) continue
        try {
          if (name.startsWith('f:')) this.#finish(item, readAnswer(value))
          else if (name.startsWith('r:')) this.#finish(item, readReplay(value))
          else if (name.startsWith('l:')) this.#finish(item, { kind: 'refused', reason: 'answer_not_kept', id: value.toString('latin1') })
          else this.#finish(item, { kind: 'verdict', outcome: parseOutcome(JSON.parse(value.toString('utf8'))) })
        } catch (error) {
          // One bad answer must not cost everybody else theirs.
          this.#options.onError(error as Error)
          this.#lose(item, 'its answer could not be read')
        }
      }
    }
  }

  /** A restart of Redis or a cut connection is over in less: nobody need hear of it. */
  #mayWait(item: Waiting, nowMs: number): boolean {
    return nowMs - item.submittedAt < UNREACHABLE_AFTER_MS && nowMs < item.givesUpAt
  }

  #lose(item: Waiting, reason: string): void {
    this.#finish(item, { kind: 'verdict', outcome: { kind: 'lost', reason, started: 'maybe' } })
  }

  #finish(item: Waiting, reply: LaneReply): void {
    if (this.#waiting.get(item.key) !== item) return
    this.#waiting.delete(item.key)
    item.resolve(reply)
  }

  #sweep(nowMs: number): void {
    for (const item of this.#waiting.values()) {
      if (item.unsure && !item.mayBeThere && !this.#mayWait(item, nowMs)) this.#finish(item, UNREACHABLE)
      else if (nowMs >= item.givesUpAt) this.#lose(item, 'no answer came back before the deadline')
    }
  }

  /** A reply stream nobody keeps alive is deleted by Redis: that is how a dead gateway's replies go away. */
  async #keepReplyStream(first: boolean): Promise<void> {
    try {
      if (first) await connected(this.#redis)
      const sentAt = performance.now()
      if ((await this.#redis.pexpire(this.#replyKey, REPLY_STREAM_TTL_MS)) === 1) {
        this.#keptAt = sentAt
        return
      }
      // Answers may have gone with the old stream: what was sent before the cut and is not here cannot be sent again safely.
      for (const item of this.#waiting.values()) if (item.unsure && item.mayBeThere) this.#lose(item, 'the gateway was cut off for too long')
      await this.#redis.multi().xadd(this.#replyKey, '*', 'opened', this.#options.gatewayId).pexpire(this.#replyKey, REPLY_STREAM_TTL_MS).exec()
      this.#keptAt = sentAt
    } catch (error) {
      if (first || !isConnectionError(error)) this.#options.onError(error as Error)
      if (first) throw error
    }
  }

  /** Waits for nothing: what is still under way is answered `lost` to its callers. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    for (const item of this.#waiting.values()) this.#lose(item, 'the gateway stopped')
    this.#reader.stop()
    await this.#readDone
    await this.#redis.del(this.#replyKey).catch(() => 0)
    this.#redis.disconnect()
  }
}

/** A command refused because there was no connection never left this process. */
function wasSent(error: Error): boolean {
  return !/enableOfflineQueue|isn't writeable/.test(error.message)
}
