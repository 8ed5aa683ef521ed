import type { Observation, Room, Signals } from '../../../platform/autoscaler/observation.ts'

/** What goes on in the lane for a while. */
export interface Load {
  readonly inFlight: number
  readonly queued: number
  /** Bookings of each request. */
  readonly mb: number
  readonly cpuMilli: number
  readonly runMs: number
}

export const IDLE: Load = { inFlight: 0, queued: 0, mb: 128, cpuMilli: 250, runMs: 100 }

/** A lane on a clock that only moves when told to. */
export class World {
  #now = 1_790_000_000_000
  #load = IDLE
  readonly #sums = { arrivals: 0, settled: 0, refused: 0, runMs: 0, inFlightMs: 0, inFlightMbMs: 0, inFlightCpuMilliMs: 0 }

  /** From now on. */
  load(changes: Partial<Load>): this {
    this.#load = { ...IDLE, ...changes }
    return this
  }

  pass(ms: number): this {
    const { inFlight, mb, cpuMilli, runMs } = this.#load
    this.#now += ms
    this.#sums.inFlightMs += inFlight * ms
    this.#sums.inFlightMbMs += inFlight * mb * ms
    this.#sums.inFlightCpuMilliMs += inFlight * cpuMilli * ms
    const finished = (inFlight * ms) / runMs
    this.#sums.settled += finished
    this.#sums.arrivals += finished
    this.#sums.runMs += finished * runMs
    return this
  }

  get signals(): Signals {
    const { inFlight, queued, mb, cpuMilli } = this.#load
    return {
      now: this.#now,
      queued,
      queuedMb: queued * mb,
      queuedCpuMilli: queued * cpuMilli,
      inFlight,
      inFlightMb: inFlight * mb,
      inFlightCpuMilli: inFlight * cpuMilli,
      ...this.#sums,
    }
  }

  /** As a controller sees it. Work in flight is spread evenly over the ready workers. */
  seen(ready: number, starting = 0): Observation {
    const { inFlight, mb, cpuMilli } = this.#load
    const each = ready > 0 ? inFlight / ready : 0
    const room: Room = { capacityMb: 2_048, freeMb: 2_048 - each * mb, freeCpuMilli: 1_000 - each * cpuMilli, running: each }
    return { signals: this.signals, ready: Array.from({ length: ready }, () => room), starting }
  }
}
