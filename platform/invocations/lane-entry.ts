import { setTimeout as pause } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { DataAddress } from '../../runtime/contract/data.ts'
import type { LaneAddress } from '../../runtime/contract/lanes.ts'
import { connected, openLaneConnection } from '../../runtime/lane/connection.ts'
import { lanePrefix } from '../../runtime/lane/scripts.ts'
import { Submitter } from '../../runtime/lane/submitter.ts'
import { publishDataAddress } from './data-address.ts'

export interface LaneEntryOptions {
  readonly lane: LaneAddress
  readonly gatewayId: string
  readonly onError: (error: Error) => void
}

const RETRY_MS = 100

/** A process's way into one lane. */
export class LaneEntry implements AsyncDisposable {
  readonly name: string
  readonly submitter: Submitter
  readonly #options: LaneEntryOptions
  readonly #redis: Redis
  readonly #closing = new AbortController()
  #published: AsyncDisposable | undefined

  constructor(options: LaneEntryOptions) {
    const { lane, gatewayId, onError } = options
    this.#options = options
    this.name = lane.name
    this.submitter = new Submitter({ url: lane.url, lane: lane.name, gatewayId, onError })
    this.#redis = openLaneConnection(lane.url, `lane:${gatewayId}`, onError)
  }

  /** Resolves when calls may go in and workers know where their bytes are, however long the lane is away. */
  async open(address: DataAddress): Promise<void> {
    const { gatewayId, onError } = this.#options
    await this.#untilDone(() => this.submitter.open())
    await this.#untilDone(async () => {
      await connected(this.#redis)
      this.#published = await publishDataAddress({ redis: this.#redis, prefix: lanePrefix(this.name), gatewayId, address, onError })
    })
    if (this.#closing.signal.aborted) await this.#published?.[Symbol.asyncDispose]()
  }

  /** Answers come back for what is submitted now. */
  get isOpen(): boolean {
    return this.#published !== undefined && this.submitter.reachable
  }

  async #untilDone(step: () => Promise<void>): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        return await step()
      } catch {
        // Cut once more: the connection says so, and comes back by itself.
        await pause(RETRY_MS)
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#published?.[Symbol.asyncDispose]()
    this.#redis.disconnect()
    await this.submitter.close()
  }
}
