import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readSync, unlinkSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import type { CellAssets } from '../assets/cell-assets.ts'
import { type FromCell, MAX_FROM_CELL_BYTES, MAX_SLICE_BYTES, parseFromCell, type SliceEnd, type ToCell } from '../contract/cell-frames.ts'
import { encodeFrame, type Frame, FrameSplitter } from '../contract/frame.ts'
import type { Jail } from '../jail/jail.ts'
import type { MemoryGroup, MemoryGroups } from '../jail/memory-group.ts'
import { cellCommand } from './cell-command.ts'
import { type Crowding, guardMs } from './crowding.ts'

/** A guest message as it left the isolate; its bytes are views of the chunk they came in. */
export interface GuestMessage {
  readonly kind: string
  readonly call: number
  readonly extra: number
  readonly text: Buffer
  readonly body: Buffer
}

export interface SliceReport {
  readonly end: SliceEnd
  readonly cpuMs: number
  readonly wallMs: number
  readonly heapMb: number
  readonly uncaught: string | undefined
  /** What its cell was found to have used beyond its slices' figures (cell-audit.ts): to be charged, not to be judged. */
  readonly surplusCpuMs: number
  readonly messages: readonly GuestMessage[]
  /** From sending the frame to reading its end. */
  readonly turnaroundMs: number
}

/** Somebody who caused a slice and wants to know how it ended. */
export interface SliceOwner {
  /** Whom to blame should the cell die in it. */
  readonly by: object
  /** What is left for this slice, as the kill clock holds the cell to it. */
  readonly cpuMs: number
  readonly wallMs: number
  readonly memoryMb: number
  done(report: SliceReport): void
}

interface Pending {
  readonly guardMs: number
  readonly owner: SliceOwner
  readonly sentAt: number
  readonly messages: GuestMessage[]
}

/** `rogue`: it computed or grew although it owed nothing. */
export type KillReason = 'cpu' | 'wall' | 'memory' | 'protocol' | 'rogue' | 'stop'

/** How a cell ended, for whoever has to say what that means for its invocations. */
export interface CellExit {
  /** Who was running, if anybody. */
  readonly running: SliceOwner | undefined
  readonly killed: KillReason | undefined
  /** The engine ran out of memory by itself. */
  readonly outOfMemory: boolean
}

export interface CellProcessOptions {
  readonly assets: CellAssets
  readonly jail: Jail
  /** Where the kernel can be told how much memory a cell may have. */
  readonly memoryGroups: MemoryGroups | undefined
  readonly dataDir: string
  /** Its one sandbox gets WebAssembly, and may hold this much in all. */
  readonly wasmMb?: number | undefined
  /** Of the machine, as all cells see it. */
  readonly crowding: Crowding
  readonly onReady: (cell: CellProcess) => void
  readonly onExit: (cell: CellProcess, exit: CellExit) => void
  readonly onError: (error: Error) => void
}

/** Below worker and gateway: they must be able to say no while cells burn. */
const NICENESS = 5
/** While one slice keeps the thread: below the cells whose slices are short. Not far: its guard counts on a fair share of the machine. */
const BURNING_NICENESS = 8
/** Measured CPU comes in ticks of this size, and up to two of them late. */
const CPU_TICK_MS = 8
const MOST_HEAP_MB = 4_096
const STDERR_TAIL_CHARS = 4_096
const SIGNALS_OF_MEMORY: ReadonlySet<NodeJS.Signals | null> = new Set<NodeJS.Signals>(['SIGTRAP', 'SIGABRT', 'SIGKILL'])
const NOTHING = Buffer.alloc(0)
let spawned = 0

/** One cell as its worker holds it: a pipe, a list of unanswered slices, and the means to end it. */
export class CellProcess {
  readonly #options: CellProcessOptions
  readonly #child: ChildProcess
  readonly #socket: Socket
  readonly #progressFd: number
  readonly #splitter = new FrameSplitter(MAX_FROM_CELL_BYTES)
  readonly #pending = new Map<number, Pending>()
  readonly #versions = new Set<string>()
  #outgoing: Buffer[] = []
  #frameNumber = 0
  #sandboxNumber = 0
  #killed: KillReason | undefined
  #stderr = ''
  #uid: number | undefined
  /** Read since the last slice was answered. */
  #sliceBytes = 0
  #chargedMs = 0
  #slices = 0
  /** When it last answered. */
  #answeredAt = 0
  #sandboxes = 0
  #owedMs = 0
  #burning = false
  #mayBurn = false
  readonly memoryGroup: MemoryGroup | undefined

  constructor(options: CellProcessOptions) {
    this.#options = options
    const progressPath = join(options.dataDir, `progress-${process.pid}-${spawned++}`)
    this.#progressFd = openSync(progressPath, 'w+', 0o600)
    unlinkSync(progressPath)
    const command = cellCommand(options.jail.prefix, options.assets, options.wasmMb)
    this.#child = spawn(command[0] as string, command.slice(1), {
      cwd: '/',
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', this.#progressFd],
    })
    this.#socket = this.#child.stdio[3] as Socket
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk)).on('error', () => {})
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL_CHARS)
    })
    this.#child.on('error', options.onError)
    this.#child.on('exit', (code, signal) => this.#exited(code, signal))
    if (this.#child.pid !== undefined) {
      this.memoryGroup = options.memoryGroups?.create(this.#child.pid, (error) => {
        if (this.alive) options.onError(error)
      })
      this.#renice(NICENESS + 1)
      // Back again may only who is root with all his capabilities: others must not begin.
      this.#mayBurn = this.#renice(NICENESS)
    }
  }

  get wasmMb(): number | undefined {
    return this.#options.wasmMb
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** The one it dropped to, by its own word from before it had seen a tenant's byte; undefined until then. */
  get uid(): number | undefined {
    return this.#uid
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#killed === undefined
  }

  /** Whether a slice keeps its thread: it then yields to cells whose slices are short. */
  set burning(burning: boolean) {
    if (burning === this.#burning || !this.#mayBurn) return
    this.#burning = burning
    this.#renice(burning ? BURNING_NICENESS : NICENESS)
  }

  #renice(niceness: number): boolean {
    try {
      setPriority(this.pid, niceness)
      return true
    } catch {
      // Not allowed, or it has gone already; `exit` will say so.
      return false
    }
  }

  /** Counters for its audit (cell-audit.ts). */
  get accounts(): { readonly chargedMs: number; readonly slices: number; readonly sandboxes: number } {
    return { chargedMs: this.#chargedMs, slices: this.#slices, sandboxes: this.#sandboxes }
  }

  /** Its next slice that comes back brings this along. */
  owe(cpuMs: number): void {
    this.#owedMs += cpuMs
  }

  nextSandbox(): number {
    return ++this.#sandboxNumber
  }

  /** Sends a version's script, once, with its code cache where there is one. */
  teach(version: string, script: Buffer, codeCache: Buffer = NOTHING): void {
    if (this.#versions.has(version)) return
    this.#versions.add(version)
    const body = codeCache.length === 0 ? script : Buffer.concat([script, codeCache])
    this.#send({ k: 'code', version, cacheBytes: codeCache.length }, '', body)
  }

  open(sandbox: number, version: string, spec: string, random: Buffer, owner: SliceOwner): void {
    const expected = this.#expect(owner)
    this.#sandboxes++
    this.#send({ k: 'open', ...expected, s: sandbox, version, memoryMb: owner.memoryMb }, spec, random)
  }

  enter(
    sandbox: number,
    slice: Pick<Extract<ToCell, { k: 'enter' }>, 'in' | 'call' | 'extra' | 'utf8'>,
    text: Buffer | string,
    body: Buffer | string,
    owner: SliceOwner,
  ): void {
    const expected = this.#expect(owner)
    this.#send({ k: 'enter', ...expected, s: sandbox, ...slice }, text, body)
  }

  close(sandbox: number): void {
    this.#sandboxes++
    this.#send({ k: 'close', s: sandbox })
  }

  /** How long its oldest unanswered slice has been out; 0 when it owes nothing. */
  busyForMs(now: number): number {
    for (const { sentAt } of this.#pending.values()) return now - sentAt
    return 0
  }

  /** How long the slice it is in has been running: what is queued behind it has not begun. 0 when it owes nothing. */
  runningForMs(now: number): number {
    const outForMs = this.busyForMs(now)
    return outForMs === 0 ? 0 : Math.min(outForMs, now - this.#answeredAt)
  }

  get unanswered(): number {
    return this.#pending.size
  }

  /** The slice it is in, by its own mark; the first unanswered one if the mark makes no sense. */
  running(): { readonly frameNumber: number; readonly owner: SliceOwner; readonly guardMs: number } | undefined {
    const mark = this.#readProgress()
    const marked = this.#pending.get(mark)
    if (marked !== undefined) return { frameNumber: mark, owner: marked.owner, guardMs: marked.guardMs }
    for (const [frameNumber, { owner, guardMs }] of this.#pending) return { frameNumber, owner, guardMs }
    return undefined
  }

  kill(reason: KillReason): void {
    if (!this.alive) return
    this.#killed = reason
    this.#child.kill('SIGKILL')
  }

  #expect(owner: SliceOwner): { f: number; guardMs: number } {
    const f = ++this.#frameNumber
    const guard = guardMs(owner.cpuMs, owner.wallMs, this.#options.crowding.wallPerCpu)
    this.#pending.set(f, { owner, guardMs: guard, sentAt: performance.now(), messages: [] })
    return { f, guardMs: guard }
  }

  /** What one turn of the worker has for this cell leaves in one write. */
  #send(head: ToCell, text: Buffer | string = '', body: Buffer | string = ''): void {
    this.#outgoing.push(encodeFrame(head, text, body))
    if (this.#outgoing.length > 1) return
    queueMicrotask(() => {
      const frames = this.#outgoing
      this.#outgoing = []
      if (this.#socket.writable) this.#socket.write(frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames))
    })
  }

  #read(chunk: Buffer): void {
    if (!this.alive) return
    try {
      this.#sliceBytes += chunk.length
      for (const frame of this.#splitter.push(chunk)) this.#take(parseFromCell(frame.head), frame)
      if (this.#sliceBytes > MAX_SLICE_BYTES) throw new RangeError(`Cannot accept more than ${MAX_SLICE_BYTES} bytes of one slice`)
    } catch (error) {
      // A cell that breaks the protocol is not ours any more.
      this.#options.onError(error as Error)
      this.kill('protocol')
    }
  }

  #take(head: FromCell, { text, body }: Frame): void {
    if (head.k === 'ready') {
      // Once: a cell that is its tenant's by now would be bound to another.
      if (this.#uid !== undefined) throw new RangeError('Cannot accept ready: this cell has been ready before')
      this.#uid = head.uid
      this.#options.onReady(this)
      return
    }
    // In order, or what is kept of each could grow behind the others' backs.
    const [first] = this.#pending.keys()
    const pending = this.#pending.get(head.f)
    if (pending === undefined || head.f !== first)
      throw new RangeError(`Cannot accept frame ${head.f}: the slice to be answered is ${first ?? 'none'}`)
    if (head.k === 'post') {
      pending.messages.push({ kind: head.kind, call: head.call, extra: head.extra, text, body })
      return
    }
    this.#pending.delete(head.f)
    this.#sliceBytes = 0
    // The cell may be its tenant's by now: no slice lasted longer than its frame was out, or ran on more than two threads.
    this.#answeredAt = performance.now()
    const turnaroundMs = this.#answeredAt - pending.sentAt
    const wallMs = Math.min(head.wallMs, turnaroundMs)
    const cpuMs = Math.min(head.cpuMs, 2 * turnaroundMs + CPU_TICK_MS)
    this.#options.crowding.observe(wallMs, cpuMs)
    this.#chargedMs += cpuMs
    this.#slices++
    this.burning = false
    const surplusCpuMs = this.#owedMs
    this.#owedMs = 0
    pending.owner.done({
      end: head.end,
      cpuMs,
      wallMs,
      heapMb: Math.min(head.heapMb, MOST_HEAP_MB),
      uncaught: head.uncaught,
      surplusCpuMs,
      messages: pending.messages,
      turnaroundMs,
    })
  }

  #readProgress(): number {
    const mark = Buffer.alloc(4)
    try {
      return readSync(this.#progressFd, mark, 0, 4, 0) === 4 ? mark.readUInt32LE(0) : -1
    } catch {
      return -1
    }
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    const running = this.running()?.owner
    closeSync(this.#progressFd)
    this.#socket.destroy()
    this.#pending.clear()
    void this.memoryGroup?.leave()
    // V8 says that it is out of memory, and ends by itself; the kernel says nothing and does not ask.
    const outOfMemory = this.#killed === undefined && (/out of memory/i.test(this.#stderr) || SIGNALS_OF_MEMORY.has(signal))
    if (this.#killed === undefined && !outOfMemory) {
      this.#options.onError(
        new Error(`A cell ended by itself (${signal ?? `exit code ${code}`}): ${this.#stderr.trim().slice(-500) || 'it said nothing'}`),
      )
    }
    this.#options.onExit(this, { running, killed: this.#killed, outOfMemory })
  }
}
