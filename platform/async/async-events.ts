import type { Redis } from 'ioredis'
import type { Idempotency } from '../../runtime/lane/submission.ts'
import type { Store } from '../registry/open-store.ts'
import { publishChange } from '../registry/store-changes.ts'
import { MAX_EVENT_BYTES, type NewAsyncEvent, toAsyncEvent } from './async-event.ts'
import { EventQueues } from './event-queues.ts'
import { finishEvent } from './finish-event.ts'
import { Stories } from './stories.ts'
import { isOver, type Story } from './story.ts'
import { noteWaiting } from './waiting-tenants.ts'

/** How an event was taken in. Never a rejection for want of room: that is a value. */
export type Acceptance =
  | { readonly kind: 'accepted'; readonly id: string }
  /** The idempotency key came before, with this event: it is the earlier one. */
  | { readonly kind: 'replay'; readonly id: string }
  /** The idempotency key came before, with another request. */
  | { readonly kind: 'key_reused' }
  /** Too many bytes of this tenant's events are held: nothing was kept. */
  | { readonly kind: 'full'; readonly retryAfterSeconds: number }

export type Cancelled = 'cancelled' | 'told' | 'over' | 'unknown'

/** News for dispatchers: `async-cancel:<tenant>/<id>`. */
export const CANCEL_CHANGE = 'async-cancel:'

/** Nobody knows when a dead letter is redriven or a function gets well. */
const FULL_RETRY_SECONDS = 10
const REDRIVE_BATCH = 100
const READ_BATCH = 20

interface Options {
  /** The store, with a short patience: somebody waits. */
  readonly store: Store
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  readonly onError: (error: Error) => void
}

/** Events that outlive whoever sent them: taking them in, looking at them, ending them. Any process may. */
export class AsyncEvents implements AsyncDisposable {
  readonly #store: Store
  readonly #stories: Stories
  readonly #queues: EventQueues
  readonly #now: () => number

  constructor({ store, now = Date.now, onError }: Options) {
    this.#store = store
    this.#stories = new Stories(store)
    this.#queues = new EventQueues({ connection: store as Redis, onError })
    this.#now = now
  }

  /**
   * Takes an event in. When it resolves with `accepted` the event is on disk and will be run at least once, or end in the
   * dead-letter list. The same id again is the same event, whatever else differs. Rejects when the store does not answer: then
   * it may have been taken or not, and saying it again is safe.
   */
  async accept(event: NewAsyncEvent, idempotency?: Idempotency): Promise<Acceptance> {
    if (event.body.length > MAX_EVENT_BYTES)
      throw new RangeError(`Cannot take an event of ${event.body.length} bytes: allowed are ${MAX_EVENT_BYTES}`)
    const now = this.#now()
    const held = await this.#stories.hold(toAsyncEvent(event, now), event.body, now, idempotency)
    if (held.kind === 'full') return { kind: 'full', retryAfterSeconds: FULL_RETRY_SECONDS }
    if (held.kind === 'replay') {
      if (held.fingerprint !== idempotency?.fingerprint) return { kind: 'key_reused' }
      // Whoever took it in may have died before it was in the queue.
      const status = await this.#stories.status(event.tenant, held.id)
      if (status === 'queued') await this.#enqueue({ ...event, id: held.id })
      return { kind: 'replay', id: held.id }
    }
    if (held.kind === 'held' || held.status === 'queued') await this.#enqueue(event)
    return { kind: 'accepted', id: event.id }
  }

  /** undefined: there is no such event of this tenant, or it has been forgotten. */
  async read(tenant: string, id: string): Promise<Story | undefined> {
    return await this.#stories.read(tenant, id)
  }

  /** What the function is called with; undefined: it is over. */
  async body(tenant: string, id: string): Promise<Buffer | undefined> {
    return await this.#stories.body(tenant, id)
  }

  /** Whether nothing more will come of it: succeeded, failed, dead or cancelled, or so long ago that nobody knows. */
  async isOver(tenant: string, id: string): Promise<boolean> {
    const status = await this.#stories.status(tenant, id)
    return status === undefined || isOver({ status })
  }

  /** `told`: it is running, and ended as soon as its worker hears of it. `over`: too late. */
  async cancel(tenant: string, id: string): Promise<Cancelled> {
    const now = this.#now()
    if (await this.#stories.turn(tenant, id, { from: ['queued'], to: 'cancelled', nextAt: null }, now)) {
      await this.#finish(tenant, id)
      await this.#queues.remove(tenant, id)
      return 'cancelled'
    }
    if (await this.#stories.turn(tenant, id, { from: ['running'], to: 'running', cancelling: true }, now)) {
      await publishChange(this.#store, `${CANCEL_CHANGE}${tenant}/${id}`)
      return 'told'
    }
    return (await this.#stories.status(tenant, id)) === undefined ? 'unknown' : 'over'
  }

  /** Dead letters, newest first, but for what they answered: of a whole page that may be more than anybody should hold at once. */
  async deadLetters(tenant: string, offset: number, count: number): Promise<{ total: number; letters: Story[] }> {
    await this.#stories.sweepDead(tenant, this.#now())
    const ids = await this.#stories.deadIds(tenant, offset, count)
    const letters: Story[] = []
    for (let at = 0; at < ids.length; at += READ_BATCH) {
      const batch = await Promise.all(ids.slice(at, at + READ_BATCH).map((id) => this.#stories.read(tenant, id)))
      for (const story of batch) if (story?.status === 'dead') letters.push(withoutResult(story))
    }
    return { total: await this.#stories.deadCount(tenant), letters }
  }

  /** Lets it run again, with as many retries and as much time as a new one. Whether it was there. */
  async redrive(tenant: string, id: string): Promise<boolean> {
    const now = this.#now()
    const fresh = { since: now, spent: 0, requeues: 0, nextAt: null, cancelling: null, error: null } as const
    // Its old job lies among BullMQ's failed ones: an add would find it there and do nothing.
    if ((await this.#stories.status(tenant, id)) !== 'dead') return false
    await this.#queues.remove(tenant, id)
    if (!(await this.#stories.turn(tenant, id, { from: ['dead'], to: 'queued', ...fresh }, now))) return false
    const story = await this.#stories.read(tenant, id)
    if (story !== undefined) await this.#enqueue(story.event)
    return true
  }

  /** Gives up on a dead letter: its outcome is kept for a day, its bytes are not. Whether it was there. */
  async purge(tenant: string, id: string): Promise<boolean> {
    if (!(await this.#stories.turn(tenant, id, { from: ['dead'], to: 'failed' }, this.#now()))) return false
    await this.#queues.remove(tenant, id)
    return true
  }

  /** Every dead letter there is now. How many it was done to. */
  async forAllDead(tenant: string, one: (id: string) => Promise<boolean>): Promise<number> {
    await this.#stories.sweepDead(tenant, this.#now())
    const ids = await this.#stories.deadIds(tenant, 0, await this.#stories.deadCount(tenant))
    let done = 0
    for (let at = 0; at < ids.length; at += REDRIVE_BATCH) {
      const batch = await Promise.all(ids.slice(at, at + REDRIVE_BATCH).map(one))
      done += batch.filter((was) => was).length
    }
    return done
  }

  /** Gives a new job to an event that waits or runs, and whose job has gone or is over. Whether it was such a one. */
  async enqueueAgain(tenant: string, id: string): Promise<boolean> {
    const status = await this.#stories.status(tenant, id)
    if (status === undefined || isOver({ status })) return false
    const story = await this.#stories.read(tenant, id)
    if (story === undefined) return false
    await this.#queues.remove(tenant, id)
    await this.#enqueue(story.event)
    return true
  }

  async #enqueue({ tenant, id, name, trigger }: Pick<NewAsyncEvent, 'tenant' | 'id' | 'name' | 'trigger'>): Promise<void> {
    await this.#queues.add(tenant, 'invoke', id, { id, function: name, trigger })
    await noteWaiting(this.#store, tenant)
  }

  async #finish(tenant: string, id: string): Promise<void> {
    const story = await this.#stories.read(tenant, id)
    if (story !== undefined) await finishEvent(story, { queues: this.#queues, store: this.#store })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queues[Symbol.asyncDispose]()
  }
}

function withoutResult({ result, ...story }: Story): Story {
  return result === undefined ? story : { ...story, resultNote: `GET /v1/dead-letters/${story.event.id} has the result` }
}
