/** Parameters of the law; names as in the formulas of law.ts. */
export interface LawConfig {
  readonly minWorkers: number
  readonly maxWorkers: number
  /** Memory one worker offers, in MiB, until a live one has said so itself. */
  readonly workerMb: number
  /** CPU one worker offers, in thousandths of a core. */
  readonly workerCpuMilli: number
  /** ρ: share of a worker that steady load may fill. */
  readonly targetUtilisation: number
  /** β of square-root staffing: 1 leaves about one request in five waiting before the headroom of ρ, 2 one in fifty. */
  readonly safety: number
  readonly fastWindowMs: number
  readonly stableWindowMs: number
  /** In about this long a backlog shall be gone once its workers are there. */
  readonly drainMs: number
  /** What was needed this recently is kept. */
  readonly holdDownMs: number
  /** Largest part of the fleet that one step down takes; a quarter of the hold-down lies between two steps. */
  readonly stepDown: number
  /** Fleets of more than four are not shrunk for a smaller gain than this part. */
  readonly tolerance: number
}

/**
 * Hold-down is 30 s where a fleet over many machines wants 60: here a worker is back in a third of a second, so a
 * burst that finds it gone waits little, while memory it holds on a small host is missed by everything else.
 */
export const DEFAULT_LAW: Omit<LawConfig, 'minWorkers' | 'maxWorkers' | 'workerMb'> = Object.freeze({
  workerCpuMilli: 1_000,
  targetUtilisation: 0.8,
  safety: 1,
  fastWindowMs: 2_000,
  stableWindowMs: 60_000,
  drainMs: 500,
  holdDownMs: 30_000,
  stepDown: 0.25,
  tolerance: 0.1,
})
