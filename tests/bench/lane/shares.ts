import { jainIndex, type Row } from './figures.ts'
import type { LaneCode } from './lane-code.ts'
import { closedLoop, during, pause } from './load.ts'
import { type ModelledFunction, modelledFunctions } from './modelled-function.ts'
import { openRig } from './rig.ts'

const WORKERS = 2
const CAPACITY_MB = 2_048
const OUTSTANDING = 80
const WARM_UP_MS = 3_000
const FOR_MS = 10_000

interface Kind {
  readonly count: number
  readonly work: Partial<ModelledFunction>
}

/** Kinds of tenants: by what they take most of, for how long, over how many functions. */
const KINDS: readonly Kind[] = [
  { count: 1, work: { memoryMb: 128, cpuMs: 1, waitMs: 99 } },
  { count: 20, work: { memoryMb: 64, cpuMs: 10, waitMs: 40 } },
  { count: 200, work: { memoryMb: 64, cpuMs: 1, waitMs: 39 } },
  { count: 5, work: { memoryMb: 256, cpuMs: 2, waitMs: 298 } },
  { count: 50, work: { memoryMb: 64, cpuMs: 30, waitMs: 30 } },
  { count: 1, work: { memoryMb: 512, cpuMs: 1, waitMs: 59 } },
  { count: 100, work: { memoryMb: 64, cpuMs: 4, waitMs: 16 } },
  { count: 10, work: { memoryMb: 128, cpuMs: 5, waitMs: 195 } },
]

/** Long enough that the largest of them has more waiting than the rest of this process delays. */
const LONG_KINDS: readonly Kind[] = [
  { count: 1, work: { memoryMb: 128, cpuMs: 1, waitMs: 199 } },
  { count: 5, work: { memoryMb: 256, cpuMs: 2, waitMs: 298 } },
  { count: 20, work: { memoryMb: 128, cpuMs: 5, waitMs: 245 } },
]

/** The part of a worker that one call holds: the larger of memory and CPU, as its function really is. */
function dominantShare({ memoryMb, cpuMs, waitMs }: ModelledFunction): number {
  return Math.max(memoryMb / CAPACITY_MB, cpuMs / (cpuMs + waitMs))
}

/** Service that backlogged tenants with these weights receive in `forMs`: ms of a whole worker, of each. */
export async function serviceOf(code: LaneCode, weights: readonly number[], kinds: readonly Kind[], forMs: number): Promise<number[]> {
  const received = new Map<string, number>()
  const functions = weights.map((weight, n) => {
    const { count, work } = kinds[n % kinds.length] as Kind
    return modelledFunctions(`t${n}`, count, { ...work, weight })
  })
  const shares = new Map(functions.map(([first]) => [(first as ModelledFunction).tenant, dominantShare(first as ModelledFunction)]))
  const onEnd = (tenant: string, _: string, heldMs: number): void =>
    void received.set(tenant, (received.get(tenant) ?? 0) + heldMs * (shares.get(tenant) ?? 0))
  await using rig = await openRig({ code, workers: WORKERS, capacityMb: CAPACITY_MB, onEnd })
  // Until it has been seen to run, a version is booked a quarter of a core: the first calls of many are another matter.
  await Promise.all(functions.flat().map((fn) => rig.call(fn)))
  const load = async (signal: AbortSignal): Promise<void> => {
    await Promise.all(
      functions.map((own) => {
        let next = 0
        return closedLoop(OUTSTANDING, signal, () => rig.call(own[next++ % own.length] as ModelledFunction))
      }),
    )
  }
  return await during(load, async () => {
    await pause(WARM_UP_MS)
    received.clear()
    await pause(forMs)
    return functions.map(([first]) => received.get((first as ModelledFunction).tenant) ?? 0)
  })
}

export async function* shares(code: LaneCode): AsyncGenerator<Row> {
  for (const tenants of [2, 3, 5, 8]) {
    const received = await serviceOf(code, Array(tenants).fill(1), KINDS, FOR_MS)
    const index = jainIndex(received)
    yield {
      claim: `Jain's index over ${tenants} backlogged tenants of equal weight ≥ 0.95`,
      figure: `${index.toFixed(3)} (${received.map((ms) => (ms / FOR_MS).toFixed(2)).join(', ')} of a worker)`,
      met: index >= 0.95,
    }
  }
  const weights = [1, 2, 4]
  const received = await serviceOf(code, weights, LONG_KINDS, FOR_MS)
  const total = received.reduce((sum, ms) => sum + ms, 0)
  const parts = received.map((ms) => (7 * ms) / total)
  yield {
    claim: 'weights 1 : 2 : 4 give service 1 : 2 : 4 within 5 %',
    figure: parts.map((part) => part.toFixed(2)).join(' : '),
    met: parts.every((part, n) => Math.abs(part / (weights[n] as number) - 1) <= 0.05),
  }
}
