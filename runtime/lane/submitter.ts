import type { Redis } from 'ioredis'
import { decodeFrame } from '../contract/frame.ts'
import type { Invocation } from '../contract/invocation.ts'
import { bookedMb, type Limits } from '../contract/limits.ts'
import { functionKey } from '../contract/names.ts'
import { type Outcome, parseOutcome } from '../contract/outcome.ts'
import { parseReplyFrameHead, type ReplyFrameHead } from '../contract/reply.ts'
import { connected, openLaneConnection, type RedisUrl } from './connection.ts'
import { lanePrefix, MAIN_LANE, runVerb } from './scripts.ts'
import { isConnectionError, type StreamEntry, StreamReader } from './stream-reader.ts'
import { TurnBatch } from './turn-batch.ts'

/** One invocation, ready for the lane. */
export interface Submission {
  readonly invocation: Invocation
  readonly limits: Limits
  /** Bounds completion, waiting included. */
  readonly deadlineMs: number
  /** Longest it may wait for a worker. */
  readonly maxWaitMs: number
  readonly maxConcurrency: number
  /** Of the settings `maxConcurrency` comes from; the lane asks for them when it knows older ones. */
  readonly revision: number
  readonly requestBytes: number
  /** An invocation frame: head Invocation, text EventHead, body the event's bytes. */
  readonly frame: Buffer
}

/** What comes back for a submission. Never a rejection: how it ended is a value. */
export type LaneReply =
  /** A worker answered; text is the isolate's ReplyHead, body the reply's bytes. */
  | { readonly kind: 'answered'; readonly head: ReplyFrameHead; readonly text: Buffer; readonly body: Buffer }
  /** The lane answered for it: accepted, on record, but nobody ran it to its end. */
  | { readonly kind: 'verdict'; readonly outcome: Outcome }
  /** Never accepted, no record. */
  | { readonly kind: 'refused'; readonly reason: 'full' | 'off' | 'unreachable' }

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
  /** To be sent again, once the replies have been read to their end. */
  unsure: boolean
}

export interface SubmitterOptions {
  readonly url: RedisUrl
  /** Unique per process start: replies are addressed to it. */
  readonly gatewayId: string
  readonly lane?: string
  readonly maxQueuedPerFunction?: number
  readonly maxQueuedBytes?: number
  readonly onError: (error: Error) => void
}

const PLACED = 0
const QUEUED = 1
const ALREADY_HERE = 2
const STALE_SETTINGS = 3
const FULL = 4
const OFF = 5

/** The lane's answer to a cancel of what it does not have: never accepted, or settled, and then its reply is on its way. */
const NOT_HERE = 0

/** The lane or its worker answers by the deadline; this much later the submitter stops believing in it. */
const GRACE_MS = 500
const SWEEP_MS = 250
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
  #keptAt = 0

  constructor(options: SubmitterOptions) {
    this.#options = options
    this.#prefix = lanePrefix(options.lane ?? MAIN_LANE)
    this.#redis = openLaneConnection(options.url, `gateway:${options.gatewayId}`, options.onError)
    this.#replyKey = `${this.#prefix}replies:${options.gatewayId}`
    this.#reader = new StreamReader({
      redis: openLaneConnection(options.url, `replies:${options.gatewayId}`, options.onError),
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
    this.#redis.on('ready', () => void this.#back())
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
    const givesUpAt = performance.now() + submission.deadlineMs + GRACE_MS
    const waiting: Waiting = { submission, key, reply, resolve, givesUpAt, mayBeThere: false, cancelled: false, unsure: false }
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
    // On the connection of the submission, and after it.
    this.#cancels.add(item)
  }

  get inFlight(): number {
    return this.#waiting.size
  }

  get connected(): boolean {
    return this.#redis.status === 'ready'
  }

  async #send(batch: Waiting[]): Promise<void> {
    // What was answered meanwhile must not go out again: the lane has forgotten it, and would run it a second time.
    const items = batch.filter((item) => this.#waiting.get(item.key) === item && !this.#isToBeForgotten(item))
    if (items.length === 0) return
    const { gatewayId, maxQueuedPerFunction = 1_000, maxQueuedBytes = 64 * 1024 * 1024 } = this.#options
    const again = items.some((item) => item.mayBeThere) ? '1' : ''
    const args: (string | number | Buffer)[] = [gatewayId, this.#reader.lastId, maxQueuedPerFunction, maxQueuedBytes, again]
    for (const { submission } of items) args.push(headOf(submission, gatewayId), submission.revision, submission.frame)
    let answers: number[]
    try {
      answers = (await runVerb(this.#redis, this.#prefix, 'submit', args)) as number[]
    } catch (error) {
      this.#failed(items, error as Error)
      return
    }
    const stale: Waiting[] = []
    items.forEach((item, i) => {
      switch (answers[i]) {
        case PLACED:
        case QUEUED:
        case ALREADY_HERE:
          break
        case STALE_SETTINGS:
          stale.push(item)
          break
        case FULL:
          this.#finish(item, { kind: 'refused', reason: 'full' })
          break
        case OFF:
          this.#finish(item, { kind: 'refused', reason: 'off' })
          break
        default:
          throw new RangeError(`Cannot read the lane's answer to submit: ${answers[i]}`)
      }
    })
    if (stale.length > 0) await this.#configureAndSend(stale)
  }

  #failed(items: Waiting[], error: Error): void {
    const cut = isConnectionError(error)
    if (!cut) this.#options.onError(error)
    for (const item of items) {
      item.mayBeThere ||= cut && wasSent(error)
      if (!item.mayBeThere) this.#finish(item, { kind: 'refused', reason: 'unreachable' })
      else if (cut) item.unsure = true
      else this.#lose(item, 'the lane could not say whether it was accepted')
    }
  }

  async #configureAndSend(items: Waiting[]): Promise<void> {
    const newest = new Map<string, Submission>()
    for (const { submission } of items) {
      const key = functionKey(submission.invocation.tenant, submission.invocation.name)
      if ((newest.get(key)?.revision ?? -1) < submission.revision) newest.set(key, submission)
    }
    try {
      await Promise.all(
        [...newest].map(([key, { revision, maxConcurrency }]) => runVerb(this.#redis, this.#prefix, 'configure', [key, revision, maxConcurrency])),
      )
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
          else this.#finish(item, { kind: 'verdict', outcome: parseOutcome(JSON.parse(value.toString('utf8'))) })
        } catch (error) {
          // One bad answer must not cost everybody else theirs.
          this.#options.onError(error as Error)
          this.#lose(item, 'its answer could not be read')
        }
      }
    }
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
      if (nowMs >= item.givesUpAt) this.#lose(item, 'no answer came back before the deadline')
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
      for (const item of this.#waiting.values()) if (item.unsure) this.#lose(item, 'the gateway was cut off for too long')
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

function readAnswer(value: Buffer): LaneReply {
  const { head, text, body } = decodeFrame(value)
  return { kind: 'answered', head: parseReplyFrameHead(head), text, body }
}

/** A command refused because there was no connection never left this process. */
function wasSent(error: Error): boolean {
  return !/enableOfflineQueue|isn't writeable/.test(error.message)
}

/** The lane's view of a submission; the fields are listed in scripts/lane.lua. */
function headOf(submission: Submission, gatewayId: string): string {
  const { invocation: i, limits } = submission
  return [
    i.id,
    i.attempt,
    functionKey(i.tenant, i.name),
    i.version,
    i.versionId,
    bookedMb(limits),
    gatewayId,
    Math.max(1, Math.round(submission.deadlineMs)),
    Math.max(1, Math.round(submission.maxWaitMs)),
    i.trigger,
    submission.requestBytes,
    limits.memoryMb,
    limits.concurrency,
  ].join('|')
}
