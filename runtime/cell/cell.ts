import type { FromCell, SliceEnd, ToCell } from '../contract/cell-frames.ts'
import { encodeFrame, type Frame } from '../contract/frame.ts'
import { DEFAULT_MEMORY_MB } from '../contract/limits.ts'
import type { CpuMeter } from './meter.ts'
import { type Code, Sandbox, type SandboxParts, type SliceResult } from './sandbox.ts'

/** Ready sandboxes of the default size, so that a cold start is a binding and not a birth. */
const BLANKS = 2
/** A turn that has taken this long hands over what it has; short slices share one write. */
const FLUSH_AFTER_MS = 2
/** Reading heap statistics costs as much as a short slice: now and then is enough. */
const HEAP_EVERY_SLICES = 32

export interface CellDeps {
  readonly parts: SandboxParts
  readonly meter: CpuMeter
  readonly write: (bytes: Buffer) => void
  /** Makes the number of the slice about to run visible to the worker, whatever happens next. */
  readonly markProgress: (frameNumber: number) => void
}

interface Open {
  readonly sandbox: Sandbox
  heapMb: number
  slices: number
}

interface Done {
  readonly frameNumber: number
  readonly result: SliceResult
  readonly heapMb: number
}

/** The single-user system one tenant's isolates live in: obeys frames, one slice at a time, and measures. */
export class Cell {
  readonly #deps: CellDeps
  readonly #code = new Map<string, Code>()
  readonly #open = new Map<number, Open>()
  readonly #blanks: Sandbox[] = []
  #done: Done[] = []
  #turnStartedAt = 0

  constructor(deps: CellDeps) {
    this.#deps = deps
    this.refill()
  }

  /** All frames that arrived in one turn of the event loop. */
  turn(frames: readonly Frame[]): void {
    this.#deps.meter.startTurn()
    this.#turnStartedAt = performance.now()
    for (const frame of frames) {
      this.#obey(frame)
      if (this.#done.length > 0 && performance.now() - this.#turnStartedAt > FLUSH_AFTER_MS) this.#flush()
    }
    if (this.#done.length > 0) this.#flush()
  }

  get needsBlanks(): boolean {
    return this.#blanks.length < BLANKS
  }

  refill(): void {
    while (this.#blanks.length < BLANKS) this.#blanks.push(new Sandbox(this.#deps.parts, DEFAULT_MEMORY_MB))
  }

  #obey({ head, text, body }: Frame): void {
    const message = head as ToCell
    switch (message.k) {
      case 'code':
        this.#code.set(message.version, { source: body.toString('utf8') })
        return
      case 'open': {
        const code = this.#code.get(message.version)
        if (code === undefined) {
          this.#gone(message.f)
          return
        }
        this.#deps.markProgress(message.f)
        const sandbox = this.#takeBlank(message.memoryMb)
        const result = sandbox.load(code, text.toString('utf8'), toArrayBuffer(body), message.guardMs)
        const open = { sandbox, heapMb: 0, slices: 0 }
        if (result.end === 'ok') this.#open.set(message.s, open)
        this.#finish(message.f, result, open)
        return
      }
      case 'enter': {
        const open = this.#open.get(message.s)
        if (open === undefined) {
          this.#gone(message.f)
          return
        }
        this.#deps.markProgress(message.f)
        const bytes = body.length === 0 ? undefined : message.utf8 ? body.toString('utf8') : toArrayBuffer(body)
        const result = open.sandbox.enter(message.in, message.call, text.toString('utf8'), bytes, message.extra, message.guardMs)
        if (result.end !== 'ok') this.#open.delete(message.s)
        this.#finish(message.f, result, open)
        return
      }
      case 'close': {
        this.#open.get(message.s)?.sandbox.dispose()
        this.#open.delete(message.s)
        return
      }
      default:
        message satisfies never
    }
  }

  #takeBlank(memoryMb: number): Sandbox {
    const blank = memoryMb === DEFAULT_MEMORY_MB ? this.#blanks.pop() : undefined
    return blank ?? new Sandbox(this.#deps.parts, memoryMb)
  }

  #gone(frameNumber: number): void {
    this.#done.push({ frameNumber, result: { end: 'gone', wallMs: 0, posts: [] }, heapMb: 0 })
  }

  #finish(frameNumber: number, result: SliceResult, open: Open): void {
    if (result.end === 'ok' && (open.slices % HEAP_EVERY_SLICES === 0 || result.wallMs > 1)) open.heapMb = open.sandbox.heapMb()
    open.slices++
    this.#done.push({ frameNumber, result, heapMb: open.heapMb })
  }

  #flush(): void {
    const done = this.#done
    this.#done = []
    const cpuMs = this.#deps.meter.endTurn(done.map(({ result }) => result.wallMs))
    this.#turnStartedAt = performance.now()
    const frames: Buffer[] = []
    done.forEach(({ frameNumber, result, heapMb }, i) => {
      for (const post of result.posts) {
        const head: FromCell = { k: 'post', f: frameNumber, kind: post.kind, call: post.call, extra: post.extra }
        frames.push(encodeFrame(head, post.text, post.body instanceof ArrayBuffer ? Buffer.from(post.body) : (post.body ?? '')))
      }
      frames.push(encodeFrame(endOf(frameNumber, result, cpuMs[i] as number, heapMb)))
    })
    this.#deps.write(frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames))
  }
}

function endOf(frameNumber: number, result: SliceResult, cpuMs: number, heapMb: number): FromCell & { end: SliceEnd } {
  return {
    k: 'end',
    f: frameNumber,
    end: result.end,
    cpuMs: round(cpuMs),
    wallMs: round(result.wallMs),
    heapMb: round(heapMb),
    ...(result.uncaught === undefined ? {} : { uncaught: result.uncaught }),
  }
}

/** To the microsecond: more digits would only be bytes on the pipe. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}

function toArrayBuffer(bytes: Buffer): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.length)
  bytes.copy(new Uint8Array(copy))
  return copy
}
