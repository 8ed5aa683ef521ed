import type { Invocation } from '../contract/invocation.ts'
import { type HostReply, MAX_CHUNK_BYTES, MAX_OPEN_HOST_CALLS } from '../contract/messages.ts'
import { type HostAnswer, HostError, type HostOperation, type HostSpending } from './operation.ts'
import { breakOff } from './pipe-operations.ts'
import type { Pipes } from './pipes.ts'
import type { TenantBytes } from './tenant-bytes.ts'

export interface HostCallsOptions {
  readonly operations: ReadonlyMap<string, HostOperation>
  readonly invocation: Invocation
  readonly leftMs: () => number
  readonly pipes: Pipes
  /** Of the whole worker. */
  readonly tenantBytes: TenantBytes
  /** Hands an answer back to the function. */
  readonly settle: (number: number, reply: string, body: Buffer) => void
  /** An operation failed in a way that it does not tell the function about. */
  readonly onError: (error: Error, op: string) => void
}

const EMPTY: Buffer = Buffer.alloc(0)
/** Beyond the longest that any operation takes, every character of it escaped: what a broken cell sends must not be kept by the megabyte. */
const MAX_CALL_TEXT_BYTES = 512 * 1024
const OP = /^[a-z]{1,20}(\.[a-z]{1,20})?$/

/** The host calls of one invocation that are under way: each is answered at most once, and never after it was cancelled or the invocation has ended. */
export class HostCalls implements Disposable {
  readonly #options: HostCallsOptions
  readonly #open = new Map<number, AbortController>()
  readonly spent: HostSpending = { subrequests: 0, egressBytes: 0 }

  constructor(options: HostCallsOptions) {
    this.#options = options
  }

  /** How many are under way. */
  get open(): number {
    return this.#open.size
  }

  get pipes(): Pipes {
    return this.#options.pipes
  }

  /** `text` is a HostCall: a stranger's bytes. */
  start(number: number, text: Buffer, body: Buffer): void {
    const call = parseHostCall(text)
    const operation = call === undefined ? undefined : this.#options.operations.get(call.op)
    if (call === undefined || operation === undefined || this.#open.has(number)) {
      this.#refuse(
        number,
        'TypeError',
        `Cannot ask the platform for ${JSON.stringify(call?.op ?? text.toString('utf8', 0, 40))}: it has no such operation`,
      )
      return
    }
    if (body.length > MAX_CHUNK_BYTES || text.length > MAX_CALL_TEXT_BYTES) {
      this.#refuse(number, 'RangeError', `Cannot ask the platform for ${call.op}: a call carries at most ${MAX_CHUNK_BYTES} bytes`)
      return
    }
    if (this.#open.size >= MAX_OPEN_HOST_CALLS) {
      this.#refuse(
        number,
        'RangeError',
        `Cannot start more: an invocation may have ${MAX_OPEN_HOST_CALLS} requests to the platform open at once (fixed for all functions)`,
      )
      return
    }
    const { invocation, pipes, leftMs, tenantBytes } = this.#options
    try {
      tenantBytes.take(invocation.tenant, body.length)
    } catch (error) {
      // Whoever waits for the rest of that pipe would wait for ever.
      if (call.op === 'write') breakOff(call.args, pipes)
      this.#refuse(number, (error as Error).name, (error as Error).message)
      return
    }
    const controller = new AbortController()
    this.#open.set(number, controller)
    // Not a view of the chunk it came in: an operation may hold it for long.
    const bytes = body.length === 0 ? EMPTY : Buffer.from(body)
    const context = { invocation, number, signal: controller.signal, leftMs: leftMs(), pipes, tenantBytes, spent: this.spent }
    void this.#run(call.op, controller, number, async () => {
      try {
        return await operation(call.args, bytes, context)
      } finally {
        tenantBytes.give(invocation.tenant, bytes.length)
      }
    })
  }

  async #run(op: string, controller: AbortController, number: number, run: () => Promise<HostAnswer>): Promise<void> {
    let reply: HostReply
    let body = EMPTY
    try {
      const answer = await run()
      reply = { ok: true, value: answer.value ?? null }
      body = answer.body ?? EMPTY
      if (body.length > MAX_CHUNK_BYTES) throw new RangeError(`The answer to ${op} has ${body.length} bytes, allowed are ${MAX_CHUNK_BYTES}`)
    } catch (error) {
      reply = told(error as Error)
      if (!(error instanceof HostError) && !controller.signal.aborted) this.#options.onError(error as Error, op)
    }
    if (this.#open.get(number) !== controller) return
    this.#open.delete(number)
    this.#options.settle(number, JSON.stringify(reply), body)
  }

  cancel(number: number): void {
    const controller = this.#open.get(number)
    this.#open.delete(number)
    controller?.abort()
  }

  [Symbol.dispose](): void {
    const open = [...this.#open.values()]
    this.#open.clear()
    for (const controller of open) controller.abort()
    this.#options.pipes[Symbol.dispose]()
  }

  #refuse(number: number, name: string, message: string): void {
    // In a turn of its own, like every other answer.
    setImmediate(() => this.#options.settle(number, JSON.stringify({ ok: false, name, message } satisfies HostReply), EMPTY))
  }
}

function parseHostCall(text: Buffer): { op: string; args: unknown } | undefined {
  try {
    const { op, args } = JSON.parse(text.toString('utf8')) as { op?: unknown; args?: unknown }
    return typeof op === 'string' && OP.test(op) ? { op, args } : undefined
  } catch {
    return undefined
  }
}

/** What the function gets to read: our own words, or nothing of where it went wrong. */
function told(error: Error): HostReply {
  if (error instanceof HostError) return { ok: false, name: error.name, message: error.message }
  return { ok: false, name: 'Error', message: 'The platform could not do this; its operator finds the reason in the log' }
}
