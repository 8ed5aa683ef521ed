import type { FunctionVersion } from '../contract/function-version.ts'
import type { Invocation } from '../contract/invocation.ts'
import { cpuBudgetMs, INIT_CPU_MS, INIT_WALL_MS, MAX_INLINE_BODY_BYTES, MAX_REPLY_HEAD_BYTES, MAX_SLICE_CPU_MS } from '../contract/limits.ts'
import { MAX_LOG_BYTES_PER_CALL, MAX_LOG_LINE_CHARS, MAX_WAIT_UNTIL_MS, OWN_PIPE, ReplyGoesOn } from '../contract/messages.ts'
import type { Outcome } from '../contract/outcome.ts'
import type { DataClient } from '../data/data-client.ts'
import { HostCalls } from '../host/host-calls.ts'
import { lazySource } from '../host/node-pipes.ts'
import type { HostOperation, HostSpending } from '../host/operation.ts'
import { Pipes } from '../host/pipes.ts'
import type { TenantBytes } from '../host/tenant-bytes.ts'
import { type Claim, LaneAway } from '../lane/worker-lane.ts'
import type { GuestMessage, SliceOwner, SliceReport } from './cell-process.ts'
import { GuestTimers } from './guest-timers.ts'
import type { SliceUse } from './kill-clock.ts'
import { exceeded, judgeInit, judgeSlice, MISFIRED, type Quota } from './quota.ts'
import { type Debt, type MeteredUse, RunMeter } from './run-meter.ts'
import { RunReply } from './run-reply.ts'
import type { Sandbox } from './sandbox.ts'
import { parseThrownError, parseUncaught } from './thrown-error.ts'

/** What a finished run leaves: how it ended, the reply's bytes, and what it used. */
export interface RunResult {
  readonly outcome: Outcome
  readonly text: Buffer | string
  readonly body: Buffer | string
  readonly used: RunUse
}

export interface RunUse extends MeteredUse, HostSpending {
  readonly start: 'cold' | 'warm' | 'none'
  /** Bytes of the reply that went beside the lane. */
  readonly streamedBytes: number
}

/** The event, still as the gateway wrote it. */
export interface EventBytes {
  readonly text: Buffer
  readonly body: Buffer
}

/** The worker around a run: what a run may cause, besides slices. */
export interface RunHost {
  readonly operations: ReadonlyMap<string, HostOperation>
  readonly tenantBytes: TenantBytes
  readonly data: DataClient
  finished(run: Run, result: RunResult): void
  /** The sandbox came to an end under this run: its other riders go with it, with the same outcome where it was the module's. */
  sandboxDied(sandbox: Sandbox, by: Run, shared?: Outcome): void
  log(run: Run, line: string): void
  /** The guard fired below the budget: should be rare. */
  guardMisfired(run: Run): void
  hostCallFailed(run: Run, op: string, error: Error): void
}

/**
 * The life of one invocation in one sandbox: its slices, its timers and host calls, its reply, its verdict.
 *
 * Quotas are spent slice by slice and judged after each one, also after one that returned. A reply may go out before the
 * end, beside the lane: streamed, or while `waitUntil` goes on. Whatever happens, `finished` is called exactly once.
 */
export class Run {
  readonly claim: Claim
  readonly invocation: Invocation
  readonly version: FunctionVersion
  readonly #event: EventBytes
  readonly #host: RunHost
  readonly #receivedAt: number
  readonly #meter = new RunMeter()
  #timers: GuestTimers | undefined
  #calls: HostCalls | undefined
  #sandbox: Sandbox | undefined
  #call = 0
  #wallTimer: NodeJS.Timeout | undefined
  /** The slice that opens its sandbox is out; the handler's own come after it. */
  #opening = false
  #start: RunUse['start'] = 'none'
  readonly #reply = new RunReply({
    onOut: () => this.#replyOut(),
    onLeft: () => this.cancel(),
    onTooLarge: () => {
      this.#retire()
      this.#finish(this.#exceeded('streamed reply', 'run'))
    },
  })
  #logBytes = 0
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
    this.#enter('invoke', 0, text, body, this.invocation.door !== 'url')
  }

  /** Ends it from outside: the platform's doing, nobody's fault in here. Says what it had used, for whoever has to pay for that. */
  lose(reason: string, started: 'no' | 'maybe'): Debt {
    const debt = this.#meter.debt(performance.now())
    this.#finish({ kind: 'lost', reason, started: this.#reply.begun ? 'replied' : started })
    return debt
  }

  /** It took others down with it: what they had used would be nobody's else. */
  payFor(debt: Debt): void {
    this.#meter.payFor(debt)
  }

  /** Shares the fate of the run that opened its sandbox. */
  share(outcome: Outcome): void {
    this.#finish(outcome)
  }

  /** Nobody waits for it any more. Its code hears of it, in one last slice. */
  cancel(): void {
    if (this.#ended) return
    // What has been sent to its cell runs in any case, and is paid for.
    if (this.#call === 0) this.#finish({ kind: 'cancelled' })
    else this.#enter('abort', 0, 'The caller has left', '', true)
  }

  /** Its caller has stopped waiting, and it has not even begun. */
  isOverdue(now: number): boolean {
    return this.#sandbox === undefined && now - this.#receivedAt > this.claim.leftMs
  }

  /** The process wall fell on it while its slice ran. */
  exceeded(limit: 'cpu' | 'wall' | 'memory', use: SliceUse): void {
    const phase = this.#opening ? 'init' : 'run'
    this.#meter.died(use, phase)
    this.#finish(this.#exceeded(limit, phase))
  }

  /** Its process spoke as none of ours does, while its slice ran: nobody's fault but its own, and no way to a free ride. */
  broke(use: SliceUse): void {
    const phase = this.#opening ? 'init' : 'run'
    this.#meter.died(use, phase)
    const message = 'The process of this function broke the rules between it and the platform, and was ended'
    this.#finish({ kind: 'threw', error: { name: 'ProtocolError', message, stack: '' }, phase })
  }

  #enter(kind: 'invoke' | 'timer' | 'settle' | 'abort', extra: number, text: Buffer | string, body: Buffer | string, utf8: boolean): void {
    const sandbox = this.#sandbox as Sandbox
    this.#meter.sent(performance.now())
    sandbox.cell.process.enter(sandbox.number, { in: kind, call: this.#call, extra, utf8 }, text, body, this.#slice(kind === 'abort'))
  }

  #slice(last: boolean): SliceOwner {
    return {
      cpuMs: Math.max(0, Math.min(MAX_SLICE_CPU_MS, cpuBudgetMs(this.version.limits) - this.#meter.cpuMs)),
      wallMs: Math.max(1, this.#leftMs()),
      memoryMb: this.version.limits.memoryMb,
      by: this,
      done: (report) => {
        this.#entered(report)
        if (last) this.#finish({ kind: 'cancelled' })
      },
    }
  }

  /** What its caller's deadline left it. */
  get #wallMs(): number {
    return Math.max(1, Math.ceil(this.claim.leftMs))
  }

  /** Wall time left: of its own timeout once it runs, of the caller's deadline in any case; of `waitUntil` once the caller has his reply. */
  #leftMs(): number {
    const now = performance.now()
    if (this.#reply.outAt !== undefined) return MAX_WAIT_UNTIL_MS - (now - this.#reply.outAt)
    const untilDeadline = this.claim.leftMs - (now - this.#receivedAt)
    const { runningFrom = now } = this.#meter
    return Math.min(untilDeadline, this.version.limits.timeoutMs - (now - runningFrom))
  }

  #opened(sandbox: Sandbox, report: SliceReport): void {
    this.#opening = false
    this.#meter.opened(report)
    sandbox.opening = false
    sandbox.heapMb = report.heapMb
    sandbox.initMs = report.wallMs
    this.#logUncaught(report)
    for (const { kind, text } of report.messages) if (kind === 'log') this.#log(text)
    const outcome = this.#initOutcome(report)
    if (outcome === undefined) {
      if (this.invocation.trigger !== 'deploy') return
      this.#meter.charge(report.cpuMs)
      const loaded = report.messages.find(({ kind }) => kind === 'loaded') as GuestMessage
      this.#finish({ kind: 'returned' }, JSON.stringify({ kind: 'json', coldStartMs: performance.now() - this.#receivedAt }), loaded.text)
      return
    }
    this.#meter.charge(report.cpuMs)
    sandbox.close()
    this.#host.sandboxDied(sandbox, this, outcome)
    this.#finish(outcome)
  }

  /** What its start came to; undefined: it is loaded. */
  #initOutcome(report: SliceReport): Outcome | undefined {
    const verdict = judgeInit(report, this.version.limits)
    if (verdict === MISFIRED) {
      if (this.#leftMs() <= 1) return { kind: 'expired' }
      this.#host.guardMisfired(this)
      return { kind: 'lost', reason: 'the guard ended its start below its CPU budget', started: 'no' }
    }
    if (verdict !== undefined) return verdict
    if (report.messages.some(({ kind }) => kind === 'loaded')) return undefined
    const failed = report.messages.find(({ kind }) => kind === 'failed')
    if (failed !== undefined) return { kind: 'threw', error: parseThrownError(failed.text), phase: 'init' }
    // The script itself did not evaluate: what isolated-vm says of it is all there is.
    return { kind: 'threw', error: parseUncaught(report.uncaught), phase: 'init' }
  }

  #entered(report: SliceReport): void {
    const sandbox = this.#sandbox as Sandbox
    this.#meter.cameBack(report, performance.now())
    if (report.surplusCpuMs > 0) this.#meter.payFor({ cpuMs: report.surplusCpuMs, runMs: 0 })
    if (report.heapMb > 0) sandbox.heapMb = report.heapMb
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

  #verdict(report: SliceReport): Outcome | undefined {
    const verdict = judgeSlice(report, { cpuMs: this.#meter.cpuMs, leftMs: this.#leftMs(), wallMs: this.#wallMs }, this.version.limits)
    if (verdict !== MISFIRED) return verdict
    this.#host.guardMisfired(this)
    return { kind: 'lost', reason: 'the guard ended it below its CPU budget: the machine is overloaded', started: 'maybe' }
  }

  /** One message of the guest for this invocation, from whichever slice. */
  hear({ kind, text, body, extra }: GuestMessage): void {
    if (this.#ended) return
    switch (kind) {
      case 'result':
        this.#replied(text, body, extra)
        return
      case 'done':
        this.#finish({ kind: 'returned' })
        return
      case 'failed':
        this.#finish(extra === 1 ? this.#exceeded('whole reply', 'run') : { kind: 'threw', error: parseThrownError(text), phase: 'run' })
        return
      case 'log':
        this.#log(text)
        return
      case 'timer':
        this.#timers ??= new GuestTimers((number) => this.#enter('timer', number, '', '', true))
        this.#timers.set(extra, Number(text.toString('latin1')))
        return
      case 'untimer':
        this.#timers?.clear(extra)
        return
      case 'call':
        this.#hostCalls().start(extra, text, body)
        return
      case 'uncall':
        this.#calls?.cancel(extra)
        return
      default:
        // A message this wall does not have. It can only come from a broken prelude or a broken cell: say nothing, do nothing.
        return
    }
  }

  #replied(head: Buffer, body: Buffer, goesOn: number): void {
    if (this.#reply.begun) return
    if (body.length > MAX_INLINE_BODY_BYTES || head.length > MAX_REPLY_HEAD_BYTES) this.#finish(this.#exceeded('whole reply', 'run'))
    else if (goesOn === 0) this.#finish({ kind: 'returned' }, head, body)
    else this.#replyBeside(Buffer.from(head), Buffer.from(body), goesOn)
  }

  /** The caller gets his reply now, though the invocation is not at its end. */
  #replyBeside(head: Buffer, body: Buffer, goesOn: number): void {
    const { gateway, id, attempt } = this.invocation
    const dataHead = { open: (goesOn & ReplyGoesOn.open) !== 0, start: this.#start === 'cold' ? ('cold' as const) : ('warm' as const) }
    const rest = this.#reply.begin(() => this.#reached(this.#host.data.openReply(gateway, `${id}/${attempt}`, dataHead, head)), body, goesOn)
    if (rest !== undefined) this.#hostCalls().pipes.addSink(OWN_PIPE, rest)
  }

  /** Its gateway; where that cannot even be looked up, the function is not to hear of it as if its caller had left. */
  async #reached<T>(opening: Promise<T>): Promise<T> {
    try {
      return await opening
    } catch (error) {
      if (error instanceof LaneAway) this.#finish({ kind: 'lost', reason: `its bytes had to be passed on while ${error.message}`, started: 'maybe' })
      throw error
    }
  }

  /** Nobody waits for it from now on; what `waitUntil` holds has a clock of its own. */
  #replyOut(): void {
    if (this.#ended) return
    clearTimeout(this.#wallTimer)
    this.#wallTimer = setTimeout(() => this.#timedOut(), MAX_WAIT_UNTIL_MS)
  }

  #hostCalls(): HostCalls {
    if (this.#calls !== undefined) return this.#calls
    const { invocation } = this
    const pipes = new Pipes()
    pipes.addSource(
      OWN_PIPE,
      lazySource(
        (signal) => this.#reached(this.#host.data.openRequest(invocation.gateway, `${invocation.id}/${invocation.attempt}`, signal)),
        'Cannot read the request: the caller has left before its end',
      ),
    )
    this.#calls = new HostCalls({
      operations: this.#host.operations,
      tenantBytes: this.#host.tenantBytes,
      invocation,
      leftMs: () => this.#leftMs(),
      pipes,
      settle: (number, reply, body) => {
        if (!this.#ended) this.#enter('settle', number, reply, body, false)
      },
      onError: (error, op) => this.#host.hostCallFailed(this, op, error),
    })
    return this.#calls
  }

  #timedOut(): void {
    // Inside a slice the guard and the kill clock act; their verdict comes with its end.
    if (this.#meter.openSlices > 0) {
      this.#wallTimer = setTimeout(() => this.#timedOut(), 1)
      return
    }
    this.#retire()
    if (this.#reply.outAt !== undefined) {
      this.#host.log(this, `warn waitUntil was ended: what it holds may go on for ${MAX_WAIT_UNTIL_MS} ms after the reply (fixed for all functions)`)
      this.#finish({ kind: 'returned' })
    } else this.#finish(this.#exceeded('wall', 'run'))
  }

  /** What it left behind in the sandbox would run on in somebody else's slices: no newcomers, and it goes with its last rider. */
  #retire(): void {
    if (this.#sandbox !== undefined) this.#sandbox.retired = true
  }

  #exceeded(quota: Quota, phase: 'init' | 'run'): Outcome {
    return exceeded(this.version.limits, quota, phase, this.#wallMs)
  }

  /** The prelude keeps within its limits and says so; behind it this only bounds a cell that lies. */
  #log(text: Buffer): void {
    this.#logBytes += text.length
    if (this.#logBytes > 2 * MAX_LOG_BYTES_PER_CALL) return
    this.#host.log(this, text.toString('utf8', 0, 4 * MAX_LOG_LINE_CHARS))
  }

  #logUncaught(report: SliceReport): void {
    if (report.uncaught !== undefined && report.end === 'ok') this.#host.log(this, `error Uncaught (in promise) ${report.uncaught}`)
  }

  #finish(outcome: Outcome, text: Buffer | string = '', body: Buffer | string = ''): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#wallTimer)
    this.#timers?.[Symbol.dispose]()
    this.#calls?.[Symbol.dispose]()
    this.#reply.close()
    this.#sandbox?.dismiss(this, this.#call, performance.now())
    this.#host.finished(this, {
      outcome,
      text,
      body,
      used: {
        ...this.#meter.use(performance.now()),
        start: this.#start,
        streamedBytes: this.#reply.bytes,
        egressBytes: this.#calls?.spent.egressBytes ?? 0,
        subrequests: this.#calls?.spent.subrequests ?? 0,
      },
    })
  }
}
