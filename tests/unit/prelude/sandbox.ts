import { randomBytes } from 'node:crypto'
import { transformSync } from 'esbuild'
import ivm from 'isolated-vm'
import { buildPrelude, buildSnapshot } from '../../../runtime/assets/prelude.ts'
import type { EventHead, GuestPost, LoadReport, ReplyHead } from '../../../runtime/contract/messages.ts'
import type { ThrownError } from '../../../runtime/contract/outcome.ts'
import { ATTACH } from '../../../runtime/prelude/attach.ts'

const code = await buildPrelude()
const snapshot = new ivm.ExternalCopy(buildSnapshot(code))

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
  readonly style?: 'fetch' | 'event' | 'lambda'
  /** Source is CommonJS already. */
  readonly commonJs?: boolean
  /** Runs in the context before the prelude's `entry` is handed out; `$0` is the host's post. */
  readonly before?: string
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
  readonly loaded: LoadReport | undefined
  readonly loadError: ThrownError | undefined

  constructor(source: string, options: Options = {}) {
    const { variant = 'snapshot' } = options
    this.#isolate = new ivm.Isolate({ memoryLimit: 128, ...(variant === 'snapshot' ? { snapshot } : {}) })
    this.#context = this.#isolate.createContextSync()
    if (variant === 'eval') this.#context.evalSync(code, { filename: 'isolane:prelude' })
    const post = (kind: keyof GuestPost, call: number, text?: string, body?: string | ArrayBuffer, extra?: number) => {
      this.messages.push({ kind, call, text, body, extra })
      if (kind === 'timer') this.#timers.push({ call, number: extra as number, dueMs: this.#nowMs + Number(text) })
      if (kind === 'untimer') this.#timers = this.#timers.filter((timer) => timer.number !== extra)
    }
    const attach = options.before === undefined ? ATTACH : `${options.before}\nreturn (function ($0) {${ATTACH}})($0)`
    this.#entry = this.#context.evalClosureSync(attach, [post], { result: { reference: true } })
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
  start(head: Partial<EventHead> & { door: 'url' | 'rpc' }, body?: string | ArrayBuffer): number {
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

  /** Calls through the rpc door. */
  rpc(event?: unknown): Answer {
    return this.finish(this.start({ door: 'rpc' }, event === undefined ? undefined : JSON.stringify(event)))
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
    if (found.length > 1) throw new Error(`call ${call} was answered ${found.length} times`)
    const [one] = found
    if (one === undefined) return undefined
    if (one.kind === 'failed') return { kind: 'failed', error: JSON.parse(one.text as string) }
    const body = typeof one.body === 'string' ? one.body : Buffer.from(one.body ?? new ArrayBuffer(0)).toString('latin1')
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

function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
