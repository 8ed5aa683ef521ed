import type { LaneSignals } from '../../runtime/lane/lane-view.ts'

/** What the law looks at of the lane: a recorded one needs no more. */
export type Signals = Omit<LaneSignals, 'cpuMs' | 'queuedMs'>

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
