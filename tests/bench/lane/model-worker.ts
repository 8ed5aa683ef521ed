import { decodeFrame, encodeFrame } from '../../../runtime/contract/frame.ts'
import { type Invocation, parseInvocation } from '../../../runtime/contract/invocation.ts'
import type { UsageRecord } from '../../../runtime/contract/usage.ts'
import type { Claim, WorkerLane } from '../../../runtime/lane/worker-lane.ts'
import type { LaneCode } from './lane-code.ts'
import type { Work } from './modelled-function.ts'
import { SharedCore } from './shared-core.ts'
import { WarmSandboxes } from './warm-sandboxes.ts'

export interface ModelWorkerOptions {
  readonly code: LaneCode
  readonly url: string
  readonly workerId: string
  /** What it offers the lane. */
  readonly capacityMb: number
  /** What its sandboxes may hold. */
  readonly budgetMb: number
  readonly onClaim: (claim: Claim) => void
  /** A run has ended here: of whom, and for how long it held its capacity, from the lane's decision on. */
  readonly onEnd: (invocation: Invocation, heldMs: number) => void
  readonly onError: (error: Error) => void
}

const TIMER_MS = 2

/**
 * A worker of the lane whose functions are only modelled: one core that all of its runs share, waits that cost nothing,
 * sandboxes that stay warm within a budget. It speaks to the lane through the worker's own class.
 */
export class ModelWorker {
  readonly lane: WorkerLane
  readonly #options: ModelWorkerOptions
  readonly #core = new SharedCore(performance.now())
  readonly #warm: WarmSandboxes
  #timer: NodeJS.Timeout | undefined
  #moment: NodeJS.Immediate | undefined
  running = 0

  constructor(options: ModelWorkerOptions) {
    const { code, url, workerId, capacityMb, budgetMb, onClaim, onError } = options
    this.#options = options
    this.#warm = new WarmSandboxes(budgetMb)
    this.lane = new code.WorkerLane({
      url,
      workerId,
      capacityMb: () => capacityMb,
      info: () => ({ pid: process.pid, cells: 0, sandboxes: 0, rssMb: 0, walls: [] }),
      resident: (which) => this.#warm.resident(which),
      onClaim: (claim) => {
        onClaim(claim)
        void this.#run(claim)
      },
      onAbort: () => {},
      onGone: () => onError(new Error(`The lane gave ${workerId} up`)),
      onError,
    })
  }

  /** How many compute here right now. */
  get computing(): number {
    return this.#core.busy
  }

  async #run(claim: Claim): Promise<void> {
    const claimedAt = performance.now()
    this.running++
    const { head, body } = decodeFrame(claim.frame)
    const invocation = parseInvocation(head)
    const work = JSON.parse(body.toString('utf8')) as Work
    const place = this.#warm.enter(invocation.versionId, claim.concurrency, work, claimedAt)
    if (place.cold) await this.#compute(work.coldCpuMs)
    const startedAt = performance.now()
    if (work.waitMs > 0) {
      await this.#compute(work.cpuMs / 2)
      await new Promise<void>((resolve) => setTimeout(resolve, work.waitMs))
      await this.#compute(work.cpuMs / 2)
    } else await this.#compute(work.cpuMs)
    place.leave()
    this.running--
    this.#settle(claim, invocation, work, place.cold, startedAt - claimedAt, performance.now() - startedAt)
    // Redis is on this machine, and so on this clock.
    this.#options.onEnd(invocation, Date.now() - claim.startedAt)
  }

  async #compute(cpuMs: number): Promise<void> {
    if (cpuMs <= 0) return
    await new Promise<void>((resolve) => {
      this.#core.add(cpuMs, performance.now(), resolve)
      this.#arm()
    })
  }

  #arm(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#moment)
    const end = this.#core.nextEnd()
    if (end === undefined) return
    const tick = (): void => {
      this.#core.advance(performance.now())
      this.#arm()
    }
    // A timer comes up to a millisecond late, and at 70 % load each of those costs everybody behind it several.
    const leftMs = end - performance.now()
    if (leftMs > TIMER_MS) this.#timer = setTimeout(tick, leftMs - TIMER_MS)
    else this.#moment = setImmediate(tick)
  }

  #settle(claim: Claim, invocation: Invocation, work: Work, cold: boolean, initMs: number, runMs: number): void {
    const { id, attempt, tenant, name, version, trigger } = invocation
    const { workerId } = this.#options
    const { acceptedAt, startedAt, memoryMb, concurrency, key } = claim
    const start = cold ? 'cold' : 'warm'
    const used = { queueMs: startedAt - acceptedAt, initMs, runMs, cpuMs: work.cpuMs, billedMs: Math.ceil(runMs), heapMb: 4, start } as const
    const record: UsageRecord = {
      ...{ id, attempt, tenant, function: name, version, trigger, acceptedAt, startedAt, ...used, stallMs: 0, memoryMb, concurrency },
      ...{ requestBytes: 10, responseBytes: 20, egressBytes: 0, subrequests: 0, outcome: 'returned', worker: workerId },
    }
    const frame = encodeFrame({ outcome: { kind: 'returned' }, usage: used, worker: workerId }, '{"status":200}', 'done')
    this.lane.settle({ key, cpuMs: work.cpuMs, waitMs: work.waitMs, runMs, frame, record })
  }

  async leave(): Promise<void> {
    clearTimeout(this.#timer)
    clearImmediate(this.#moment)
    await this.lane.flushed()
    await this.lane.leave()
  }
}
