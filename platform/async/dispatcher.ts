import { DelayedError, UnrecoverableError, WaitingError } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Store } from '../registry/open-store.ts'
import type { ChangeListener } from '../registry/store-changes.ts'
import { type AsyncEvents, CANCEL_CHANGE } from './async-events.ts'
import { Attempts, type AttemptsOptions } from './attempts.ts'
import type { DeliverCallback } from './callback-delivery.ts'
import { tooOld } from './decide-next.ts'
import { destinationEvent } from './destination.ts'
import { EventQueues } from './event-queues.ts'
import { finishEvent } from './finish-event.ts'
import { nextStep } from './next-step.ts'
import { Stories, type Turn } from './stories.ts'
import type { Story } from './story.ts'
import { type EventJob, RetryIn, TenantWorkers } from './tenant-workers.ts'
import { WAITING_CHANGE } from './waiting-tenants.ts'

interface DispatcherOptions extends Pick<AttemptsOptions, 'functions' | 'invoke' | 'forget'> {
  /** The store, with all the patience there is. */
  readonly store: Store
  readonly events: Pick<AsyncEvents, 'accept'>
  readonly deliver: DeliverCallback
  readonly onError: (error: Error) => void
}

/** Jobs at once, over all tenants. */
const WINDOW = 256
/** What runs longer than this while the dispatcher stops is handed back: it goes on in the lane, and another dispatcher joins it there. */
const STOP_GRACE_MS = 5_000

/** Takes events from their queues when they are due, has them run, and acts on what comes of it. Several may, for the same tenants. */
export class Dispatcher implements ChangeListener {
  readonly #options: DispatcherOptions
  readonly #stories: Stories
  readonly #queues: EventQueues
  readonly #workers: TenantWorkers
  readonly #attempts: Attempts

  constructor(options: DispatcherOptions) {
    const { store, functions, invoke, forget, onError } = options
    this.#options = options
    this.#stories = new Stories(store)
    this.#queues = new EventQueues({ connection: store as Redis, onError })
    this.#attempts = new Attempts({ stories: this.#stories, functions, invoke, forget, now: Date.now, random: Math.random })
    this.#workers = new TenantWorkers({
      connection: store as Redis,
      queues: this.#queues,
      window: WINDOW,
      process: (tenant, job, token) => (job.name === 'callback' ? this.#deliver(tenant, job) : this.#run(tenant, job, token)),
      onError,
    })
  }

  start(): void {
    this.#workers.start()
  }

  changed(key: string): void {
    if (key.startsWith(WAITING_CHANGE)) this.#workers.open(key.slice(WAITING_CHANGE.length))
    if (key.startsWith(CANCEL_CHANGE)) this.#attempts.cancel(key.slice(CANCEL_CHANGE.length))
  }

  missed(): void {
    this.#workers.look()
    for (const key of this.#attempts.keys) void this.#cancelIfWanted(key)
  }

  /** An event's job: goes on where its story stands, whoever has brought it there. */
  async #run(tenant: string, job: EventJob, token: string): Promise<string> {
    for (let attempted = false; ; ) {
      const story = await this.#stories.read(tenant, job.data.id)
      if (story === undefined) return 'forgotten'
      const step = nextStep(story, Date.now())
      if (step.kind === 'finish') return await this.#finish(story)
      if (step.kind === 'cancel') await this.#turn(story, { from: ['queued'], to: 'cancelled', nextAt: null })
      else if (step.kind === 'give-up') await this.#turn(story, { from: ['queued'], to: 'dead', nextAt: null, error: tooOld(story.error) })
      else if (step.kind === 'wait' || attempted) return await putOff(story, job, token)
      else if ((await this.#attempts.make(story, step.attempt)) === 'settled') attempted = true
      else {
        await job.moveToWait(token)
        throw new WaitingError()
      }
    }
  }

  /** What is due when it is over; said again by whoever finds it so after a crash. */
  async #finish(story: Story): Promise<string> {
    const { event, status, error } = story
    const { functions, events, store } = this.#options
    await finishEvent(story, { queues: this.#queues, store })
    const target = await functions.resolve(event.tenant, event.name, event.qualifier)
    const told = target && destinationEvent(story, target)
    if (told !== undefined && (await events.accept(told)).kind === 'full') throw new Error(`no room for the event that tells ${told.name} of it`)
    if (status === 'dead') throw new UnrecoverableError(`${error?.code}: ${error?.message}`)
    return status
  }

  async #deliver(tenant: string, { data, attemptsMade }: EventJob): Promise<string> {
    const story = await this.#stories.read(tenant, data.id)
    if (story === undefined) return 'forgotten'
    const { state, retryInMs } = await this.#options.deliver(story, attemptsMade + 1)
    await this.#stories.noteCallback(tenant, data.id, state)
    if (state.status === 'delivered') return state.status
    if (retryInMs === undefined) throw new UnrecoverableError(state.error)
    throw new RetryIn(state.error ?? 'it was not taken', retryInMs)
  }

  async #turn({ event: { tenant, id } }: Story, turn: Turn): Promise<void> {
    await this.#stories.turn(tenant, id, turn, Date.now())
  }

  async #cancelIfWanted(key: string): Promise<void> {
    const slash = key.indexOf('/')
    const story = await this.#stories.read(key.slice(0, slash), key.slice(slash + 1)).catch(this.#options.onError)
    if (story?.cancelling === true) this.#attempts.cancel(key)
  }

  /** Takes no more, waits a little for what runs, and hands the rest back. */
  async stop(): Promise<void> {
    const grace = setTimeout(() => this.#attempts.handBack(), STOP_GRACE_MS)
    await this.#workers.stop().finally(() => clearTimeout(grace))
    await this.#queues[Symbol.asyncDispose]()
  }
}

/** Until its next attempt. What failed by its function's fault is shown as BullMQ's own retry; the rest costs none. */
async function putOff({ nextAt = 0, requeues, error }: Story, job: EventJob, token: string): Promise<never> {
  if (requeues === 0 && error !== undefined) throw new RetryIn(`${error.code}: ${error.message}`, nextAt - Date.now())
  await job.moveToDelayed(nextAt, token)
  throw new DelayedError()
}
