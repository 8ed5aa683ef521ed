import { setTimeout as pause } from 'node:timers/promises'
import { decodeFrame, encodeFrame } from '../../runtime/contract/frame.ts'
import { parseInvocation } from '../../runtime/contract/invocation.ts'
import type { Submission } from '../../runtime/lane/submission.ts'
import { type Claim, WorkerLane } from '../../runtime/lane/worker-lane.ts'
import { idOf, usage } from '../unit/billing/usage-fixture.ts'

/** The `n`-th call of a function. */
export function submission(n: number, { name = 'hello', deadlineMs = 30_000 } = {}): Submission {
  const invocation = {
    id: idOf(n),
    attempt: 1,
    tenant: 'acme',
    name,
    version: 1,
    versionId: 'a'.repeat(16),
    trigger: 'rpc',
    door: 'rpc',
    gateway: 'g',
    depth: 0,
  } as const
  return {
    invocation,
    limits: { memoryMb: 128, timeoutMs: 5_000, concurrency: 10 },
    deadlineMs,
    maxWaitMs: deadlineMs,
    maxConcurrency: 1_000,
    revision: 1,
    tenantSettings: { weight: 1, revision: 0 },
    requestBytes: 4,
    frame: encodeFrame(invocation, 'head', `body ${n}`),
  }
}

/** A worker of the lane that runs nothing: it takes what it is handed, holds it for a while, and settles it. */
export class StandInWorker {
  readonly lane: WorkerLane
  /** How often each key was handed over. */
  readonly claims = new Map<string, number>()
  readonly errors: Error[] = []
  gone = 0
  #first = Promise.withResolvers<void>()
  readonly #aborted = Promise.withResolvers<string>()
  #held: (() => void) | undefined

  /** @param options.refuses whether it gives the next claim back, as if it could not begin it */
  constructor(
    url: string,
    workerId: string,
    { capacityMb = 100_000, holdMs = () => 0 as number | 'for ever', refuses = () => false as boolean } = {},
  ) {
    this.lane = new WorkerLane({
      url,
      workerId,
      capacityMb: () => capacityMb,
      info: () => ({ pid: process.pid, cells: 0, sandboxes: 0, rssMb: 0, walls: [] }),
      resident: () => new Map([['a'.repeat(16), 100]]),
      onClaim: (claim) => void (refuses() ? this.lane.nack([claim]) : this.#take(claim, holdMs(), workerId)),
      onAbort: (key) => this.#aborted.resolve(key),
      onGone: () => this.gone++,
      onError: (error) => this.errors.push(error),
    })
  }

  /** Something was handed to it. */
  get claimed(): Promise<void> {
    return this.#first.promise
  }

  /** The key of the first claim that it was told nobody waits for. */
  get aborted(): Promise<string> {
    return this.#aborted.promise
  }

  /** Settles the first claim, which it was to hold for ever. */
  settleFirst(): void {
    this.#held?.()
  }

  async #take(claim: Claim, holdMs: number | 'for ever', workerId: string): Promise<void> {
    this.claims.set(claim.key, (this.claims.get(claim.key) ?? 0) + 1)
    this.#held ??= () => this.settle(claim, workerId)
    this.#first.resolve()
    if (holdMs === 'for ever') return
    if (holdMs > 0) await pause(holdMs)
    this.settle(claim, workerId)
  }

  settle(claim: Claim, workerId: string): void {
    const { head, body } = decodeFrame(claim.frame)
    const { id, attempt, tenant, name, version, trigger } = parseInvocation(head)
    const record = {
      ...usage(0),
      id,
      attempt,
      tenant,
      function: name,
      version,
      trigger,
      acceptedAt: claim.acceptedAt,
      startedAt: claim.startedAt,
      worker: workerId,
    }
    const frame = encodeFrame(
      {
        outcome: { kind: 'returned' },
        usage: { queueMs: 0, initMs: 0, runMs: 1, cpuMs: 1, billedMs: 1, heapMb: 1, start: 'warm' },
        worker: workerId,
      },
      '',
      body,
    )
    this.lane.settle({ key: claim.key, cpuMs: 0.1, waitMs: 5, runMs: 1, frame, record })
  }
}
