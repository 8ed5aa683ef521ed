import type ivm from 'isolated-vm'
import { SCRIPT_NAME } from '../contract/artifact.ts'
import type { SliceEnd } from '../contract/cell-frames.ts'
import { MAX_BUFFERED_BODY_BYTES, MAX_INLINE_BODY_BYTES } from '../contract/limits.ts'
import { MAX_POSTS_PER_SLICE } from '../contract/messages.ts'
import { isLocalCall } from './local-call.ts'
import { uncaughtText } from './uncaught-text.ts'
import type { Watchdog } from './watchdog.ts'

/** One message of the guest, as it came through the wall. */
export interface Post {
  readonly kind: string
  readonly call: number
  readonly text: string
  readonly body: string | ArrayBuffer | undefined
  readonly extra: number
}

export interface SliceResult {
  readonly end: SliceEnd
  readonly wallMs: number
  readonly posts: readonly Post[]
  readonly uncaught?: string
}

/** What the wall lets through in one slice: the prelude throws to the author well before. */
export const MAX_POST_BYTES = 1024 * 1024 + MAX_INLINE_BODY_BYTES * 2
/** The same for calls that the cell answers by itself: they carry whole texts to sign and go no further. */
export const MAX_LOCAL_BYTES = MAX_BUFFERED_BODY_BYTES + 1024 * 1024

/** What a message counts for. */
export function postBytes(text: string, body: Post['body']): number {
  return text.length + (typeof body === 'string' ? body.length : (body?.byteLength ?? 0)) + 32
}

/** isolated-vm's types lack what `produceCachedData` and `cachedData` leave behind. */
export type CachedScript = ivm.Script & { readonly cachedData?: ivm.ExternalCopy<ArrayBuffer>; readonly cachedDataRejected?: boolean }

/** What every sandbox of a cell is made from. */
export interface SandboxParts {
  readonly ivm: typeof ivm
  readonly snapshot: ivm.ExternalCopy<ArrayBuffer>
  /** Source of a function body that gets `post` as $0 and `wasm` as $1 and returns the guest's entry (runtime/prelude/attach.ts). */
  readonly attach: string
  /** Functions get WebAssembly: this cell was started to hold it to a limit. */
  readonly wasm: boolean
  readonly watchdog: Watchdog
}

/** A version's script, and V8's compiled form of it: made at deploy, else once one sandbox of this cell has compiled it. */
export interface Code {
  readonly source: string
  cache?: ivm.ExternalCopy<ArrayBuffer>
}

/**
 * One isolate with the prelude in it: blank at first, then one version for the rest of its life.
 *
 * Entered synchronously and only through `enter`, always with a guard. The guest holds one plain callback and nothing
 * else of isolated-vm; strings and ArrayBuffers are all that crosses, by copy.
 */
export class Sandbox {
  readonly memoryMb: number
  readonly #ivm: typeof ivm
  readonly #isolate: ivm.Isolate
  readonly #watchdog: Watchdog
  readonly #watched: number
  readonly #context: ivm.Context
  readonly #entry: ivm.Reference<(...args: unknown[]) => void>
  #posts: Post[] = []
  #postBytes = 0
  #localBytes = 0
  #flooded = false

  constructor(parts: SandboxParts, memoryMb: number) {
    this.#ivm = parts.ivm
    this.memoryMb = memoryMb
    // No onCatastrophicError: it parks the only thread for ever. Without it V8's fatal out-of-memory ends this process
    // within 13 ms, which is what a cell is for.
    this.#isolate = new parts.ivm.Isolate({ memoryLimit: memoryMb, snapshot: parts.snapshot })
    this.#watchdog = parts.watchdog
    this.#watched = this.#watchdog.add(this.#isolate)
    this.#context = this.#isolate.createContextSync()
    const post = new parts.ivm.Callback((kind: unknown, call: unknown, text: unknown, body: unknown, extra: unknown) =>
      this.#receive(kind, call, text, body, extra),
    )
    this.#entry = this.#context.evalClosureSync(parts.attach, [post, parts.wasm], { result: { reference: true }, filename: 'platform:attach' })
  }

  /** Binds a blank sandbox to a version: one slice, in which the module's top level runs. */
  load(code: Code, spec: string, random: ArrayBuffer, guard: number): SliceResult {
    return this.#slice(guard, () => {
      const script = this.#isolate.compileScriptSync(code.source, {
        filename: SCRIPT_NAME,
        ...(code.cache === undefined ? { produceCachedData: true } : { cachedData: code.cache }),
      })
      const { cachedData, cachedDataRejected } = script as CachedScript
      if (cachedDataRejected === true) delete code.cache
      if (code.cache === undefined && cachedData !== undefined) code.cache = cachedData
      const moduleFunction = script.runSync(this.#context, { reference: true }) as ivm.Reference<unknown>
      script.release()
      const body = new this.#ivm.ExternalCopy(random).copyInto({ release: true })
      this.#entry.applySync(undefined, ['load', 0, spec, body, moduleFunction.derefInto({ release: true })])
    })
  }

  /** One slice for one invocation. */
  enter(kind: string, call: number, text: string, body: string | ArrayBuffer | undefined, extra: number, guard: number): SliceResult {
    return this.#slice(guard, () => {
      const bytes = body instanceof ArrayBuffer ? new this.#ivm.ExternalCopy(body).copyInto({ release: true, transferIn: true }) : body
      this.#entry.applySync(undefined, [kind, call, text, bytes, extra])
    })
  }

  heapMb(): number {
    if (this.#isolate.isDisposed) return 0
    const heap = this.#isolate.getHeapStatisticsSync()
    return (heap.used_heap_size + heap.externally_allocated_size) / 1_048_576
  }

  dispose(): void {
    try {
      if (!this.#isolate.isDisposed) this.#isolate.dispose()
    } catch {
      // The watchdog was quicker.
    }
  }

  #slice(guard: number, run: () => void): SliceResult {
    this.#posts = []
    this.#postBytes = 0
    this.#localBytes = 0
    this.#flooded = false
    let end: SliceEnd = 'ok'
    let uncaught: string | undefined
    const startedAt = performance.now()
    this.#watchdog.arm(this.#watched, guard)
    try {
      run()
    } catch (error) {
      if (this.#isolate.isDisposed) end = 'memory'
      // Anything else is a rejection nobody handled: the slice itself went well.
      else uncaught = uncaughtText(error)
    }
    if (!this.#watchdog.disarm()) end = 'timeout'
    const wallMs = performance.now() - startedAt
    if (this.#flooded) end = 'flood'
    // After an abnormal end the dead call's microtasks would run in the next call's slice.
    if (end !== 'ok') this.dispose()
    return { end, wallMs, posts: this.#posts, ...(uncaught === undefined ? {} : { uncaught }) }
  }

  #receive(kind: unknown, call: unknown, text: unknown, body: unknown, extra: unknown): undefined {
    if (this.#flooded) return undefined
    const words = typeof text === 'string' ? text : ''
    const payload = typeof body === 'string' || body instanceof ArrayBuffer ? body : undefined
    const name = String(kind)
    if (isLocalCall(name, words)) this.#localBytes += postBytes(words, payload)
    else this.#postBytes += postBytes(words, payload)
    if (this.#posts.length >= MAX_POSTS_PER_SLICE || this.#postBytes > MAX_POST_BYTES || this.#localBytes > MAX_LOCAL_BYTES) {
      this.#flooded = true
      this.#posts = []
      return undefined
    }
    this.#posts.push({ kind: name, call: toIndex(call), text: words, body: payload, extra: toIndex(extra) })
    return undefined
  }
}

function toIndex(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : 0
}
