import { type JobsOptions, Queue } from 'bullmq'
import type { Redis } from 'ioredis'

/** Of every BullMQ key: `isolane:async:<tenant>:…`. A dashboard is given this prefix and the tenant's name as the queue's. */
export const QUEUE_PREFIX = 'isolane:async'

/** What a job of the queue does. */
export type JobName = 'invoke' | 'callback'

/** What a job holds: a pointer, and what people want to see in a dashboard. The rest is the event's story. */
export interface JobData {
  readonly id: string
  readonly function: string
  readonly trigger: string
}

/** Failures of one kind in a row that BullMQ sees; the function's own setting ends it earlier. */
const MAX_BULLMQ_ATTEMPTS = 1_000
export const CALLBACK_ATTEMPTS = 8
/** What is over stays visible in dashboards for a while; it is not where results are kept. */
const SHOWN = { age: 24 * 3_600, count: 1_000 }
/** An entry of `completed` holds what the job returned. */
const EVENTS_KEPT = 1_000

const OPTIONS: Readonly<Record<JobName, JobsOptions>> = {
  invoke: { attempts: MAX_BULLMQ_ATTEMPTS, backoff: { type: 'custom' }, removeOnComplete: SHOWN, removeOnFail: SHOWN, stackTraceLimit: 0 },
  callback: { attempts: CALLBACK_ATTEMPTS, backoff: { type: 'custom' }, removeOnComplete: SHOWN, removeOnFail: SHOWN, stackTraceLimit: 0 },
}

/** One BullMQ queue for each tenant, opened when it is first needed. */
export class EventQueues implements AsyncDisposable {
  readonly #connection: Redis
  readonly #onError: (error: Error) => void
  readonly #queues = new Map<string, Queue<JobData, string, JobName>>()

  constructor({ connection, onError }: { connection: Redis; onError: (error: Error) => void }) {
    this.#connection = connection
    this.#onError = onError
  }

  of(tenant: string): Queue<JobData, string, JobName> {
    const known = this.#queues.get(tenant)
    if (known !== undefined) return known
    const queue = new Queue<JobData, string, JobName>(tenant, {
      connection: this.#connection,
      prefix: QUEUE_PREFIX,
      streams: { events: { maxLen: EVENTS_KEPT } },
    })
    queue.on('error', this.#onError)
    this.#queues.set(tenant, queue)
    return queue
  }

  /** A job that is there already, in whatever state, is left as it is. */
  async add(tenant: string, name: JobName, jobId: string, data: JobData): Promise<void> {
    await this.of(tenant).add(name, data, { ...OPTIONS[name], jobId })
  }

  /** Does nothing for a job that is being processed, or is not there. */
  async remove(tenant: string, jobId: string): Promise<void> {
    await this.of(tenant).remove(jobId)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()))
  }
}

/** The callback's job. Said again for the same end of the event, it is the same job. */
export function callbackJobId(id: string, endedAt: number): string {
  return `callback-${id}-${endedAt}`
}
