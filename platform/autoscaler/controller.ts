import type { Redis } from 'ioredis'
import type { Logger } from 'pino'
import type { LaneAddress } from '../../runtime/contract/lanes.ts'
import { openLaneConnection } from '../../runtime/lane/connection.ts'
import { LaneView } from '../../runtime/lane/lane-view.ts'
import { lanePrefix } from '../../runtime/lane/scripts.ts'
import { DecisionLog } from './decision-log.ts'
import type { Fleet } from './fleet.ts'
import { DEFAULT_LAW } from './law-config.ts'
import { Lease } from './lease.ts'
import { AutoscalerLoop } from './loop.ts'

export interface ControllerOptions {
  readonly lane: LaneAddress
  readonly fleet: Fleet
  readonly minWorkers: number
  readonly maxWorkers: number
  /** What a worker will offer, until the first has said so itself. */
  readonly workerMb: number
  readonly owner: string
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>
}

/** Runs the autoscaler of one lane whenever this process holds its lease. */
export class Controller {
  readonly #fleet: Fleet
  readonly #lane: LaneView
  readonly #redis: Redis
  readonly #stop = new AbortController()
  readonly #running: Promise<void>

  constructor({ lane, fleet, minWorkers, maxWorkers, workerMb, owner, log }: ControllerOptions) {
    const onError = (error: Error): void => log.debug({ err: error }, 'Lane connection of the controller')
    this.#fleet = fleet
    this.#lane = new LaneView({ url: lane.url, lane: lane.name, onError })
    this.#redis = openLaneConnection(lane.url, 'controller', onError)
    const prefix = lanePrefix(lane.name)
    const config = { ...DEFAULT_LAW, minWorkers, maxWorkers, workerMb }
    const loop = new AutoscalerLoop({ controller: owner, lane: this.#lane, fleet, config, decisions: new DecisionLog(this.#redis, prefix), log })
    const lease = new Lease({ redis: this.#redis, key: `${prefix}controller`, owner })
    this.#running = lease.whileHeld((lost) => loop.run(lost), this.#stop.signal)
  }

  /** Lets go of the lease, then ends the workers of its fleet, who finish what they run. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
    await this.#fleet.stop()
    this.#lane.close()
    this.#redis.disconnect()
  }
}
