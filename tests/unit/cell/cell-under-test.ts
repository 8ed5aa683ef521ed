import { randomBytes } from 'node:crypto'
import { transformSync } from 'esbuild'
import ivm from 'isolated-vm'
import { buildPrelude, buildSnapshot, buildWarmUp } from '../../../runtime/assets/prelude.ts'
import { Cell } from '../../../runtime/cell/cell.ts'
import { CpuMeter } from '../../../runtime/cell/meter.ts'
import { Watchdog } from '../../../runtime/cell/watchdog.ts'
import { type FromCell, MAX_FROM_CELL_BYTES, parseFromCell, type ToCell } from '../../../runtime/contract/cell-frames.ts'
import { decodeFrame, encodeFrame, type Frame, FrameSplitter } from '../../../runtime/contract/frame.ts'
import { ATTACH } from '../../../runtime/prelude/attach.ts'

const snapshot = new ivm.ExternalCopy(buildSnapshot(await buildPrelude(), await buildWarmUp()))

export interface Ended {
  readonly f: number
  readonly end: Extract<FromCell, { k: 'end' }>
  readonly posts: readonly { readonly kind: string; readonly text: string; readonly body: string }[]
}

/** A cell inside the test's own process: frames in, frames out. */
export class CellUnderTest {
  /** Slices in the order in which they were answered. */
  readonly ended: Ended[] = []
  readonly #cell: Cell
  readonly #splitter = new FrameSplitter(MAX_FROM_CELL_BYTES)
  readonly #waiting = new Map<number, (ended: Ended) => void>()
  #posts: Ended['posts'][number][] = []
  #lastFrame = 0
  #lastCall = 0

  constructor({ wasm = false } = {}) {
    this.#cell = new Cell({
      parts: { ivm, snapshot, attach: ATTACH, wasm, watchdog: new Watchdog(ivm) },
      blanks: { count: 2, memoryMb: 128 },
      meter: new CpuMeter(() => {
        const { user, system } = process.cpuUsage()
        return (user + system) / 1_000
      }),
      write: (bytes) => {
        for (const frame of this.#splitter.push(Buffer.from(bytes))) this.#take(parseFromCell(frame.head), frame)
      },
      markProgress: () => {},
      onIdle: () => {},
    })
  }

  /** Opens a sandbox with a function whose source is an ECMAScript module. */
  async open(s: number, source: string, guardMs = 10_000): Promise<Ended> {
    const script = `(function (module, exports, require) {${transformSync(source, { format: 'cjs', target: 'es2024' }).code}\n})`
    const spec = JSON.stringify({ tenant: 'acme', name: 'hello', version: 1, env: {} })
    const f = ++this.#lastFrame
    const open = { k: 'open', f, s, version: `v${s}`, memoryMb: 128, guardMs } as const
    return await this.#send(f, [
      frameOf({ k: 'code', version: `v${s}`, cacheBytes: 0 }, '', Buffer.from(script)),
      frameOf(open, spec, randomBytes(32)),
    ])
  }

  /** Calls a sandbox's function through the rpc door; several may be sent in one turn. */
  async call(s: number, event: unknown = null, guardMs = 10_000): Promise<Ended> {
    const [f, frame] = this.callFrame(s, event, guardMs)
    return await this.#send(f, [frame])
  }

  /** The frames of several calls, in one turn of the cell. */
  async callTogether(sandboxes: readonly number[], guardMs = 10_000): Promise<Ended[]> {
    const frames = sandboxes.map((s) => this.callFrame(s, null, guardMs))
    const ends = frames.map(([f]) => this.#endOf(f))
    this.#cell.turn(frames.map(([, frame]) => frame))
    return await Promise.all(ends)
  }

  callFrame(s: number, event: unknown, guardMs: number): [number, Frame] {
    const f = ++this.#lastFrame
    const text = JSON.stringify({ door: 'rpc', id: `id-${f}`, deadlineAt: Date.now() + 60_000, headers: [] })
    const enter = { k: 'enter', f, s, in: 'invoke', call: 1_000 + ++this.#lastCall, extra: 0, utf8: true, guardMs } as const
    return [f, frameOf(enter, text, Buffer.from(JSON.stringify(event)))]
  }

  close(s: number): void {
    this.#cell.turn([frameOf({ k: 'close', s }, '', Buffer.alloc(0))])
  }

  #send(f: number, frames: readonly Frame[]): Promise<Ended> {
    const end = this.#endOf(f)
    this.#cell.turn(frames)
    return end
  }

  #endOf(f: number): Promise<Ended> {
    return new Promise((resolve) => this.#waiting.set(f, resolve))
  }

  #take(head: FromCell, { text, body }: Frame): void {
    if (head.k === 'post') this.#posts.push({ kind: head.kind, text: text.toString(), body: body.toString() })
    if (head.k !== 'end') return
    const ended = { f: head.f, end: head, posts: this.#posts }
    this.#posts = []
    this.ended.push(ended)
    this.#waiting.get(head.f)?.(ended)
  }
}

/** What a function answered. */
export function answerOf({ posts }: Ended): unknown {
  const result = posts.find(({ kind }) => kind === 'result' || kind === 'failed')
  return result === undefined ? undefined : result.kind === 'result' ? JSON.parse(result.body) : JSON.parse(result.text)
}

function frameOf(head: ToCell, text: string, body: Buffer): Frame {
  return decodeFrame(encodeFrame(head, text, body))
}
