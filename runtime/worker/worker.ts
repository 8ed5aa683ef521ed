import { randomBytes } from 'node:crypto'
import { cellAssets } from '../assets/cell-assets.ts'
import type { WorkerConfig } from '../config.ts'
import { decodeFrame, encodeFrame } from '../contract/frame.ts'
import type { FunctionVersion } from '../contract/function-version.ts'
import { parseInvocation } from '../contract/invocation.ts'
import { limitWords } from '../contract/limit-words.ts'
import { bookedMb } from '../contract/limits.ts'
import type { LoadSpec } from '../contract/messages.ts'
import { functionKey } from '../contract/names.ts'
import { neverRan, type Outcome } from '../contract/outcome.ts'
import type { ReplyFrameHead } from '../contract/reply.ts'
import { DataClient } from '../data/data-client.ts'
import type { HostOperation } from '../host/operation.ts'
import { openOperations } from '../host/operations.ts'
import type { TenantBytes } from '../host/tenant-bytes.ts'
import { probeJail } from '../jail/jail.ts'
import { probeMemoryGroups } from '../jail/memory-group.ts'
import { FunctionLog } from '../lane/function-log.ts'
import { machineId } from '../lane/machine-id.ts'
import { type Claim, WorkerLane } from '../lane/worker-lane.ts'
import type { Cell } from './cell.ts'
import { cellNeeds } from './cell-command.ts'
import { CellPool } from './cell-pool.ts'
import type { CellExit } from './cell-process.ts'
import { CodeCaches } from './code-caches.ts'
import { victims } from './eviction.ts'
import { FunctionSecrets, type OpenedSecrets } from './function-secrets.ts'
import { Health } from './health.ts'
import { ProcessGauge } from './proc.ts'
import { Run, type RunHost, type RunResult, type RunUse } from './run.ts'
import type { Debt } from './run-meter.ts'
import { Sandbox } from './sandbox.ts'
import { StackMaps } from './stack-maps.ts'
import { usageOf } from './usage-of.ts'
import { type LoadedVersion, VersionCache } from './version-cache.ts'

export interface WorkerLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A core can be promised to more functions than it has memory for at once: most riders hold a fraction of what they booked. */
const OVERCOMMIT = 4
/** Base cost of a cell process, taken off what the worker offers. */
const CELL_MB = 40
const WATCH_MS = 10
/** First calls of small functions, one after another, can take 300 MB a second. */
const HOUSEKEEPING_MS = 100
const AUDIT_MS = 1_000
const IDLE_CELL_MS = 60_000
/** Evicting takes a moment to show; so far above its budget, with nothing to evict, a worker takes no more. */
const FULL_OVER = 0.05

/**
 * The control program: takes invocations from its lane, finds each a sandbox in a cell of its tenant, and settles what
 * comes back. Everything a tenant's code may ask of the world goes through here.
 */
export class Worker implements RunHost {
  readonly operations: ReadonlyMap<string, HostOperation>
  readonly tenantBytes: TenantBytes
  readonly data: DataClient
  readonly #config: WorkerConfig
  readonly #log: WorkerLog
  readonly #lane: WorkerLane
  readonly #versions: VersionCache
  readonly #codeCaches: CodeCaches
  readonly #secrets: FunctionSecrets
  readonly #stackMaps: StackMaps
  readonly #functionLog: FunctionLog
  readonly #pool: CellPool
  readonly #host: ReturnType<typeof openOperations>
  readonly #walls: readonly string[]
  readonly #gauge = new ProcessGauge(process.pid)
  /** Accepted and not settled. */
  readonly #runs = new Map<Run, { readonly requestBytes: number; readonly script: Buffer }>()
  /** Claimed, and still being read or fetched. */
  #beginning = 0
  /** Of those, the ones nobody waits for any more. */
  readonly #cancelledEarly = new Set<string>()
  readonly #changed = new Set<string>()
  readonly #timers: NodeJS.Timeout[] = []
  #evictionClock = 0
  #onIdle: (() => void) | undefined
  #misfires = 0
  readonly #health = new Health()
  /** Over its memory budget, with nothing left that is idle. */
  #full = false

  static async start(config: WorkerConfig, log: WorkerLog): Promise<Worker> {
    const assets = await cellAssets(config.dataDir)
    const jail = probeJail(cellNeeds(assets))
    const memoryGroups = probeMemoryGroups(process.pid)
    const walls = memoryGroups === undefined ? jail.walls : [...jail.walls, 'cgroup']
    const options = { assets, jail, memoryGroups, dataDir: config.dataDir }
    const worker = new Worker(config, log, walls, (onExit, onError) => ({
      pool: new CellPool({ ...options, onExit, onError }),
      codeCaches: new CodeCaches({ ...options, onError }),
    }))
    await worker.#pool.open()
    await worker.#lane.join()
    worker.#timers.push(
      setInterval(() => worker.#pool.watch(performance.now()), WATCH_MS),
      setInterval(() => worker.#keepHouse(performance.now()), HOUSEKEEPING_MS),
      setInterval(() => worker.#pool.audit(performance.now()), AUDIT_MS),
    )
    return worker
  }

  private constructor(
    config: WorkerConfig,
    log: WorkerLog,
    walls: readonly string[],
    createParts: (onExit: (cell: Cell, exit: CellExit) => void, onError: (error: Error) => void) => { pool: CellPool; codeCaches: CodeCaches },
  ) {
    this.#config = config
    this.#log = log
    this.#walls = walls
    const onError = (error: Error): void => log.warn({ err: error }, error.message)
    const { pool, codeCaches } = createParts((cell, exit) => this.#cellExited(cell, exit), onError)
    this.#pool = pool
    this.#codeCaches = codeCaches
    this.#versions = new VersionCache({ storeUrl: config.storeUrl, dataDir: config.dataDir, codeCaches, onError })
    const { secretsKey, dataDir } = config
    this.#secrets = new FunctionSecrets({ secretsKey, dataDir, readHash: (key) => this.#versions.readHash(key) })
    this.#stackMaps = new StackMaps((sha256) => this.#versions.readArtifact(sha256))
    this.#functionLog = new FunctionLog({ url: config.laneUrl, lane: config.lane, onError })
    this.data = new DataClient({ machine: machineId(), lookUp: (gatewayId) => this.#lane.dataAddress(gatewayId) })
    this.#host = openOperations({ ...config, invokeBeside: (...nested) => this.data.invoke(...nested), onError })
    this.operations = this.#host.operations
    this.tenantBytes = this.#host.tenantBytes
    this.#lane = new WorkerLane({
      url: config.laneUrl,
      lane: config.lane,
      workerId: config.workerId,
      capacityMb: () => this.#capacityMb(),
      info: () => ({ pid: process.pid, cells: this.#pool.size, sandboxes: this.#sandboxes(), rssMb: Math.round(this.#rssMb()), walls: this.#walls }),
      resident: (which) => this.#resident(which),
      onClaim: (claim) => void this.#take(claim),
      onGone: () => this.#gone(),
      onAbort: (key) => this.#abort(key),
      onError,
    })
  }

  /** The story of an invocation, from the lane to a sandbox. What comes back comes through `finished`. */
  async #take(claim: Claim): Promise<void> {
    this.#beginning++
    try {
      const frame = decodeFrame(claim.frame)
      const invocation = parseInvocation(frame.head)
      const deploying = invocation.trigger === 'deploy'
      const kept = deploying ? undefined : this.#versions.get(invocation.versionId)
      const loaded = kept ?? (await this.#versions.load(invocation.versionId, { keep: !deploying }))
      if (this.#full && !this.#isWarm(loaded.version)) {
        void this.#lane.nack([claim])
        return
      }
      if (claim.boxed) this.#pool.suspect(loaded.version, performance.now())
      const run = new Run(claim, invocation, loaded.version, { text: frame.text, body: frame.body }, this, performance.now())
      this.#runs.set(run, { requestBytes: frame.text.length + frame.body.length, script: loaded.script })
      if (this.#cancelledEarly.delete(claim.key)) run.cancel()
      if (this.#secrets.hear(invocation)) this.#retireSandboxes(functionKey(invocation.tenant, invocation.name))
      this.#dispatch(run, loaded)
    } catch (error) {
      this.#log.error({ err: error, key: claim.key }, 'cannot begin a claimed invocation')
      this.#couldNotBegin(functionKey(claim.tenant, claim.name))
      const outcome = { kind: 'lost', reason: (error as Error).message, started: 'no' } as const
      this.#settle(claim, { outcome, used: NOTHING_USED, text: '', body: '' }, 0)
    } finally {
      if (--this.#beginning === 0) this.#cancelledEarly.clear()
      this.#tellIfIdle()
    }
  }

  #dispatch(run: Run, loaded: LoadedVersion, secrets?: OpenedSecrets): void {
    if (run.ended) return
    if (!this.#lane.fresh) {
      run.lose('the worker lost touch with the lane', 'no')
      return
    }
    const now = performance.now()
    const cell = this.#pool.pick(loaded.version, now)
    if (cell === undefined) {
      this.#pool.whenReady(loaded.version, () => this.#dispatch(run, loaded, secrets))
      return
    }
    const warm = run.invocation.trigger === 'deploy' ? undefined : cell.sandboxFor(loaded.version)
    if (warm !== undefined) {
      run.invoke(warm)
      return
    }
    if (!this.#secrets.areCurrent(run.invocation, secrets)) {
      const failed = (error: Error): void => this.#withoutSecrets(run, error)
      this.#secrets.read(run.invocation).then((read) => this.#dispatch(run, loaded, read), failed)
      return
    }
    cell.process.teach(loaded.version.versionId, loaded.script, loaded.codeCache)
    const sandbox = new Sandbox(cell, loaded.version, now)
    this.#changed.add(sandbox.versionId)
    run.open(sandbox, loadSpec(loaded, secrets), randomBytes(32))
    if (run.invocation.trigger !== 'deploy') run.invoke(sandbox)
  }

  /** The caller may be anybody: what is wrong with which secret is for the log. */
  #withoutSecrets(run: Run, error: Error): void {
    this.#log.error({ err: error, id: run.invocation.id }, 'a call is lost, because its function’s secrets cannot be read')
    run.lose('the secrets of the function cannot be read, for a reason that the platform’s log has', 'no')
  }

  /** The function's secrets have changed: nobody new comes into what was opened with the former ones. */
  #retireSandboxes(fn: string): void {
    for (const cell of this.#pool.cells()) {
      for (const sandbox of cell.sandboxes.values()) {
        if (sandbox.functionKey !== fn) continue
        sandbox.retired = true
        this.#changed.add(sandbox.versionId)
        if (sandbox.riders.size === 0) sandbox.close()
      }
    }
  }

  finished(run: Run, result: RunResult): void {
    const { outcome } = result
    if (outcome.kind !== 'threw') {
      this.#conclude(run, result)
      return
    }
    const { error } = outcome
    this.#stackMaps.whenKnown(run.version, error.message + error.stack, (inAuthorPlaces) => {
      const placed = { ...error, message: inAuthorPlaces(error.message), stack: inAuthorPlaces(error.stack) }
      this.#conclude(run, { ...result, outcome: { ...outcome, error: placed } })
    })
  }

  #conclude(run: Run, result: RunResult): void {
    const known = this.#runs.get(run)
    if (known === undefined) return
    this.#runs.delete(run)
    if (result.outcome.kind !== 'lost') this.#health.began()
    this.#changed.add(run.version.versionId)
    this.#pool.observe(run.version, result.used.meanSliceMs)
    this.#logEnding(run, result.outcome)
    this.#settle(run.claim, result, known.requestBytes)
    // Now that its author has the answer: a version that has loaded once will again.
    if (run.invocation.trigger === 'deploy' && result.outcome.kind === 'returned') this.#codeCaches.want(run.version, known.script, () => {})
    this.#tellIfIdle()
  }

  /** What went wrong belongs into the function's log: its caller may have thrown the answer away. */
  #logEnding(run: Run, outcome: Outcome): void {
    if (outcome.kind === 'threw') this.log(run, `error Uncaught ${outcome.error.stack || `${outcome.error.name}: ${outcome.error.message}`}`)
    else if (outcome.kind === 'exceeded') this.log(run, `error Ended: ${limitWords(outcome, run.version.limits)}`)
  }

  #settle(claim: Claim, result: RunResult, requestBytes: number): void {
    const record = usageOf(claim, result, requestBytes, this.#config.workerId)
    const { queueMs, initMs, runMs, cpuMs, billedMs, start, heapMb } = record
    const head: ReplyFrameHead = {
      outcome: result.outcome,
      usage: { queueMs, initMs, runMs, cpuMs, billedMs, start, heapMb },
      worker: this.#config.workerId,
    }
    const { waitMs } = result.used
    const beside = result.outcome.kind === 'returned' && result.text.length === 0
    const frame = encodeFrame(head, result.text, result.body)
    this.#lane.settle({ key: claim.key, cpuMs, waitMs, runMs, frame, beside, neverRan: neverRan(result.outcome), record })
  }

  sandboxDied(sandbox: Sandbox, by: Run, shared?: Outcome): void {
    this.#changed.add(sandbox.versionId)
    if (shared === undefined) this.#pool.blame(by.version, 'sandbox', performance.now())
    for (const rider of [...sandbox.riders]) {
      if (rider === by) continue
      if (shared !== undefined) rider.share(shared)
      else by.payFor(rider.lose('its sandbox was ended by another invocation of the same function', 'maybe'))
    }
  }

  log(run: Run, line: string): void {
    const { tenant, name, id, version } = run.invocation
    const space = line.indexOf(' ')
    const level = line.slice(0, Math.max(0, space))
    const message = line.slice(space + 1)
    const at = Date.now()
    this.#stackMaps.whenKnown(run.version, message, (inAuthorPlaces) =>
      this.#functionLog.append(tenant, name, { at, id, version, level, message: inAuthorPlaces(message) }),
    )
  }

  hostCallFailed(run: Run, op: string, error: Error): void {
    this.#log.warn({ err: error, id: run.invocation.id, op }, 'a host call failed')
  }

  guardMisfired(run: Run): void {
    this.#misfires++
    this.#log.warn({ id: run.invocation.id, misfires: this.#misfires }, 'an isolate guard fired below the CPU budget')
  }

  /** Takes no more work, finishes what it has, and goes. */
  async stop(): Promise<void> {
    await this.#lane.drain().catch((error: Error) => this.#log.warn({ err: error }, 'cannot tell the lane that this worker drains'))
    if (!this.#idle) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    await this.#lane.flushed()
    await this.#lane.leave()
    this.kill()
  }

  get #idle(): boolean {
    return this.#runs.size === 0 && this.#beginning === 0
  }

  #tellIfIdle(): void {
    if (this.#idle) this.#onIdle?.()
  }

  /** Ends all cells, at once. */
  kill(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#pool.close()
    this.#versions.close()
    this.#codeCaches.close()
    this.#functionLog.close()
    this.data[Symbol.dispose]()
    this.#host[Symbol.dispose]()
  }

  #cellExited(cell: Cell, { running, killed, outOfMemory }: CellExit): void {
    const limit = killed === 'cpu' || killed === 'wall' || killed === 'memory' ? killed : outOfMemory ? 'memory' : undefined
    if (killed !== 'stop') this.#log.info({ tenant: cell.tenant, killed, outOfMemory, lastUse: cell.lastUse }, 'a cell was ended')
    // A cell that was too large before its slice began is not the slice's doing.
    const isBlamed = (run: Run, sandbox: Sandbox): boolean =>
      (limit !== undefined || killed === 'protocol') &&
      running?.by === run &&
      (killed !== 'memory' || cell.isWasm || cell.lastUse.grewMb >= sandbox.memoryMb)
    let blamed: Run | undefined
    const debts: Debt[] = []
    for (const sandbox of [...cell.sandboxes.values()]) {
      sandbox.forget()
      this.#changed.add(sandbox.versionId)
      for (const run of [...sandbox.riders]) {
        if (isBlamed(run, sandbox)) blamed = run
        else debts.push(run.lose('the process it ran in ended', 'maybe'))
      }
    }
    for (const debt of debts) blamed?.payFor(debt)
    if (blamed !== undefined) this.#pool.blame(blamed.version, 'cell', performance.now())
    if (limit !== undefined) blamed?.exceeded(limit, cell.lastUse)
    else blamed?.broke(cell.lastUse)
  }

  #abort(key: string): void {
    for (const run of this.#runs.keys()) {
      if (run.claim.key !== key) continue
      run.cancel()
      return
    }
    if (this.#beginning > 0) this.#cancelledEarly.add(key)
  }

  /** The lane has given this worker up: everything here is lost already, and on record. */
  #gone(): void {
    this.#log.warn({ runs: this.#runs.size }, 'the lane gave this worker up; joining again')
    this.#runs.clear()
    this.#pool.killAll()
    this.#tellIfIdle()
  }

  /** Keeps memory within its budget: idle sandboxes first, then idle cells. Lets go of what can no longer be in time. */
  #keepHouse(now: number): void {
    for (const run of [...this.#runs.keys()]) {
      if (!run.isOverdue(now)) continue
      run.lose('no cell could be started for it before its deadline', 'no')
      this.#couldNotBegin(functionKey(run.version.tenant, run.version.name))
    }
    const idle: Sandbox[] = []
    for (const cell of this.#pool.cells()) {
      if (cell.sandboxes.size > 0) cell.idleSince = now
      else if (now - cell.idleSince > IDLE_CELL_MS && cell.process.unanswered === 0) cell.process.kill('stop')
      if (cell.isWasm) for (const sandbox of cell.sandboxes.values()) sandbox.heapMb = Math.max(sandbox.heapMb, cell.rssMb() - CELL_MB)
      for (const sandbox of cell.sandboxes.values()) if (sandbox.riders.size === 0 && !sandbox.opening) idle.push(sandbox)
    }
    const overMb = this.#rssMb() - this.#config.memoryBudgetMb
    const { evict, clock } = victims(idle, overMb, this.#evictionClock, now)
    this.#full = overMb > FULL_OVER * this.#config.memoryBudgetMb && idle.length === 0
    this.#evictionClock = clock
    for (const sandbox of evict) {
      sandbox.close()
      this.#changed.add(sandbox.versionId)
      // It was for this sandbox alone.
      if (sandbox.cell.isWasm && sandbox.cell.sandboxes.size === 0 && sandbox.cell.process.unanswered === 0) sandbox.cell.process.kill('stop')
    }
  }

  /** Something is wrong with this worker rather than with what it was handed: the fleet ends who drains himself, and replaces him. */
  #couldNotBegin(fn: string): void {
    this.#health.couldNotBegin(fn)
    if (!this.#health.isSick) return
    this.#log.error({ calls: this.#runs.size }, 'this worker cannot begin what it is handed: it takes no more')
    this.#health.began()
    this.#lane.drain().catch((error: Error) => this.#log.warn({ err: error }, 'cannot tell the lane that this worker drains'))
  }

  /** In MB of booked riders. A full worker offers what is booked already, and no more. */
  #capacityMb(): number {
    if (!this.#full) return OVERCOMMIT * this.#config.memoryBudgetMb - CELL_MB * this.#pool.size
    let booked = 0
    for (const { version } of this.#runs.keys()) booked += bookedMb(version.limits)
    return booked
  }

  #isWarm(version: FunctionVersion): boolean {
    for (const cell of this.#pool.cells()) if (cell.sandboxFor(version) !== undefined) return true
    return false
  }

  #rssMb(): number {
    let total = this.#gauge.anonymousMb()
    for (const cell of this.#pool.cells()) total += cell.rssMb()
    return total
  }

  #sandboxes(): number {
    let count = 0
    for (const cell of this.#pool.cells()) count += cell.sandboxes.size
    return count
  }

  /** Riders that warm and busy sandboxes can carry, per version: an absolute count, and only a hint. */
  #resident(which: 'all' | 'changed'): Map<string, number> {
    const riders = new Map<string, number>()
    for (const versionId of this.#changed) riders.set(versionId, 0)
    if (which === 'changed' && this.#changed.size === 0) return riders
    for (const cell of this.#pool.cells()) {
      for (const sandbox of cell.sandboxes.values()) {
        if (sandbox.retired || (which === 'changed' && !this.#changed.has(sandbox.versionId))) continue
        riders.set(sandbox.versionId, (riders.get(sandbox.versionId) ?? 0) + sandbox.concurrency)
      }
    }
    this.#changed.clear()
    return riders
  }
}

const NOTHING_USED: RunUse = {
  initMs: 0,
  runMs: 0,
  stallMs: 0,
  cpuMs: 0,
  waitMs: 0,
  heapMb: 0,
  meanSliceMs: 0,
  start: 'none',
  streamedBytes: 0,
  egressBytes: 0,
  subrequests: 0,
}

function loadSpec({ version: { tenant, name, version, style, env } }: LoadedVersion, secrets: OpenedSecrets | undefined): string {
  const spec: LoadSpec = { tenant, name, version, env: { ...env, ...secrets?.values }, ...(style === undefined ? {} : { style }) }
  return JSON.stringify(spec)
}
