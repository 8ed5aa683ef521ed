import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { coldRatio, leastLoaded } from '../bench/lane/affinity.ts'
import { currentLane, type LaneCode } from '../bench/lane/lane-code.ts'
import { closedLoop, during } from '../bench/lane/load.ts'
import { type ModelledFunction, modelledFunction, modelledFunctions } from '../bench/lane/modelled-function.ts'
import { openRig, type Rig } from '../bench/lane/rig.ts'

/**
 * The promises of the lane under load, in forms that hold on a machine of any speed: counted in hand-overs, not in
 * milliseconds. `npm run bench:lane` measures them in full.
 */
let code: LaneCode
beforeAll(async () => {
  code = await currentLane()
})
afterAll(() => code[Symbol.dispose]())

const SLOTS = 8
const WORK = { cpuMs: 1, waitMs: 29 }

/** Keeps `outstanding` calls under way, of these functions in turn. */
function backlog(rig: Rig, functions: readonly ModelledFunction[], outstanding: number): (signal: AbortSignal) => Promise<void> {
  let next = 0
  return (signal) => closedLoop(outstanding, signal, () => rig.call(functions[next++ % functions.length] as ModelledFunction))
}

/** How many others were handed over between each of `probe`'s submissions and its own hand-over, beside a load. */
async function passedBy(load: readonly ModelledFunction[], outstanding: number, probe: ModelledFunction, times: number): Promise<number[]> {
  let handedOver = 0
  let atProbe = 0
  const onClaim = ({ tenant, name }: { tenant: string; name: string }): void => {
    handedOver++
    if (tenant === probe.tenant && name === probe.name) atProbe = handedOver
  }
  await using rig = await openRig({ code, workers: 2, capacityMb: (SLOTS / 2) * 64, onClaim })
  return await during(backlog(rig, load, outstanding), async () => {
    while (handedOver < 5 * SLOTS) await rig.call(load[0] as ModelledFunction)
    const passed: number[] = []
    for (let n = 0; n < times; n++) {
      const before = handedOver
      const { reply } = await rig.call(probe)
      expect(reply.kind).toBe('answered')
      passed.push(atProbe - before - 1)
    }
    return passed
  })
}

describe('a tenant beside another with a long queue', () => {
  test.each([1, 20, 500])('waits for no more calls than run at once, however many functions (%i) they are spread over', async (functions) => {
    const passed = await passedBy(modelledFunctions('a', functions, WORK), 10 * SLOTS, modelledFunction('b', 'light', WORK), 20)
    // Those on their way to the workers when it was sent come on top.
    expect(Math.max(...passed)).toBeLessThanOrEqual(2 * SLOTS)
  })

  test('and a synchronous call beside asynchronous ones, of its own tenant or another’s, waits no longer', async () => {
    const flood = modelledFunctions('a', 5, { ...WORK, trigger: 'async' }).map((fn) => ({ ...fn, name: `flood-${fn.name}` }))
    for (const tenant of ['a', 'b']) {
      const passed = await passedBy(flood, 40 * SLOTS, modelledFunction(tenant, 'sync', WORK), 10)
      expect(Math.max(...passed)).toBeLessThanOrEqual(2 * SLOTS)
    }
  })
})

test('tenants with weights 1, 2 and 4 that always have work waiting are handed over to in these proportions', async () => {
  const weights = [1, 2, 4]
  const counts = new Map<string, number>()
  let all = 0
  const settled = Promise.withResolvers<void>()
  const onClaim = ({ tenant }: { tenant: string }): void => {
    // Not the first ones: then nobody waits yet.
    if (++all > 20 * SLOTS) counts.set(tenant, (counts.get(tenant) ?? 0) + 1)
    if (all === 90 * SLOTS) settled.resolve()
  }
  await using rig = await openRig({ code, workers: 2, capacityMb: (SLOTS / 2) * 64, onClaim })
  const load = async (signal: AbortSignal): Promise<void> => {
    await Promise.all(weights.map((weight, n) => backlog(rig, modelledFunctions(`t${n}`, 3, { ...WORK, weight }), 4 * SLOTS)(signal)))
  }
  const parts = await during(load, async () => {
    await settled.promise
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
    return weights.map((_, n) => (7 * (counts.get(`t${n}`) ?? 0)) / total)
  })
  for (const [n, weight] of weights.entries())
    expect(Math.abs((parts[n] as number) / weight - 1), `tenant of weight ${weight}: ${parts}`).toBeLessThan(0.2)
})

test('a call that fills a worker starts among small ones that keep both full', async () => {
  const small = ['a', 'c'].flatMap((tenant) => modelledFunctions(tenant, 4).map((fn, n) => ({ ...fn, waitMs: 30 + 20 * n })))
  const large = modelledFunction('b', 'large', { ...WORK, memoryMb: 1_024 })
  await using rig = await openRig({ code, workers: 2, capacityMb: 1_024 })
  await during(backlog(rig, small, 160), async () => {
    for (let n = 0; n < 3; n++) expect((await rig.call(large, { deadlineMs: 15_000 })).reply.kind).toBe('answered')
  })
})

test('half as many cold starts, at most, as when placed without regard to warmth', async () => {
  using blind = await leastLoaded()
  const options = { exponent: 1, seed: 1, warmUpMs: 4_000, forMs: 6_000 }
  const [warmFirst, leastFirst] = [await coldRatio(code, options), await coldRatio(blind, options)]
  expect(leastFirst).toBeGreaterThan(0.05)
  expect(warmFirst).toBeLessThanOrEqual(leastFirst / 2)
})
