import type { Logger } from 'pino'
import { Lease } from '../autoscaler/lease.ts'
import { pause } from '../autoscaler/pause.ts'
import type { Store } from '../registry/open-store.ts'
import type { TenantMover } from './tenant-mover.ts'

export interface FinishMovesOptions {
  readonly store: Store
  readonly mover: TenantMover
  /** Unique per process start. */
  readonly owner: string
  readonly log: Pick<Logger, 'warn'>
}

/** Calls of a tenant that moves wait: one that has nothing left behind shall not wait long for somebody to notice. */
const BUSY_MS = 50
const IDLE_MS = 250
/** After a failure. */
const RETRY_MS = 1_000

/** Carries on with moves of tenants whenever this process holds the lease, so that none stays half done. Until `stop`. */
export async function finishMoves({ store, mover, owner, log }: FinishMovesOptions, stop: AbortSignal): Promise<void> {
  /** How long to wait until the next one. */
  const step = async (): Promise<number> => {
    try {
      return (await mover.carryOn()) ? BUSY_MS : IDLE_MS
    } catch (error) {
      log.warn({ err: error }, 'Cannot carry on with moves of tenants: trying again until it works')
      return RETRY_MS
    }
  }
  const lease = new Lease({ redis: store, key: 'isolane:mover', owner })
  await lease.whileHeld(async (lost) => {
    while (!lost.aborted) {
      await pause(await step(), lost)
    }
  }, stop)
}
