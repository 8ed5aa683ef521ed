/** The lane's counters, gauges and time integrals since it began, on its own clock. */
export interface Signals {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly queued: number
  readonly queuedMb: number
  readonly queuedCpuMilli: number
  readonly inFlight: number
  readonly inFlightMb: number
  readonly inFlightCpuMilli: number
  readonly arrivals: number
  readonly settled: number
  /** Turned away for want of room in the queue; not counted in `arrivals`. */
  readonly refused: number
  readonly runMs: number
  readonly inFlightMs: number
  readonly inFlightMbMs: number
  readonly inFlightCpuMilliMs: number
}

/** Room on one worker that takes work. */
export interface Room {
  readonly capacityMb: number
  readonly freeMb: number
  readonly freeCpuMilli: number
  readonly running: number
}

/** Everything the law may look at, once. */
export interface Observation {
  readonly signals: Signals
  /** Workers that take work. */
  readonly ready: readonly Room[]
  /** Workers on their way, and workers alive but not heard of just now. */
  readonly starting: number
}
