import { type Job, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Store } from '../registry/open-store.ts'
import { backoffMs, REQUEUE_BACKOFF } from './backoff.ts'
import { type EventQueues, type JobData, type JobName, QUEUE_PREFIX } from './event-queues.ts'
import { forgetWaiting, waitingScore, waitingTenants } from './waiting-tenants.ts'

export type EventJob = Job<JobData, string, JobName>
export type ProcessJob = (tenant: string, job: EventJob, token: string) => Promise<string>

/** A job failed, and this is how long it is to wait. */
export class RetryIn extends Error {
  readonly delayMs: number

  constructor(message: string, delayMs: number) {
    super(message)
    this.name = 'RetryIn'
    this.delayMs = Math.max(0, Math.ceil(delayMs))
  }
}

interface Options {
  /** The store; one blocking connection more for each tenant that has something to do. It waits for as long as it takes. */
  readonly connection: Redis
  readonly queues: EventQueues
  readonly process: ProcessJob
  /** Jobs at once, over all tenants. */
  readonly window: number
  readonly onError: (error: Error) => void
}

/** Whoever has died is missed after this, and its jobs are given to others. */
const LOCK_MS = 10_000
const STALLED_INTERVAL_MS = 5_000
/** A job that outlives many dispatchers is no failure of its own: BullMQ's default of 1 would end it at its second. */
const MAX_STALLED = 1_000
const LOOK_EVERY_MS = 1_000
/** A tenant who sends one event now and then shall not have a connection made for each. */
const IDLE_MS = 30_000

/**
 * A BullMQ worker for each tenant with something to do, so that nobody waits behind another's backlog. The window is shared
 * evenly: a tenant alone has all of it.
 */
export class TenantWorkers {
  readonly #options: Options
  readonly #workers = new Map<string, Worker<JobData, string, JobName>>()
  /** Since when a queue has been found empty, on the clock of `performance`. */
  readonly #idleSince = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(options: Options) {
    this.#options = options
  }

  start(): void {
    this.look()
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS)
  }

  /** Tenants that are being served. */
  get tenants(): readonly string[] {
    return [...this.#workers.keys()]
  }

  /** Opens workers for tenants that have come onto the list, and closes those whose queue is empty. */
  look(): void {
    this.#looking = this.#looking.then(() => this.#look()).catch(this.#options.onError)
  }

  open(tenant: string): void {
    if (this.#stopped || this.#workers.has(tenant)) return
    const { connection, process, onError } = this.#options
    const worker = new Worker<JobData, string, JobName>(tenant, (job, token) => process(tenant, job, token as string), {
      connection,
      prefix: QUEUE_PREFIX,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_INTERVAL_MS,
      maxStalledCount: MAX_STALLED,
      concurrency: this.#share(this.#workers.size + 1),
      settings: { backoffStrategy },
    })
    worker.on('error', onError)
    this.#workers.set(tenant, worker)
    this.#shareOut()
  }

  async #look(): Promise<void> {
    if (this.#stopped) return
    const store = this.#options.connection as Store
    const waiting = new Set(await waitingTenants(store))
    for (const tenant of waiting) this.open(tenant)
    for (const tenant of this.#workers.keys()) {
      const score = await waitingScore(store, tenant)
      const counts = await this.#options.queues.of(tenant).getJobCounts('wait', 'active', 'delayed', 'prioritized')
      if (Object.values(counts).some((count) => count > 0)) {
        this.#idleSince.delete(tenant)
        continue
      }
      const since = this.#idleSince.get(tenant) ?? performance.now()
      this.#idleSince.set(tenant, since)
      if (performance.now() - since < IDLE_MS) continue
      if (score !== undefined) await forgetWaiting(store, tenant, score)
      if ((await waitingScore(store, tenant)) === undefined) await this.#close(tenant)
    }
  }

  async #close(tenant: string): Promise<void> {
    const worker = this.#workers.get(tenant)
    this.#workers.delete(tenant)
    this.#idleSince.delete(tenant)
    this.#shareOut()
    await worker?.close()
  }

  #share(tenants: number): number {
    return Math.max(1, Math.floor(this.#options.window / tenants))
  }

  #shareOut(): void {
    for (const worker of this.#workers.values()) worker.concurrency = this.#share(this.#workers.size)
  }

  /** Takes no more jobs. Resolves when those under way have ended or been handed back. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#looking
    await Promise.all([...this.#workers.keys()].map((tenant) => this.#close(tenant)))
  }
}

/** What failed for another reason than its function, such as a store that did not answer, is tried again soon. */
function backoffStrategy(attemptsMade: number, _type?: string, error?: Error): number {
  return error instanceof RetryIn ? error.delayMs : backoffMs(REQUEUE_BACKOFF, attemptsMade, Math.random())
}
