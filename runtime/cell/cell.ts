import type { FromCell, SliceEnd, ToCell } from '../contract/cell-frames.ts'
import { encodeFrame, type Frame } from '../contract/frame.ts'
import { Holdings } from './holdings.ts'
import { LocalSlice, needsLocalAnswers } from './local-slice.ts'
import type { CpuMeter } from './meter.ts'
import { type Code, Sandbox, type SandboxParts, type SliceResult } from './sandbox.ts'

/** A turn that has taken this long hands over what it has; short slices share one write. */
const FLUSH_AFTER_MS = 2
/** Reading heap statistics costs as much as a short slice: now and then is enough. */
const HEAP_EVERY_SLICES = 32
/** This one, and the one of the pool (main.ts), which works on local calls. */
const THREADS_OF_LOCAL_CALLS = 2

export interface CellDeps {
  readonly parts: SandboxParts
  /** Sandboxes that are kept ready, and the size that they have. */
  readonly blanks: { readonly count: number; readonly memoryMb: number }
  readonly meter: CpuMeter
  readonly write: (bytes: Buffer) => void
  /** Makes the number of the slice about to run visible to the worker, whatever happens next. */
  readonly markProgress: (frameNumber: number) => void
  /** Nothing is left to do: a good moment for `refill`. */
  readonly onIdle: () => void
}

interface Open {
  readonly sandbox: Sandbox
  readonly holdings: Holdings
  heapMb: number
  slices: number
}

interface Done {
  readonly frameNumber: number
  readonly result: SliceResult
  readonly heapMb: number
  /** Charged already: what a slice with local calls had used when others were flushed. */
  readonly cpuBeforeMs: number
}

/**
 * The single-user system one tenant's isolates live in: obeys frames, one slice at a time, and measures.
 *
 * A slice whose guest asked for something that the cell itself answers (local-slice.ts) is not over with its first entry.
 * Until it is, the frames behind it wait.
 */
export class Cell {
  readonly #deps: CellDeps
  readonly #code = new Map<string, Code>()
  readonly #open = new Map<number, Open>()
  readonly #blanks: Sandbox[] = []
  #queue: Frame[] = []
  /** A slice has entered its isolate and waits for what the thread pool does. */
  #waiting = false
  #done: Done[] = []
  #turnStartedAt = 0

  constructor(deps: CellDeps) {
    this.#deps = deps
    this.refill()
  }

  /** All frames that arrived in one turn of the event loop. */
  turn(frames: readonly Frame[]): void {
    for (const frame of frames) this.#queue.push(frame)
    if (!this.#waiting) this.#pump()
  }

  #pump(): void {
    this.#deps.meter.startTurn()
    this.#turnStartedAt = performance.now()
    const queue = this.#queue
    let at = 0
    while (at < queue.length && !this.#waiting) {
      this.#obey(queue[at++] as Frame)
      if (this.#done.length > 0 && performance.now() - this.#turnStartedAt > FLUSH_AFTER_MS) this.#flush()
    }
    this.#queue = queue.slice(at)
    if (this.#done.length > 0) this.#flush()
    if (!this.#waiting) this.#deps.onIdle()
  }

  get needsBlanks(): boolean {
    return !this.#waiting && this.#blanks.length < this.#deps.blanks.count
  }

  refill(): void {
    const { parts, blanks } = this.#deps
    while (this.#blanks.length < blanks.count) this.#blanks.push(new Sandbox(parts, blanks.memoryMb))
  }

  #obey({ head, text, body }: Frame): void {
    const message = head as ToCell
    switch (message.k) {
      case 'code':
        this.#code.set(message.version, this.#codeOf(body, message.cacheBytes))
        return
      case 'open': {
        const code = this.#code.get(message.version)
        if (code === undefined) {
          this.#gone(message.f)
          return
        }
        this.#deps.markProgress(message.f)
        const open: Open = { sandbox: this.#takeBlank(message.memoryMb), holdings: new Holdings(), heapMb: 0, slices: 0 }
        this.#open.set(message.s, open)
        const result = open.sandbox.load(code, text.toString('utf8'), toArrayBuffer(body), message.guardMs)
        this.#end(message, open, result)
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
        this.#end(message, open, result)
        return
      }
      case 'close': {
        this.#close(message.s)
        return
      }
      default:
        message satisfies never
    }
  }

  #codeOf(body: Buffer, cacheBytes: number): Code {
    const end = body.length - cacheBytes
    const source = body.toString('utf8', 0, end)
    return cacheBytes === 0 ? { source } : { source, cache: new this.#deps.parts.ivm.ExternalCopy(toArrayBuffer(body.subarray(end))) }
  }

  #takeBlank(memoryMb: number): Sandbox {
    const blank = memoryMb === this.#deps.blanks.memoryMb ? this.#blanks.pop() : undefined
    return blank ?? new Sandbox(this.#deps.parts, memoryMb)
  }

  #close(sandboxNumber: number): void {
    const open = this.#open.get(sandboxNumber)
    if (open === undefined) return
    this.#open.delete(sandboxNumber)
    open.sandbox.dispose()
    open.holdings.release()
  }

  #gone(frameNumber: number): void {
    this.#done.push({ frameNumber, result: { end: 'gone', wallMs: 0, posts: [] }, heapMb: 0, cpuBeforeMs: 0 })
  }

  /** The slice has come back from its isolate: it is over, or the cell has something to answer first. */
  #end(slice: Slice, open: Open, result: SliceResult): void {
    if (needsLocalAnswers(result)) void this.#finishLocally(slice, open, result)
    else this.#finish(slice, open, result, 0)
  }

  async #finishLocally(slice: Slice, open: Open, first: SliceResult): Promise<void> {
    this.#waiting = true
    const cpuBeforeMs = this.#flush(first.wallMs)
    const result = await new LocalSlice(open.sandbox, open.holdings, slice.guardMs, performance.now() - first.wallMs).finish(first)
    this.#waiting = false
    this.#finish(slice, open, result, cpuBeforeMs)
    this.#flush(0, THREADS_OF_LOCAL_CALLS)
    this.#pump()
  }

  #finish({ f, s }: Slice, open: Open, result: SliceResult, cpuBeforeMs: number): void {
    if (result.end !== 'ok') this.#close(s)
    else if (open.slices % HEAP_EVERY_SLICES === 0 || result.wallMs > 1) open.heapMb = open.sandbox.heapMb()
    open.slices++
    this.#done.push({ frameNumber: f, result, heapMb: open.heapMb, cpuBeforeMs })
  }

  /** Sends what is done. Returns the CPU, in ms, of a slice that has taken `unfinishedMs` so far and is not. */
  #flush(unfinishedMs = 0, threads = 1): number {
    const done = this.#done
    this.#done = []
    const wallMs = done.map(({ result }) => result.wallMs)
    wallMs.push(unfinishedMs)
    const cpuMs = this.#deps.meter.endTurn(wallMs, threads)
    this.#turnStartedAt = performance.now()
    const frames: Buffer[] = []
    done.forEach(({ frameNumber, result, heapMb, cpuBeforeMs }, i) => {
      for (const post of result.posts) {
        const head: FromCell = { k: 'post', f: frameNumber, kind: post.kind, call: post.call, extra: post.extra }
        frames.push(encodeFrame(head, post.text, post.body instanceof ArrayBuffer ? Buffer.from(post.body) : (post.body ?? '')))
      }
      frames.push(encodeFrame(endOf(frameNumber, result, cpuBeforeMs + (cpuMs[i] as number), heapMb)))
    })
    if (frames.length > 0) this.#deps.write(frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames))
    return cpuMs[done.length] as number
  }
}

/** A frame that enters an isolate. */
type Slice = Extract<ToCell, { f: number }>

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
