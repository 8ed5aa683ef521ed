import { encodeFrame } from '../../../runtime/contract/frame.ts'
import type { LaneReply } from '../../../runtime/lane/lane-reply.ts'
import type { Claim } from '../../../runtime/lane/worker-lane.ts'
import { startRedis } from '../../redis-server.ts'
import { idOf } from '../../unit/billing/usage-fixture.ts'
import type { LaneCode } from './lane-code.ts'
import { ModelWorker } from './model-worker.ts'
import type { ModelledFunction } from './modelled-function.ts'

export interface RigOptions {
  readonly code: LaneCode
  readonly workers: number
  readonly capacityMb: number
  readonly budgetMb?: number
  readonly onClaim?: (claim: Claim) => void
  /** A run has ended on a worker, which it held for so long. */
  readonly onEnd?: (tenant: string, name: string, heldMs: number) => void
}

export interface CallOptions {
  /** When its caller meant to send it; latency counts from then. Default: now. */
  readonly intendedMs?: number
  readonly deadlineMs?: number
}

export interface Called {
  readonly reply: LaneReply
  /** From the intended send to the reply, in ms. */
  readonly latencyMs: number
  /** From acceptance to hand-over, on the lane's clock; NaN where no worker answered. */
  readonly queueMs: number
  readonly cold: boolean
}

const REAP_MS = 500
const MANY = 100_000
const MANY_BYTES = 1024 ** 3
let calls = 0

/** A lane on a Redis of its own, one gateway and a few modelled workers, all but Redis in this process. */
export async function openRig({ code, workers, capacityMb, budgetMb = 100_000, onClaim = () => {}, onEnd = () => {} }: RigOptions) {
  const errors: Error[] = []
  const onError = (error: Error): void => void errors.push(error)
  await using opening = new AsyncDisposableStack()
  const redis = opening.use(await startRedis())
  const { url } = redis
  const submitter = new code.Submitter({ url, gatewayId: 'bench', maxQueuedPerFunction: MANY, maxQueuedBytes: MANY_BYTES, onError })
  opening.defer(() => submitter.close())
  await submitter.open()
  const view = opening.adopt(new code.LaneView({ url, onError }), (opened) => opened.close())
  await view.open()
  const reaper = setInterval(() => void view.reap().catch(onError), REAP_MS)
  opening.defer(() => clearInterval(reaper))
  const models = Array.from({ length: workers }, (_, n) => {
    const ended = ({ tenant, name }: { tenant: string; name: string }, heldMs: number): void => onEnd(tenant, name, heldMs)
    return new ModelWorker({ code, url, workerId: `w${n}`, capacityMb, budgetMb, onClaim, onEnd: ended, onError })
  })
  for (const model of models) {
    await model.lane.join()
    opening.defer(() => model.leave())
  }
  const opened = opening.move()

  return {
    url,
    errors,
    workers: models,
    submitter,

    async call(fn: ModelledFunction, { intendedMs = performance.now(), deadlineMs = 60_000 }: CallOptions = {}): Promise<Called> {
      const reply = await submitter.submit(submissionOf(fn, deadlineMs))
      const latencyMs = performance.now() - intendedMs
      const usage = reply.kind === 'answered' ? reply.head.usage : undefined
      return { reply, latencyMs, queueMs: usage?.queueMs ?? Number.NaN, cold: usage?.start === 'cold' }
    },

    async [Symbol.asyncDispose](): Promise<void> {
      await opened.disposeAsync()
      const [first] = errors
      if (first !== undefined) throw new Error(`The rig met ${errors.length} errors, the first of them: ${first.message}`, { cause: first })
    },
  }
}

export type Rig = Awaited<ReturnType<typeof openRig>>

function submissionOf(fn: ModelledFunction, deadlineMs: number) {
  const { tenant, name, versionId, trigger, memoryMb, concurrency, weight, cpuMs, waitMs, coldCpuMs, sandboxMb } = fn
  const invocation = { id: idOf(++calls), attempt: 1, tenant, name, version: 1, versionId, trigger, door: 'rpc', gateway: 'bench', depth: 0 } as const
  const frame = encodeFrame(invocation, '{"event":"head"}', JSON.stringify({ cpuMs, waitMs, coldCpuMs, sandboxMb }))
  return {
    invocation,
    limits: { memoryMb, concurrency, timeoutMs: 60_000 },
    deadlineMs,
    maxWaitMs: deadlineMs,
    maxConcurrency: 10_000,
    revision: 1,
    tenantSettings: { weight, revision: 1 },
    requestBytes: 40,
    frame,
  }
}
