import type { ClientRequest, IncomingMessage } from 'node:http'
import type { DataReplyHead, NestedInvocation } from '../../runtime/contract/data.ts'
import { decodeFrame, encodeFrame } from '../../runtime/contract/frame.ts'
import { type Invocation, parseInvocation } from '../../runtime/contract/invocation.ts'
import { MAIN_LANE } from '../../runtime/contract/lanes.ts'
import type { EventHead, ReplyHead } from '../../runtime/contract/messages.ts'
import { neverRan, type Outcome } from '../../runtime/contract/outcome.ts'
import { DataClient, type NestedAnswer } from '../../runtime/data/data-client.ts'
import { machineId } from '../../runtime/lane/machine-id.ts'
import { type Claim, WorkerLane } from '../../runtime/lane/worker-lane.ts'
import { usage } from '../unit/billing/usage-fixture.ts'

/** What a function does here instead of running: it speaks with its gateway by hand. */
export type Script = (run: ScriptedRun) => Promise<void>

/** One claimed invocation, in the hands of a test. */
export class ScriptedRun {
  readonly claim: Claim
  readonly invocation: Invocation
  readonly event: EventHead
  readonly body: Buffer
  readonly #data: DataClient
  readonly #lane: WorkerLane
  readonly #aborted = Promise.withResolvers<void>()

  constructor(claim: Claim, data: DataClient, lane: WorkerLane) {
    const { head, text, body } = decodeFrame(claim.frame)
    this.claim = claim
    this.invocation = parseInvocation(head)
    this.event = text.length === 0 ? ({} as never) : (JSON.parse(text.toString()) as EventHead)
    this.body = Buffer.from(body)
    this.#data = data
    this.#lane = lane
  }

  /** The lane said that nobody waits any more. */
  get aborted(): Promise<void> {
    return this.#aborted.promise
  }

  abort(): void {
    this.#aborted.resolve()
  }

  async request(signal = new AbortController().signal): Promise<IncomingMessage> {
    return await this.#data.openRequest(this.invocation.gateway, this.claim.key, signal)
  }

  async reply(
    head: ReplyHead,
    { open = false, start = 'warm' }: Partial<DataReplyHead> = {},
  ): Promise<{ outgoing: ClientRequest; finished: Promise<void> }> {
    const { outgoing, finished } = await this.#data.openReply(
      this.invocation.gateway,
      this.claim.key,
      { open, start },
      Buffer.from(JSON.stringify(head)),
    )
    finished.catch(() => {})
    return { outgoing, finished }
  }

  async invoke(
    wanted: Omit<NestedInvocation, 'id' | 'attempt' | 'leftMs'> & { leftMs?: number },
    event: unknown = '',
    body: Buffer | string = '',
    signal = new AbortController().signal,
  ): Promise<NestedAnswer> {
    const { id, attempt, gateway } = this.invocation
    const text = typeof event === 'string' ? event : JSON.stringify(event)
    return await this.#data.invoke(gateway, { id, attempt, leftMs: 10_000, ...wanted }, text, Buffer.from(body), signal)
  }

  /** Without a reply: it went beside the lane. */
  settle(outcome: Outcome = { kind: 'returned' }, head?: ReplyHead | object, body: Buffer | string = '', billedMs = 7): void {
    const { id, attempt, tenant, name, version, trigger } = this.invocation
    const record = { ...usage(0), id, attempt, tenant, function: name, version, trigger, worker: 'w1', outcome: outcome.kind }
    const used = { queueMs: 0, initMs: 0, runMs: 1, cpuMs: 1, billedMs, heapMb: 1, start: 'warm' } as const
    const frame = encodeFrame({ outcome, usage: used, worker: 'w1' }, head === undefined ? '' : JSON.stringify(head), body)
    this.#lane.settle({
      key: this.claim.key,
      cpuMs: 0.1,
      waitMs: 5,
      runMs: 1,
      frame,
      beside: outcome.kind === 'returned' && head === undefined,
      neverRan: neverRan(outcome),
      record,
    })
  }
}

/** A worker that runs scripts of a test, by function name, and speaks the data protocol for real. */
export class ScriptedWorker implements AsyncDisposable {
  readonly scripts = new Map<string, Script>()
  readonly styles = new Map<string, string>()
  /** Failures of scripts; a test's end expects none. */
  readonly errors: unknown[] = []
  readonly lane: WorkerLane
  readonly data: DataClient
  readonly #runs = new Map<string, ScriptedRun>()

  constructor(url: string, lane = MAIN_LANE) {
    this.lane = new WorkerLane({
      url,
      lane,
      workerId: 'w1',
      capacityMb: () => 100_000,
      info: () => ({ pid: process.pid, cells: 0, sandboxes: 0, rssMb: 0, walls: [] }),
      resident: () => new Map(),
      onClaim: (claim) => this.#take(claim),
      onAbort: (key) => this.#runs.get(key)?.abort(),
      onGone: () => {},
      onError: (error) => this.errors.push(error),
    })
    this.data = new DataClient({ machine: machineId(), lookUp: (gatewayId) => this.lane.dataAddress(gatewayId) })
  }

  #take(claim: Claim): void {
    const run = new ScriptedRun(claim, this.data, this.lane)
    const { name, trigger } = run.invocation
    if (trigger === 'deploy') {
      const style = this.styles.get(name) ?? 'fetch'
      run.settle({ kind: 'returned' }, { kind: 'json', coldStartMs: 1 }, JSON.stringify({ style, exports: [] }))
      return
    }
    this.#runs.set(claim.key, run)
    const script = this.scripts.get(name)
    if (script === undefined) throw new Error(`There is no script for ${name}`)
    script(run).catch((error) => this.errors.push(error))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lane.leave()
    this.data[Symbol.dispose]()
  }
}
