import type { Logger } from 'pino'
import type { DecisionEntry, DecisionSink } from './decision-log.ts'
import type { Fleet, MemberState } from './fleet.ts'
import { INITIAL_LAW_STATE, type LawState, step } from './law.ts'
import type { LawConfig } from './law-config.ts'
import type { Room, Signals } from './observation.ts'
import { pause } from './pause.ts'

export interface LaneWorker extends Room {
  readonly id: string
  readonly state: 'ready' | 'draining' | 'stale'
  readonly sandboxes: number
}

/** What the controller needs of a lane. */
export interface ControlledLane {
  signals(): Promise<Signals>
  workers(): Promise<LaneWorker[]>
  /** Tells who waits that so many workers are on their way, as of `now` on the lane's clock. */
  expect(starting: number, now: number): Promise<void>
  drain(workerId: string): Promise<void>
  undrain(workerId: string): Promise<void>
  /** Resolves when work waits that no worker has room for, or when the signal aborts. */
  nextPoke(signal: AbortSignal): Promise<void>
  /** Ends what dead workers held, and returns how much that was; and what has waited too long. */
  reap(): Promise<number>
}

interface Parts {
  readonly controller: string
  readonly lane: ControlledLane
  readonly fleet: Fleet
  readonly config: LawConfig
  readonly decisions: DecisionSink
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>
}

const TICK_MS = 250
/** Pokes closer together than this are one. */
const MIN_POKE_GAP_MS = 20
const REAP_MS = 500
/** Two controllers of one lane shall not reap in step. */
const REAP_JITTER = 0.2
/** A quiet controller still shows that it lives. */
const REPORT_MS = 5_000

/** The thin shell around the law: looks, asks it, does what it says. Survives a lane that is away. */
export class AutoscalerLoop {
  readonly #parts: Parts
  #state: LawState = INITIAL_LAW_STATE
  #lastTarget: number | undefined
  #lastStarting = 0
  #reportedAt = Number.NEGATIVE_INFINITY

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Until told to stop. Workers stay as they are then; ending them is the fleet's owner's business. */
  async run(stop: AbortSignal): Promise<void> {
    // A new reign begins by holding what it finds.
    this.#state = INITIAL_LAW_STATE
    await Promise.all([this.#control(stop), this.#reapOnAndOn(stop)])
  }

  async #control(stop: AbortSignal): Promise<void> {
    let cause: DecisionEntry['cause'] = 'tick'
    let failing = false
    const { log } = this.#parts
    let poke = this.#listen(stop)
    while (!stop.aborted) {
      try {
        await this.evaluate(cause)
        if (failing) log.info('The lane is back: scaling goes on')
        failing = false
      } catch (error) {
        if (!failing) log.error({ err: error }, 'Cannot look at the lane: workers stay as they are until it is back')
        failing = true
      }
      await pause(MIN_POKE_GAP_MS, stop)
      const tick = new AbortController()
      const either = AbortSignal.any([stop, tick.signal])
      cause = await Promise.race([pause(TICK_MS - MIN_POKE_GAP_MS, either).then(() => 'tick' as const), poke.then(() => 'poke' as const)])
      tick.abort()
      if (cause === 'poke') poke = this.#listen(stop)
    }
  }

  /** A lane that cannot be listened to pokes nobody; ticks go on. */
  async #listen(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        return await this.#parts.lane.nextPoke(stop)
      } catch {
        await pause(TICK_MS, stop)
      }
    }
  }

  /** One look, one decision, carried out. */
  async evaluate(cause: DecisionEntry['cause']): Promise<void> {
    const { lane, fleet, config } = this.#parts
    const [signals, workers] = await Promise.all([lane.signals(), lane.workers()])
    const ready = workers.filter((worker) => worker.state === 'ready')
    this.#endSelfDrained(workers)
    fleet.seen(new Set(ready.map((worker) => worker.id)))

    const states = statesOf(fleet)
    const taking = ready.filter((worker) => (fleet.owns(worker.id) ? states.get(worker.id) === 'ready' : true))
    const observation = { signals, ready: taking.map(roomOf), starting: countOf(states, 'starting') }
    const [state, decision] = step(this.#state, observation, config)
    this.#state = state

    if (decision.start > 0) await this.#grow(decision.start, workers, states)
    else this.#endDrained(workers, states)
    if (decision.drain > 0) await this.#shrink(decision.drain, taking)
    const starting = countOf(statesOf(fleet), 'starting')
    if (starting > 0 || this.#lastStarting > 0) await lane.expect(starting, signals.now)
    this.#lastStarting = starting
    await this.#tell({ cause, observation, decision }, states)
  }

  /** Brings draining workers back before it starts new ones, the busiest (and so warmest) first. */
  async #grow(count: number, workers: readonly LaneWorker[], states: ReadonlyMap<string, MemberState>): Promise<void> {
    const { lane, fleet } = this.#parts
    const back = workers.filter((worker) => states.get(worker.id) === 'draining')
    const chosen = back.sort(byUse).reverse().slice(0, count)
    for (const worker of chosen) {
      await lane.undrain(worker.id)
      fleet.undrain(worker.id)
    }
    fleet.start(count - chosen.length)
  }

  /** Least busy first, then the one with least that is warm. Workers of other fleets are left alone. */
  async #shrink(count: number, taking: readonly LaneWorker[]): Promise<void> {
    const { lane, fleet } = this.#parts
    const own = taking.filter((worker) => fleet.owns(worker.id)).sort(byUse)
    for (const worker of own.slice(0, count)) {
      await lane.drain(worker.id)
      fleet.drain(worker.id)
    }
  }

  /** A drained worker leaves once nothing runs on it; until then it can be brought back. */
  #endDrained(workers: readonly LaneWorker[], states: ReadonlyMap<string, MemberState>): void {
    const busy = new Set(workers.filter((worker) => worker.state !== 'draining' || worker.running > 0).map((worker) => worker.id))
    for (const [id, state] of states) if (state === 'draining' && !busy.has(id)) this.#parts.fleet.end(id)
  }

  /** One that drained itself did so because it is not well: it finishes what it runs and leaves, and is replaced. */
  #endSelfDrained(workers: readonly LaneWorker[]): void {
    const states = statesOf(this.#parts.fleet)
    for (const { id, state } of workers) {
      const asked = states.get(id)
      if (state === 'draining' && (asked === 'ready' || asked === 'starting')) this.#parts.fleet.end(id)
    }
  }

  async #tell(entry: DecisionEntry, states: ReadonlyMap<string, MemberState>): Promise<void> {
    const { controller, config, decisions, log } = this.#parts
    const { decision, observation, cause } = entry
    const acts = decision.start > 0 || decision.drain > 0
    if (acts) log.info({ cause, target: decision.target }, decision.reason)
    const changed = acts || decision.target !== this.#lastTarget
    this.#lastTarget = decision.target
    if (changed) await decisions.append(entry)
    if (!changed && decision.at - this.#reportedAt < REPORT_MS && decision.at >= this.#reportedAt) return
    this.#reportedAt = decision.at
    const count = (state: MemberState) => countOf(states, state)
    const workers = { ready: observation.ready.length, starting: count('starting'), draining: count('draining'), ending: count('ending') }
    await decisions.report({ ...entry, controller, at: decision.at, config, workers })
  }

  async #reapOnAndOn(stop: AbortSignal): Promise<void> {
    const { lane, log } = this.#parts
    while (!stop.aborted) {
      await pause(REAP_MS * (1 + REAP_JITTER * (2 * Math.random() - 1)), stop)
      if (stop.aborted) return
      try {
        const ended = await lane.reap()
        if (ended > 0) log.warn({ ended }, 'Ended work whose worker died')
      } catch {
        // The control loop says that the lane is away.
      }
    }
  }
}

function statesOf(fleet: Fleet): ReadonlyMap<string, MemberState> {
  return new Map(fleet.members().map((member) => [member.id, member.state]))
}

function roomOf({ capacityMb, freeMb, freeCpuMilli, running }: LaneWorker): Room {
  return { capacityMb, freeMb, freeCpuMilli, running }
}

function byUse(a: LaneWorker, b: LaneWorker): number {
  return a.running - b.running || a.sandboxes - b.sandboxes || (a.id < b.id ? -1 : 1)
}

function countOf(states: ReadonlyMap<string, MemberState>, wanted: MemberState): number {
  let count = 0
  for (const state of states.values()) if (state === wanted) count += 1
  return count
}
