import { randomBytes } from 'node:crypto'
import { transformSync } from 'esbuild'
import ivm from 'isolated-vm'
import { buildPrelude, buildSnapshot, buildWarmUp } from '../../../runtime/assets/prelude.ts'
import { Holdings } from '../../../runtime/cell/holdings.ts'
import { answerLocally } from '../../../runtime/cell/local-answer.ts'
import { asLocalCall, isLocalCall, type LocalCall } from '../../../runtime/cell/local-call.ts'
import type { Post } from '../../../runtime/cell/sandbox.ts'
import type { HandlerStyle } from '../../../runtime/contract/function-version.ts'
import type { Door } from '../../../runtime/contract/invocation.ts'
import type { EventHead, GuestPost, LoadReport, ReplyHead } from '../../../runtime/contract/messages.ts'
import type { ThrownError } from '../../../runtime/contract/outcome.ts'
import { HostCalls } from '../../../runtime/host/host-calls.ts'
import type { HostOperation } from '../../../runtime/host/operation.ts'
import { pipeOperations } from '../../../runtime/host/pipe-operations.ts'
import { Pipes } from '../../../runtime/host/pipes.ts'
import { TenantBytes } from '../../../runtime/host/tenant-bytes.ts'
import { ATTACH } from '../../../runtime/prelude/attach.ts'

const code = await buildPrelude()
const snapshot = new ivm.ExternalCopy(buildSnapshot(code, await buildWarmUp()))

/** How the prelude gets into an isolate. */
export const VARIANTS = ['snapshot', 'eval'] as const
export type Variant = (typeof VARIANTS)[number]

export interface Message {
  readonly kind: keyof GuestPost
  readonly call: number
  readonly text: string | undefined
  readonly body: string | ArrayBuffer | undefined
  readonly extra: number | undefined
}

export type Answer =
  | { readonly kind: 'result'; readonly head: ReplyHead; readonly body: string }
  | { readonly kind: 'failed'; readonly error: ThrownError }

interface Options {
  readonly variant?: Variant
  readonly env?: Record<string, string>
  readonly style?: HandlerStyle
  /** With WebAssembly. */
  readonly wasm?: boolean
  /** Source is CommonJS already. */
  readonly commonJs?: boolean
  /** Runs in the context before the prelude's `entry` is handed out; `$0` is the host's post. */
  readonly before?: string
  /** What the host can do, besides pipes. */
  readonly operations?: Iterable<readonly [string, HostOperation]>
}

/** A call's end towards the host: what it asked for, and the bytes of its streamed reply. */
interface HostSide {
  readonly calls: HostCalls
  readonly reply: Buffer[]
}

/** One isolate with the prelude in it, entered synchronously; the worker's clock is `advance`. */
export class Sandbox {
  readonly messages: Message[] = []
  /** What slices left unhandled. */
  readonly rejections: unknown[] = []
  readonly #isolate: ivm.Isolate
  readonly #entry: ivm.Reference
  readonly #context: ivm.Context
  #timers: { call: number; number: number; dueMs: number }[] = []
  #nowMs = 0
  #lastCall = 0
  readonly #operations: ReadonlyMap<string, HostOperation>
  readonly #hosts = new Map<number, HostSide>()
  readonly #requests = new Map<number, Uint8Array>()
  /** What the cell holds for this sandbox, and how much of what it was asked for it has not answered. */
  readonly #holdings = new Holdings()
  #localCalls = 0
  #settled: (() => void) | undefined
  readonly loaded: LoadReport | undefined
  readonly loadError: ThrownError | undefined

  constructor(source: string, options: Options = {}) {
    const { variant = 'snapshot' } = options
    this.#isolate = new ivm.Isolate({ memoryLimit: 128, ...(variant === 'snapshot' ? { snapshot } : {}) })
    this.#context = this.#isolate.createContextSync()
    if (variant === 'eval') this.#context.evalSync(code, { filename: 'isolane:prelude' })
    this.#operations = new Map([...pipeOperations, ...(options.operations ?? [])])
    const post = (kind: keyof GuestPost, call: number, text?: string, body?: string | ArrayBuffer, extra?: number) => {
      this.messages.push({ kind, call, text, body, extra })
      if (isLocalCall(kind, text ?? '')) this.#answerLocally({ kind, call, text: text as string, body, extra: extra as number })
      else if (kind === 'call') this.#host(call).calls.start(extra as number, Buffer.from(text as string), asBuffer(body))
      if (kind === 'uncall') this.#host(call).calls.cancel(extra as number)
      if (kind === 'timer') this.#timers.push({ call, number: extra as number, dueMs: this.#nowMs + Number(text) })
      if (kind === 'untimer') this.#timers = this.#timers.filter((timer) => timer.number !== extra)
    }
    const attach = options.before === undefined ? ATTACH : `${options.before}\nreturn (function ($0, $1) {${ATTACH}})($0, $1)`
    this.#entry = this.#context.evalClosureSync(attach, [post, options.wasm === true], { result: { reference: true } })
    const cjs = options.commonJs === true ? source : transformSync(source, { format: 'cjs', loader: 'ts', target: 'es2024' }).code
    const script = this.#isolate.compileScriptSync(`(function (module, exports, require) {${cjs}\n})`, { filename: 'function.js' })
    const module = script.runSync(this.#context, { reference: true })
    const spec = {
      tenant: 'acme',
      name: 'hello',
      version: 3,
      env: options.env ?? {},
      ...(options.style === undefined ? {} : { style: options.style }),
    }
    const number = ++this.#lastCall
    this.enter('load', number, JSON.stringify(spec), toArrayBuffer(randomBytes(32)), module.derefInto())
    const answer = this.messages.find((message) => message.call === number && (message.kind === 'loaded' || message.kind === 'failed'))
    if (answer?.kind === 'loaded') this.loaded = JSON.parse(answer.text as string)
    else this.loadError = JSON.parse(answer?.text ?? 'null')
  }

  /** One slice, as the cell makes it. */
  enter(kind: string, call: number, text?: string, body?: string | ArrayBuffer, extra?: unknown): void {
    const copied = body instanceof ArrayBuffer ? new ivm.ExternalCopy(body).copyInto({ release: true }) : body
    try {
      this.#entry.applySync(undefined, [kind, call, text, copied, extra], { timeout: 5_000 })
    } catch (error) {
      // At the end of a slice isolated-vm throws the first rejection nobody handled: the function's own affair.
      if (error instanceof Error && /^(Script execution timed out|Isolate)/.test(error.message)) throw error
      this.rejections.push(error)
    }
  }

  /** Starts a call and returns its number. */
  start(head: Partial<EventHead> & { door: Door }, body?: string | ArrayBuffer): number {
    const call = ++this.#lastCall
    const rest = head.door === 'url' ? { method: 'GET', url: 'https://fn.example/' } : {}
    this.enter('invoke', call, JSON.stringify({ id: `id-${call}`, deadlineAt: Date.now() + 5_000, headers: [], ...rest, ...head }), body)
    return call
  }

  /** Calls through the function's URL. */
  url(url = '/', init: { method?: string; headers?: [string, string][]; body?: string | Uint8Array | ArrayBuffer } = {}): Answer {
    const { method = init.body === undefined ? 'GET' : 'POST', headers = [], body } = init
    const bytes = typeof body === 'string' ? toArrayBuffer(Buffer.from(body)) : body instanceof Uint8Array ? toArrayBuffer(body) : body
    return this.finish(this.start({ door: 'url', method, url: `https://fn.example${url}`, headers }, bytes))
  }

  /** As url(), where the host has to answer something. */
  async visit(url = '/', head: { method?: string; headers?: [string, string][] } = {}): Promise<Answer> {
    return await this.complete(this.start({ door: 'url', method: 'GET', headers: [], ...head, url: `https://fn.example${url}` }))
  }

  /** Calls through the rpc door. */
  rpc(event?: unknown): Answer {
    return this.finish(this.start({ door: 'rpc' }, event === undefined ? undefined : JSON.stringify(event)))
  }

  /** Starts a call whose request body is read through its pipe. */
  startStreamed(head: Partial<EventHead> & { door: Door }, body: Uint8Array): number {
    this.#requests.set(this.#lastCall + 1, body)
    return this.start({ ...head, stream: { length: body.length } })
  }

  /** Calls as a schedule does. */
  scheduled(head: { cron?: string; every?: string } = { cron: '0 3 * * *' }, input?: unknown): Answer {
    const event = { door: 'scheduled', schedule: 'nightly', scheduledTime: 1_700_000_000_000, ...head } as const
    return this.finish(this.start(event, input === undefined ? undefined : JSON.stringify(input)))
  }

  /** Settles host calls and runs due timers, until the call has ended: with its reply, or after it. */
  async complete(call: number): Promise<Answer> {
    for (;;) {
      const answer = this.answer(call)
      const isOver =
        answer?.kind === 'failed' ||
        this.messages.some(({ kind, call: of, extra }) => of === call && (kind === 'done' || (kind === 'result' && !extra)))
      if (answer !== undefined && isOver) return answer
      if (this.#timers.some(({ dueMs }) => dueMs <= this.#nowMs)) {
        // Due already: does not wait for the host either.
        this.fireNext()
        await new Promise<void>((resolve) => setImmediate(resolve))
      } else if (this.#localCalls + (this.#hosts.get(call)?.calls.open ?? 0) > 0) await new Promise<void>((resolve) => (this.#settled = resolve))
      else if (!this.fireNext()) throw new Error(`call ${call} never ended; messages: ${JSON.stringify(this.messages.slice(-5))}`)
    }
  }

  /** As rpc(), where the host has to answer something. */
  async ask(event?: unknown): Promise<Answer> {
    return await this.complete(this.start({ door: 'rpc' }, event === undefined ? undefined : JSON.stringify(event)))
  }

  /** What the cell answers by itself, with the cell's own code. */
  async #answerLocally(post: Post): Promise<void> {
    this.#localCalls++
    const { reply, body } = await answerLocally(asLocalCall(post) as LocalCall, this.#holdings)
    this.#localCalls--
    if (this.#isolate.isDisposed) return
    this.enter('settle', post.call, JSON.stringify(reply), body, post.extra)
    this.#settled?.()
  }

  #host(call: number): HostSide {
    const known = this.#hosts.get(call)
    if (known !== undefined) return known
    const pipes = new Pipes()
    const reply: Buffer[] = []
    pipes.addSink(0, { write: async (piece) => void reply.push(piece), end: async () => {}, abort: () => reply.push(Buffer.from('<cut>')) })
    let rest = Buffer.from(this.#requests.get(call) ?? [])
    pipes.addSource(0, {
      async read(maxBytes) {
        const piece = rest.subarray(0, maxBytes)
        rest = rest.subarray(maxBytes)
        return piece.length === 0 ? undefined : piece
      },
      cancel: () => {},
    })
    const invocation = {
      id: '00000000-0000-7000-8000-000000000000',
      attempt: 1,
      tenant: 'acme',
      name: 'hello',
      version: 3,
      versionId: '0'.repeat(32),
      trigger: 'rpc',
      door: 'rpc',
      gateway: 'g-test',
      depth: 0,
    } as const
    const calls = new HostCalls({
      operations: this.#operations,
      invocation,
      leftMs: () => 5_000,
      pipes,
      tenantBytes: new TenantBytes(),
      settle: (number, text, body) => {
        this.enter('settle', call, text, body.length === 0 ? undefined : toArrayBuffer(body), number)
        this.#settled?.()
      },
      onError: (error) => {
        throw error
      },
    })
    const side = { calls, reply }
    this.#hosts.set(call, side)
    return side
  }

  /** Runs due timers, in order, until the call is answered. */
  finish(call: number): Answer {
    for (;;) {
      const answer = this.answer(call)
      if (answer !== undefined) return answer
      if (!this.fireNext()) throw new Error(`call ${call} was never answered; messages: ${JSON.stringify(this.messages.slice(-5))}`)
    }
  }

  answer(call: number): Answer | undefined {
    const found = this.messages.filter((message) => message.call === call && (message.kind === 'result' || message.kind === 'failed'))
    // A streamed reply may still fail after its head.
    const streams = found[0]?.kind === 'result' && found[0].extra !== undefined
    if (found.length > (streams ? 2 : 1)) throw new Error(`call ${call} was answered ${found.length} times`)
    const one = found.at(-1)
    if (one === undefined) return undefined
    if (one.kind === 'failed') return { kind: 'failed', error: JSON.parse(one.text as string) }
    const streamed = this.#hosts.get(call)?.reply ?? []
    const body =
      typeof one.body === 'string' ? one.body : Buffer.concat([Buffer.from(one.body ?? new ArrayBuffer(0)), ...streamed]).toString('latin1')
    return { kind: 'result', head: JSON.parse(one.text as string), body }
  }

  /** Lets the earliest timer fire; false when there is none. */
  fireNext(): boolean {
    this.#timers.sort((a, b) => a.dueMs - b.dueMs)
    const next = this.#timers.shift()
    if (next === undefined) return false
    this.#nowMs = Math.max(this.#nowMs, next.dueMs)
    this.enter('timer', next.call, undefined, undefined, next.number)
    return true
  }

  get nowMs(): number {
    return this.#nowMs
  }

  get logs(): string[] {
    return this.messages.filter((message) => message.kind === 'log').map((message) => message.text as string)
  }

  [Symbol.dispose](): void {
    for (const { calls } of this.#hosts.values()) calls[Symbol.dispose]()
    this.#holdings.release()
    this.#isolate.dispose()
  }
}

/** Runs an expression in a function and returns its value, through JSON. */
export function evaluate(body: string, options: Options & { event?: unknown } = {}): unknown {
  using sandbox = new Sandbox(`export default async (event, ctx) => { ${body} }`, options)
  if (sandbox.loadError !== undefined) throw new Error(JSON.stringify(sandbox.loadError))
  const answer = sandbox.rpc(options.event)
  if (answer.kind === 'failed') throw new Error(`${answer.error.name}: ${answer.error.message}\n${answer.error.stack}`)
  return JSON.parse(answer.body)
}

function asBuffer(body: string | ArrayBuffer | undefined): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : Buffer.from(body ?? new ArrayBuffer(0))
}

function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
