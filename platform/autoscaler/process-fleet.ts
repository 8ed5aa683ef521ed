import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import type { Fleet, FleetMember, MemberState } from './fleet.ts'
import { type WorkerCommand, WorkerProcess } from './worker-process.ts'

export interface ProcessFleetOptions {
  readonly command: WorkerCommand
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Monotonic, in milliseconds. */
  readonly now?: () => number
  /** A process not seen ready for this long is killed and replaced. Default 10 s. */
  readonly readyTimeoutMs?: number
  /** From SIGTERM to SIGKILL in `stop`. Default 10 s. */
  readonly stopGraceMs?: number
}

interface Member {
  readonly id: string
  state: MemberState
  /** `undefined` while it waits for its turn after failed starts. */
  process: WorkerProcess | undefined
  startedAt: number
  /** When it was last seen taking work; `undefined` before the first time. */
  readyAt: number | undefined
}

/** A worker that dies this soon, or before it was ready, counts as a failed start. */
const QUICK_DEATH_MS = 5_000
const FIRST_RETRY_MS = 100
const MAX_RETRY_MS = 30_000

/** Workers as processes of this machine: forked, each the head of a process group of its own. */
export class ProcessFleet implements Fleet {
  readonly #options: Required<ProcessFleetOptions>
  readonly #prefix = `w${randomBytes(4).toString('hex')}-`
  readonly #members = new Map<string, Member>()
  readonly #retries = new Set<NodeJS.Timeout>()
  #count = 0
  /** In a row; a worker started after the last of them that stays up ends the row. */
  #failedStarts = 0
  #failedAt = Number.NEGATIVE_INFINITY
  #stopping = false
  #onEmpty: () => void = () => {}

  constructor(options: ProcessFleetOptions) {
    this.#options = { now: () => performance.now(), readyTimeoutMs: 10_000, stopGraceMs: 10_000, ...options }
  }

  members(): readonly FleetMember[] {
    return [...this.#members.values()].map(({ id, state, process }) => ({ id, state, pid: process?.pid }))
  }

  owns(id: string): boolean {
    return id.startsWith(this.#prefix)
  }

  start(count: number): void {
    for (let i = 0; i < count && !this.#stopping; i++) this.#add()
  }

  seen(readyIds: ReadonlySet<string>): void {
    const now = this.#options.now()
    for (const member of this.#members.values()) {
      if (member.state !== 'starting' && member.state !== 'ready') continue
      if (readyIds.has(member.id)) this.#isReady(member, now)
      else this.#isNotReady(member, now)
    }
  }

  #isReady(member: Member, now: number): void {
    const upMs = Math.round(now - member.startedAt)
    if (member.readyAt === undefined) this.#options.log.info({ worker: member.id, afterMs: upMs }, 'Worker is ready')
    if (member.startedAt > this.#failedAt && upMs > QUICK_DEATH_MS) this.#failedStarts = 0
    member.state = 'ready'
    member.readyAt = now
  }

  #isNotReady(member: Member, now: number): void {
    const { log, readyTimeoutMs } = this.#options
    member.state = 'starting'
    if (!member.process || now - (member.readyAt ?? member.startedAt) <= readyTimeoutMs) return
    log.error({ worker: member.id, pid: member.process.pid }, `Worker has not been ready for ${readyTimeoutMs} ms: killing it`)
    member.process.kill()
  }

  drain(id: string): void {
    const member = this.#members.get(id)
    if (member?.state === 'ready') member.state = 'draining'
  }

  undrain(id: string): void {
    const member = this.#members.get(id)
    if (member?.state !== 'draining') return
    member.state = 'ready'
    member.readyAt = this.#options.now()
  }

  end(id: string): void {
    const member = this.#members.get(id)
    if (!member || member.state === 'ending') return
    member.state = 'ending'
    if (member.process) member.process.terminate()
    else this.#remove(member)
  }

  async stop(): Promise<void> {
    const { log, stopGraceMs } = this.#options
    this.#stopping = true
    for (const retry of this.#retries) clearTimeout(retry)
    for (const member of [...this.#members.values()]) this.end(member.id)
    if (this.#members.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onEmpty = resolve
    const killer = setTimeout(() => {
      for (const member of this.#members.values()) {
        log.warn({ worker: member.id }, `Worker did not leave within ${stopGraceMs} ms: killing it`)
        member.process?.kill()
      }
    }, stopGraceMs)
    await promise
    clearTimeout(killer)
  }

  #add(): void {
    this.#count += 1
    const id = `${this.#prefix}${this.#count}`
    const member: Member = { id, state: 'starting', process: undefined, startedAt: this.#options.now(), readyAt: undefined }
    this.#members.set(id, member)
    // The first failure may be bad luck: its replacement starts at once.
    if (this.#failedStarts < 2) this.#launch(member)
    else this.#launchLater(member)
  }

  #launchLater(member: Member): void {
    const retryMs = Math.min(FIRST_RETRY_MS * 2 ** (this.#failedStarts - 2), MAX_RETRY_MS)
    this.#options.log.warn(
      { worker: member.id, failedStarts: this.#failedStarts, retryMs },
      'Workers keep failing to start: waiting before the next try',
    )
    const retry = setTimeout(() => {
      this.#retries.delete(retry)
      if (this.#members.has(member.id)) this.#launch(member)
    }, retryMs)
    this.#retries.add(retry)
  }

  #launch(member: Member): void {
    const { command, log, now } = this.#options
    member.startedAt = now()
    member.process = new WorkerProcess(member.id, command, {
      line: (line) => log.warn({ worker: member.id }, line),
      ended: (how) => this.#ended(member, how),
    })
    log.info({ worker: member.id, pid: member.process.pid }, 'Worker started')
  }

  #ended(member: Member, how: string): void {
    const { log, now } = this.#options
    this.#remove(member)
    if (member.state === 'ending') {
      log.info({ worker: member.id, how }, 'Worker left')
      return
    }
    const livedMs = Math.round(now() - member.startedAt)
    log.error({ worker: member.id, how, livedMs }, 'Worker died unasked')
    if (member.readyAt === undefined || livedMs < QUICK_DEATH_MS) {
      this.#failedStarts += 1
      this.#failedAt = now()
    }
    // A draining one was on its way out: nobody misses it.
    if (member.state !== 'draining') this.start(1)
  }

  #remove(member: Member): void {
    this.#members.delete(member.id)
    if (this.#members.size === 0) this.#onEmpty()
  }
}
