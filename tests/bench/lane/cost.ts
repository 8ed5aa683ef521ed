import { Redis } from 'ioredis'
import { percentile, type Row } from './figures.ts'
import { type LaneCode, laneAt } from './lane-code.ts'
import { modelledFunction } from './modelled-function.ts'
import { openRig, type Rig } from './rig.ts'

/** The lane before it had fairness, reservation, idempotency and predicted waits. */
const BEFORE = '830f941'
const BACKLOG = 512
const SEGMENTS = 7
/** Long enough for the clock that counts a process's CPU, which ticks every millisecond or so. */
const SEGMENT_REQUESTS: Readonly<Record<number, number>> = { 1: 1_500, 16: 8_000, 64: 16_000 }

/** Calls that do nothing, of eight functions of two tenants. */
const FUNCTIONS = Array.from({ length: 8 }, (_, n) => modelledFunction(`t${n % 2}`, `f${n}`, { cpuMs: 0, waitMs: 0 }))

interface Cost {
  /** µs of Redis' CPU per request: scripts, streams, append-only file and sockets. */
  readonly cpuUs: number
  /** µs per request inside scripts. */
  readonly scriptUs: number
  /** Requests per script call: half of them are submits, half settles. */
  readonly batch: number
}

/** The next call of the eight, in turn. */
function turnstile(rig: Rig): () => Promise<unknown> {
  let next = 0
  return () => rig.call(FUNCTIONS[next++ % FUNCTIONS.length] as never)
}

/** Nothing waits: `batch` at once, and the next when all are back. */
async function inRounds(rig: Rig, batch: number, requests: number): Promise<void> {
  const call = turnstile(rig)
  for (let done = 0; done < requests; done += batch) await Promise.all(Array.from({ length: batch }, call))
}

/** More than the worker has places for, all the time. */
async function withBacklog(rig: Rig, batch: number, requests: number): Promise<void> {
  const call = turnstile(rig)
  let left = requests
  await Promise.all(
    Array.from({ length: batch + BACKLOG }, async () => {
      while (left-- > 0) await call()
    }),
  )
}

async function measured(redis: Redis, body: () => Promise<void>, requests: number): Promise<Cost> {
  const before = await readings(redis)
  await body()
  const after = await readings(redis)
  return {
    cpuUs: (after.cpuUs - before.cpuUs) / requests,
    scriptUs: (after.scriptUs - before.scriptUs) / requests,
    batch: (2 * requests) / (after.scripts - before.scripts),
  }
}

async function readings(redis: Redis): Promise<{ cpuUs: number; scriptUs: number; scripts: number }> {
  const info = `${await redis.info('cpu')}${await redis.info('commandstats')}`
  const read = (pattern: RegExp): number => Number(info.match(pattern)?.[1] ?? 0)
  return {
    cpuUs: 1e6 * (read(/used_cpu_sys_main_thread:([\d.]+)/) + read(/used_cpu_user_main_thread:([\d.]+)/)),
    scriptUs: read(/cmdstat_evalsha:calls=\d+,usec=(\d+)/),
    scripts: read(/cmdstat_evalsha:calls=(\d+)/),
  }
}

async function compare(codes: readonly LaneCode[], batch: number, backlog: boolean): Promise<Row> {
  await using stack = new AsyncDisposableStack()
  const lanes: { rig: Rig; redis: Redis; costs: Cost[] }[] = []
  for (const code of codes) {
    // Uncontended: room for many more than ever come. With a backlog: as many places as a batch has calls.
    const rig = stack.use(await openRig({ code, workers: backlog ? 1 : 2, capacityMb: backlog ? batch * 64 : 100_000 }))
    const redis = stack.adopt(new Redis(rig.url), (opened) => opened.disconnect())
    await redis.config('SET', 'appendonly', 'yes')
    lanes.push({ rig, redis, costs: [] })
  }
  const requests = SEGMENT_REQUESTS[batch] as number
  const run = backlog ? withBacklog : inRounds
  for (const { rig } of lanes) await run(rig, batch, 1_000)
  for (let segment = 0; segment < SEGMENTS; segment++) {
    for (const { rig, redis, costs } of segment % 2 === 0 ? lanes : lanes.toReversed()) {
      costs.push(await measured(redis, () => run(rig, batch, requests), requests))
      await redis.xtrim('{main}:usage', 'MAXLEN', 0)
    }
  }
  const median = (costs: Cost[], of: (cost: Cost) => number): number => percentile(costs.map(of), 0.5)
  const [before, now] = lanes.map(({ costs }) => costs) as [Cost[], Cost[]]
  const ratio = median(now, ({ cpuUs }) => cpuUs) / median(before, ({ cpuUs }) => cpuUs)
  const words = (costs: Cost[]): string =>
    `${median(costs, ({ cpuUs }) => cpuUs).toFixed(0)} µs (scripts ${median(costs, ({ scriptUs }) => scriptUs).toFixed(0)}, batch ${median(costs, (cost) => cost.batch).toFixed(1)})`
  return {
    claim: `Redis CPU per request in batches of ${batch}${backlog ? `, ${BACKLOG} waiting` : ''}: not 20 % dearer than at ${BEFORE}`,
    figure: `${words(before)} → ${words(now)}: × ${ratio.toFixed(2)}`,
    met: backlog ? undefined : ratio <= 1.2,
  }
}

export async function* cost(code: LaneCode): AsyncGenerator<Row> {
  using before = await laneAt(BEFORE)
  for (const backlog of [false, true]) {
    for (const batch of [1, 16, 64]) yield await compare([before, code], batch, backlog)
  }
}
