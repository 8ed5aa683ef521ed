import type { FunctionVersion } from '../contract/function-version.ts'
import type { Invocation } from '../contract/invocation.ts'
import { cpuBudgetMs, INIT_CPU_MS, INIT_WALL_MS, MAX_INLINE_BODY_BYTES, MAX_SLICE_CPU_MS, MAX_TIMEOUT_MS } from '../contract/limits.ts'
import type { Outcome, ThrownError } from '../contract/outcome.ts'
import type { Claim } from '../lane/worker-lane.ts'
import type { GuestMessage, SliceOwner, SliceReport } from './cell-process.ts'
import type { SliceUse } from './kill-clock.ts'
import type { Sandbox } from './sandbox.ts'
import { parseThrownError } from './thrown-error.ts'

/** What a finished run leaves: how it ended, the reply's bytes, and what it used. */
export interface RunResult {
  readonly outcome: Outcome
  readonly text: Buffer | string
  readonly body: Buffer | string
  readonly used: RunUse
}

export interface RunUse {
  readonly initMs: number
  readonly runMs: number
  readonly stallMs: number
  readonly cpuMs: number
  /** Waiting for timers and host calls. */
  readonly waitMs: number
  readonly heapMb: number
  /** How long one of its slices kept the thread, on average. */
  readonly meanSliceMs: number
  readonly start: 'cold' | 'warm' | 'none'
}

/** The event, still as the gateway wrote it. */
export interface EventBytes {
  readonly text: Buffer
  readonly body: Buffer
}

/** The worker around a run: what a run may cause, besides slices. */
export interface RunHost {
  finished(run: Run, result: RunResult): void
  /** The sandbox came to an end under this run: its other riders go with it, with the same outcome where it was the module's. */
  sandboxDied(sandbox: Sandbox, by: Run, shared?: Outcome): void
  log(run: Run, line: string): void
  /** The guard fired below the budget: should be rare. */
  guardMisfired(run: Run): void
}

/** Measured CPU comes in ticks of 4 ms. */
const CPU_TICK_MS = 4

/**
 * The life of one invocation in one sandbox: its slices, its quotas, its timers, its verdict.
 *
 * Quotas are spent slice by slice and judged after each one, also after one that returned. Whatever happens, `finished`
 * is called exactly once.
 */
export class Run {
  readonly claim: Claim
  readonly invocation: Invocation
  readonly version: FunctionVersion
  readonly #event: EventBytes
  readonly #host: RunHost
  readonly #receivedAt: number
  readonly #timers = new Map<number, NodeJS.Timeout>()
  #sandbox: Sandbox | undefined
  #call = 0
  #wallTimer: NodeJS.Timeout | undefined
  /** The slice that opens its sandbox is out; the handler's own come after it. */
  #opening = false
  #openSlices = 0
  #slices = 0
  #runningFrom: number | undefined
  #idleSince = 0
  #initMs = 0
  #sliceMs = 0
  #waitMs = 0
  #stallMs = 0
  #cpuMs = 0
  #heapMb = 0
  #start: RunUse['start'] = 'none'
  #ended = false

  constructor(claim: Claim, invocation: Invocation, version: FunctionVersion, event: EventBytes, host: RunHost, now: number) {
    this.claim = claim
    this.invocation = invocation
    this.version = version
    this.#event = event
    this.#host = host
    this.#receivedAt = now
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Opens the sandbox for everybody who will ride in it; the cost is this run's. */
  open(sandbox: Sandbox, spec: string, random: Buffer): void {
    this.#start = 'cold'
    this.#opening = true
    this.#sandbox = sandbox
    sandbox.riders.add(this)
    sandbox.cell.process.open(sandbox.number, this.version.versionId, spec, random, {
      cpuMs: INIT_CPU_MS,
      wallMs: Math.min(INIT_WALL_MS, this.#leftMs()),
      memoryMb: sandbox.memoryMb,
      by: this,
      done: (report) => this.#opened(sandbox, report),
    })
  }

  /** Starts the handler. */
  invoke(sandbox: Sandbox): void {
    this.#sandbox = sandbox
    if (this.#start === 'none') this.#start = sandbox.opening ? 'cold' : 'warm'
    this.#call = sandbox.admit(this)
    const { text, body } = this.#event
    this.#enter('invoke', 0, text, body, this.invocation.door === 'rpc')
  }

  /** Ends it from outside: the platform's doing, nobody's fault in here. */
  lose(reason: string, started: 'no' | 'maybe'): void {
    this.#finish({ kind: 'lost', reason, started })
  }

  /** Shares the fate of the run that opened its sandbox. */
  share(outcome: Outcome): void {
    this.#finish(outcome)
  }

  /** Its caller has stopped waiting, and it has not even begun. */
  isOverdue(now: number): boolean {
    return this.#sandbox === undefined && now - this.#receivedAt > this.claim.leftMs
  }

  /** The process wall fell on it while its slice ran. */
  exceeded(limit: 'cpu' | 'wall' | 'memory', { cpuMs, wallMs }: SliceUse): void {
    // Nothing measured the slice that never came back.
    this.#cpuMs += cpuMs
    if (this.#opening) {
      this.#initMs += wallMs
    } else {
      this.#sliceMs += wallMs
      this.#slices++
    }
    this.#finish(this.#exceeded(limit, this.#opening ? 'init' : 'run'))
  }

  #enter(kind: 'invoke' | 'timer', extra: number, text: Buffer | string, body: Buffer | string, utf8: boolean): void {
    const sandbox = this.#sandbox as Sandbox
    if (this.#openSlices++ === 0 && this.#runningFrom !== undefined) this.#waitMs += performance.now() - this.#idleSince
    sandbox.cell.process.enter(sandbox.number, { in: kind, call: this.#call, extra, utf8 }, text, body, this.#slice())
  }

  #slice(): SliceOwner {
    return {
      cpuMs: Math.max(0, Math.min(MAX_SLICE_CPU_MS, cpuBudgetMs(this.version.limits) - this.#cpuMs)),
      wallMs: Math.max(1, this.#leftMs()),
      memoryMb: this.version.limits.memoryMb,
      by: this,
      done: (report) => this.#entered(report),
    }
  }

  /** Wall time left: of its own timeout once it runs, of the caller's deadline in any case. */
  #leftMs(): number {
    const now = performance.now()
    const untilDeadline = this.claim.leftMs - (now - this.#receivedAt)
    const untilTimeout = this.#runningFrom === undefined ? this.version.limits.timeoutMs : this.version.limits.timeoutMs - (now - this.#runningFrom)
    return Math.min(untilDeadline, untilTimeout)
  }

  #opened(sandbox: Sandbox, report: SliceReport): void {
    this.#opening = false
    this.#initMs = report.wallMs
    this.#heapMb = report.heapMb
    sandbox.opening = false
    sandbox.heapMb = report.heapMb
    sandbox.initMs = report.wallMs
    this.#logUncaught(report)
    const loaded = report.messages.find(({ kind }) => kind === 'loaded')
    for (const { kind, text } of report.messages) if (kind === 'log') this.#host.log(this, text.toString('utf8'))
    if (report.end === 'ok' && report.cpuMs <= INIT_CPU_MS + CPU_TICK_MS && loaded !== undefined) {
      if (this.invocation.trigger === 'deploy') {
        this.#cpuMs = report.cpuMs
        this.#finish({ kind: 'returned' }, JSON.stringify({ kind: 'json', coldStartMs: performance.now() - this.#receivedAt }), loaded.text)
      }
      return
    }
    this.#cpuMs = report.cpuMs
    const outcome = this.#initOutcome(report)
    sandbox.close()
    this.#host.sandboxDied(sandbox, this, outcome)
    this.#finish(outcome)
  }

  #initOutcome(report: SliceReport): Outcome {
    if (report.end === 'memory') return this.#exceeded('memory', 'init')
    if (report.end === 'flood') return this.#exceeded('output', 'init')
    if (report.end === 'gone') return { kind: 'lost', reason: 'its sandbox could not be made', started: 'no' }
    if (report.cpuMs > INIT_CPU_MS + CPU_TICK_MS) return this.#exceeded('cpu', 'init')
    if (report.end === 'timeout') {
      if (report.wallMs >= INIT_WALL_MS - 1) return this.#exceeded('wall', 'init')
      if (report.cpuMs >= INIT_CPU_MS - CPU_TICK_MS) return this.#exceeded('cpu', 'init')
      this.#host.guardMisfired(this)
      return { kind: 'lost', reason: 'the guard ended its start below its CPU budget', started: 'no' }
    }
    const failed = report.messages.find(({ kind }) => kind === 'failed')
    if (failed !== undefined) return { kind: 'threw', error: parseThrownError(failed.text), phase: 'init' }
    // The script itself did not evaluate: what isolated-vm says of it is all there is.
    const error: ThrownError = { name: 'Error', message: report.uncaught ?? 'the module did not load', stack: '' }
    return { kind: 'threw', error, phase: 'init' }
  }

  #entered(report: SliceReport): void {
    const now = performance.now()
    const sandbox = this.#sandbox as Sandbox
    this.#openSlices--
    this.#slices++
    this.#cpuMs += report.cpuMs
    this.#sliceMs += report.wallMs
    this.#stallMs += Math.max(0, report.turnaroundMs - report.wallMs)
    if (report.heapMb > 0) this.#heapMb = sandbox.heapMb = report.heapMb
    this.#runningFrom ??= now - report.wallMs
    if (this.#openSlices === 0) this.#idleSince = now
    if (report.end !== 'ok') {
      sandbox.forget()
      this.#host.sandboxDied(sandbox, this)
    }
    // What it said for others counts, whatever becomes of this one: it may have resolved a promise they wait for.
    if (report.end === 'ok') for (const message of report.messages) if (message.call !== this.#call) sandbox.rider(message.call)?.hear(message)
    if (this.#ended) return
    const verdict = this.#verdict(report)
    if (verdict !== undefined) {
      if (report.end === 'ok') this.#retire()
      this.#finish(verdict)
      return
    }
    this.#logUncaught(report)
    for (const message of report.messages) if (message.call === this.#call) this.hear(message)
    // Most invocations end with their first slice and never need a clock.
    if (!this.#ended) this.#wallTimer ??= setTimeout(() => this.#timedOut(), Math.max(1, this.#leftMs()))
  }

  /** What the slice means for the invocation's quotas; undefined: it may go on. */
  #verdict(report: SliceReport): Outcome | undefined {
    const budget = cpuBudgetMs(this.version.limits)
    if (report.end === 'memory') return this.#exceeded('memory', 'run')
    if (report.end === 'flood') return this.#exceeded('output', 'run')
    if (report.end === 'gone') return { kind: 'lost', reason: 'its sandbox ended before it began', started: 'no' }
    if (this.#cpuMs > budget + CPU_TICK_MS) return this.#exceeded('cpu', 'run')
    if (report.end === 'ok') return undefined
    if (this.#leftMs() <= 1) return this.#exceeded('wall', 'run')
    if (this.#cpuMs >= budget - CPU_TICK_MS) return this.#exceeded('cpu', 'run')
    this.#host.guardMisfired(this)
    return { kind: 'lost', reason: 'the guard ended it below its CPU budget: the machine is overloaded', started: 'maybe' }
  }

  /** One message of the guest for this invocation, from whichever slice. */
  hear({ kind, text, body, extra }: GuestMessage): void {
    if (this.#ended) return
    switch (kind) {
      case 'result':
        if (text.length + body.length > MAX_INLINE_BODY_BYTES + MAX_HEAD_BYTES || body.length > MAX_INLINE_BODY_BYTES)
          this.#finish(this.#exceeded('output', 'run'))
        else this.#finish({ kind: 'returned' }, text, body)
        return
      case 'failed': {
        const error = parseThrownError(text)
        this.#finish(error.name === 'OutputLimit' ? this.#exceeded('output', 'run') : { kind: 'threw', error, phase: 'run' })
        return
      }
      case 'log':
        this.#host.log(this, text.toString('utf8'))
        return
      case 'timer':
        this.#setTimer(extra, Number(text.toString('latin1')))
        return
      case 'untimer':
        clearTimeout(this.#timers.get(extra))
        this.#timers.delete(extra)
        return
      default:
        // A message this wall does not have. It can only come from a broken prelude or a broken cell: say nothing, do nothing.
        return
    }
  }

  #setTimer(number: number, delayMs: number): void {
    if (this.#timers.size >= MAX_OPEN_TIMERS) return
    const wait = Number.isFinite(delayMs) ? Math.min(Math.max(0, delayMs), MAX_TIMEOUT_MS) : 0
    this.#timers.set(
      number,
      setTimeout(() => {
        this.#timers.delete(number)
        if (!this.#ended) this.#enter('timer', number, '', '', true)
      }, wait),
    )
  }

  #timedOut(): void {
    // Inside a slice the guard and the kill clock act; their verdict comes with its end.
    if (this.#openSlices > 0) {
      this.#wallTimer = setTimeout(() => this.#timedOut(), 1)
      return
    }
    this.#retire()
    this.#finish(this.#exceeded('wall', 'run'))
  }

  /** What it left behind in the sandbox would run on in somebody else's slices: no newcomers, and it goes with its last rider. */
  #retire(): void {
    if (this.#sandbox !== undefined) this.#sandbox.retired = true
  }

  #exceeded(limit: 'cpu' | 'wall' | 'memory' | 'output', phase: 'init' | 'run'): Outcome {
    const { limits } = this.version
    switch (limit) {
      case 'cpu':
        return { kind: 'exceeded', limit, allowed: phase === 'init' ? INIT_CPU_MS : cpuBudgetMs(limits), unit: 'ms', phase }
      case 'wall':
        return { kind: 'exceeded', limit, allowed: phase === 'init' ? INIT_WALL_MS : limits.timeoutMs, unit: 'ms', phase }
      case 'memory':
        return { kind: 'exceeded', limit, allowed: limits.memoryMb, unit: 'MiB', phase }
      case 'output':
        return { kind: 'exceeded', limit, allowed: MAX_INLINE_BODY_BYTES, unit: 'bytes', phase }
    }
  }

  #logUncaught(report: SliceReport): void {
    if (report.uncaught !== undefined && report.end === 'ok') this.#host.log(this, `error Uncaught (in promise) ${report.uncaught}`)
  }

  #finish(outcome: Outcome, text: Buffer | string = '', body: Buffer | string = ''): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#wallTimer)
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    this.#sandbox?.dismiss(this, this.#call, performance.now())
    this.#host.finished(this, {
      outcome,
      text,
      body,
      used: {
        initMs: this.#initMs,
        runMs: this.#sliceMs + this.#waitMs + (this.#openSlices === 0 && this.#runningFrom !== undefined ? performance.now() - this.#idleSince : 0),
        stallMs: this.#stallMs,
        cpuMs: this.#cpuMs,
        waitMs: this.#waitMs,
        heapMb: this.#heapMb,
        meanSliceMs: this.#slices === 0 ? 0 : this.#cpuMs / this.#slices,
        start: this.#start,
      },
    })
  }
}

const MAX_HEAD_BYTES = 64 * 1024
/** The prelude allows each call 1 000; behind it this only bounds a cell that lies. */
const MAX_OPEN_TIMERS = 10_000
