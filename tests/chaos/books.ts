import { Redis } from 'ioredis'
import { MAIN_LANE } from '../../runtime/contract/lanes.ts'
import { lanePrefix } from '../../runtime/lane/scripts.ts'
import type { Deployment } from './deployment.ts'
import type { Part } from './part.ts'

export interface UsageLine {
  readonly id: string
  readonly attempt: number
  readonly function: string
  readonly trigger: string
  readonly outcome: string
  /** Milliseconds since 1970. */
  readonly acceptedAt: number
}

/** Every usage record of the suite's tenant; undefined while the ledger does not answer. */
export async function readUsage(deployment: Deployment): Promise<UsageLine[] | undefined> {
  const answer = await deployment.fetch(deployment.gateways[0] as Part, '/v1/usage/records?limit=1000000')
  const text = await answer.text()
  if (!answer.ok) return undefined
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as UsageLine)
}

/** What a lane with nothing to do should not hold, in words; empty when all is well. */
export async function leftInLane({ view, lane }: Deployment): Promise<string[]> {
  const left: string[] = []
  const { queued, queuedMb, queuedCpuMilli, inFlight, inFlightMb, inFlightCpuMilli } = await view.signals()
  const gauges = { queued, queuedMb, queuedCpuMilli, inFlight, inFlightMb, inFlightCpuMilli }
  for (const [name, value] of Object.entries(gauges)) if (value !== 0) left.push(`${name} is ${value}`)
  for (const { id, state, capacityMb, freeMb, freeCpuMilli, running } of await view.workers()) {
    const taken = { memoryMb: capacityMb - freeMb, cpuMilli: 1_000 - freeCpuMilli, running }
    if (Object.values(taken).some((value) => value !== 0)) left.push(`${state} worker ${id} has ${JSON.stringify(taken)} taken`)
  }
  const redis = new Redis(lane.url)
  try {
    const prefix = lanePrefix(MAIN_LANE)
    for (const name of ['inv', 'job', 'due', 'ready']) {
      if ((await redis.exists(prefix + name)) === 1) left.push(`${name} holds ${await sizeOf(redis, prefix + name)}`)
    }
    for (const key of await redis.keys(`${prefix}lease:*`)) left.push(`${key} holds ${await sizeOf(redis, key)}`)
  } finally {
    redis.disconnect()
  }
  return left
}

async function sizeOf(redis: Redis, key: string): Promise<number> {
  return (await redis.type(key)) === 'hash' ? await redis.hlen(key) : await redis.zcard(key)
}
