import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyOf, type LaneDriver, PREFIX } from './lane-driver.ts'
import { laneOfItsOwn } from './lane-of-its-own.ts'
import { compareIds } from './model/lane-state.ts'

/** About five seconds. */
const RUNS = 200
const WORKERS = ['w1', 'w2'] as const
const CAPACITY_MB = 192
/** At the end everybody settles and reads so often: each time what has room starts. */
const TURNS = 30

let lane: LaneDriver

laneOfItsOwn((opened) => {
  lane = opened
})

const worker = fc.constantFrom(...WORKERS)
const word = fc.oneof(
  { weight: 4, arbitrary: fc.record({ say: fc.constant('submit' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 4, arbitrary: fc.record({ say: fc.constant('read' as const), worker }) },
  { weight: 3, arbitrary: fc.record({ say: fc.constant('settle' as const), worker, most: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ say: fc.constant('cancel' as const), pick: fc.nat(100) }) },
)
type Word = typeof word extends fc.Arbitrary<infer T> ? T : never

/** A worker as the world knows it, whatever Redis remembers. */
class WorkerInTheWorld {
  readonly id: string
  readonly held = new Map<string, string>()
  readonly settled: string[] = []
  lastRead = '0-0'

  constructor(id: string) {
    this.id = id
  }
}

class World {
  readonly #workers = new Map(WORKERS.map((id) => [id, new WorkerInTheWorld(id)]))
  /** How often each key began to run. */
  readonly starts = new Map<string, number>()
  #next = 1

  async begin(): Promise<void> {
    await lane.reset()
    await lane.pass(0)
    for (const id of WORKERS) await lane.join(id, CAPACITY_MB)
  }

  async say(said: Word): Promise<void> {
    await lane.pass(1)
    if (said.say === 'submit')
      await lane.submit(...Array.from({ length: said.count }, () => ({ n: this.#next++, fn: this.#next % 2 === 0 ? 'acme/other' : 'acme/hello' })))
    else if (said.say === 'read') await this.#read(said.worker)
    else if (said.say === 'settle') await this.#settle(said.worker, said.most)
    else if (this.#next > 1) await lane.cancel(keyOf(1 + (said.pick % (this.#next - 1))))
  }

  /** Redis has begun anew: every worker says what it knows, one after the other. They beat before they come to that, and read. */
  async reconcile(): Promise<void> {
    for (const id of WORKERS) {
      await lane.beat(id, { capacityMb: CAPACITY_MB })
      await this.#read(id)
    }
    for (const { id, held, settled, lastRead } of this.#workers.values()) {
      const keys = [...held.keys()]
      const answers = (await lane.reconcile(id, [...held.values()], settled, { lastRead: lastRead === '0-0' ? '' : lastRead })) as number[]
      for (const [i, key] of keys.entries()) if (answers[i] !== 1) held.delete(key)
    }
  }

  async end(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) {
      for (const id of WORKERS) {
        await lane.pass(1)
        await lane.beat(id, { capacityMb: CAPACITY_MB })
        await this.#read(id)
        await this.#settle(id, 100)
      }
      if ((await lane.redis.exists(`${PREFIX}inv`)) === 0) return
    }
  }

  async #read(id: (typeof WORKERS)[number]): Promise<void> {
    const here = this.#workers.get(id) as WorkerInTheWorld
    const { lastRead } = here
    for (const { entry, name, key } of await lane.read(id)) {
      // Its group may have forgotten how far it had come.
      if (compareIds(entry, lastRead) <= 0) continue
      here.lastRead = entry
      if (!/^\d+\|/.test(name)) continue
      this.starts.set(key, (this.starts.get(key) ?? 0) + 1)
      here.held.set(key, name.split('|').slice(2).join('|'))
    }
  }

  async #settle(id: (typeof WORKERS)[number], most: number): Promise<void> {
    const { held, settled } = this.#workers.get(id) as WorkerInTheWorld
    for (const [key, lease] of [...held].slice(0, most)) {
      expect(await lane.settle(id, [key]), `${key} is ${id}'s`).toEqual([1])
      held.delete(key)
      settled.push(lease)
    }
  }
}

test(`whatever Redis forgets of its last seconds, nothing runs twice, nothing hangs, and capacity is exact (${RUNS} stories)`, async () => {
  const words = fc.array(word, { minLength: 1, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(words, words, words, async (before, forgotten, after) => {
      const world = new World()
      await world.begin()
      for (const said of before) await world.say(said)
      const beginAnew = await lane.onDisk()
      for (const said of forgotten) await world.say(said)
      await beginAnew()
      await world.reconcile()
      for (const said of after) await world.say(said)
      await world.end()

      expect([...world.starts].filter(([, times]) => times > 1)).toEqual([])
      const recorded = new Set((await lane.records()).map(({ id, attempt }) => `${id}/${attempt}`))
      expect([...world.starts.keys()].filter((key) => !recorded.has(key))).toEqual([])
      for (const id of WORKERS) expect(await lane.free(id)).toEqual({ freeMb: CAPACITY_MB, freeCpuMilli: 1_000, running: 0, state: 'r' })
      for (const gauge of ['queued', 'queuedMb', 'queuedBytes', 'queuedWork', 'inFlight', 'inFlightMb', 'inFlightCpu', 'backlogWeight'])
        expect(await lane.sum(gauge)).toBe(0)
      expect(await lane.redis.exists(`${PREFIX}inv`, `${PREFIX}job`, `${PREFIX}due`, `${PREFIX}ready`)).toBe(0)
    }),
    { numRuns: RUNS },
  )
})
