import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startRedis, type TestRedis } from '../redis-server.ts'
import { type Item, keyOf, LaneDriver, PREFIX } from './lane-driver.ts'
import { LaneModel } from './lane-model.ts'
import { type Snapshot, takeSnapshot } from './lane-snapshot.ts'

/** About ten seconds on two shared cores. */
const RUNS = 80
const WORKERS = ['w1', 'w2', 'w3']
const FUNCTIONS = ['acme/a', 'acme/b', 'zeta/a', 'zeta/b', 'zeta/c']
const VERSIONS = ['a'.repeat(16), 'b'.repeat(16), 'c'.repeat(16)]

let server: TestRedis
let lane: LaneDriver

beforeAll(async () => {
  server = await startRedis()
  lane = new LaneDriver(server.url)
})
afterAll(async () => {
  lane.close()
  await server.stop()
})

const worker = fc.constantFrom(...WORKERS)
const fn = fc.constantFrom(...FUNCTIONS)
/** Which of those there are at the moment; taken modulo their number. */
const pick = fc.nat(1_000)
const item = fc.record({
  fn,
  versionId: fc.constantFrom(...VERSIONS),
  mb: fc.constantFrom(1, 64, 100, 300, 600),
  payload: fc.string({ maxLength: 4, unit: 'grapheme-ascii' }),
})
const verb = fc.oneof(
  { weight: 8, arbitrary: fc.record({ say: fc.constant('submit' as const), items: fc.array(item, { minLength: 1, maxLength: 12 }) }) },
  { weight: 2, arbitrary: fc.record({ say: fc.constant('submit again' as const), picks: fc.array(pick, { minLength: 1, maxLength: 4 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      say: fc.constant('settle' as const),
      worker,
      picks: fc.array(pick, { minLength: 1, maxLength: 20 }),
      cpuMs: fc.constantFrom<number>(0, 1, 20),
      waitMs: fc.constantFrom<number>(0, 100),
    }),
  },
  { weight: 2, arbitrary: fc.record({ say: fc.constant('settle again' as const), worker, picks: fc.array(pick, { minLength: 1, maxLength: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ say: fc.constant('cancel' as const), picks: fc.array(pick, { minLength: 1, maxLength: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ say: fc.constant('join' as const), worker, capacityMb: fc.constantFrom<number>(100, 600, 2_000) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      say: fc.constant('beat' as const),
      worker,
      more: fc.constantFrom<number>(0, 0, 500),
      riders: fc.nat(3),
      version: fc.constantFrom(...VERSIONS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ say: fc.constant('drain' as const), worker }) },
  { weight: 2, arbitrary: fc.record({ say: fc.constant('undrain' as const), worker }) },
  { weight: 1, arbitrary: fc.record({ say: fc.constant('leave' as const), worker }) },
  { weight: 1, arbitrary: fc.record({ say: fc.constant('reap' as const), dead: fc.array(worker, { maxLength: 2 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ say: fc.constant('configure' as const), fn, older: fc.boolean(), cap: fc.constantFrom<number>(0, 1, 2, 5, 100) }),
  },
)
type Verb = typeof verb extends fc.Arbitrary<infer T> ? T : never

/** One story of one lane: what was said to it, and what must be true of it after every word. */
class Story {
  readonly model = new LaneModel()
  readonly #sent: Item[] = []
  readonly #done: string[] = []
  #revision = 1
  #now: Snapshot | undefined

  async begin(): Promise<void> {
    await lane.reset()
    lane.gateway.mostQueued = 30
    for (const name of FUNCTIONS) {
      await lane.configure(name, 1, 3)
      this.model.caps.set(name, 3)
    }
    await lane.trustReap()
    await this.look()
  }

  async look(): Promise<Snapshot> {
    this.#now = await takeSnapshot(lane.redis, { workers: WORKERS, functions: FUNCTIONS, versions: VERSIONS })
    this.model.check(this.#now)
    return this.#now
  }

  async say(said: Verb): Promise<void> {
    switch (said.say) {
      case 'submit':
        return await this.#submit(said.items)
      case 'submit again': {
        const items = [...new Set(said.picks.flatMap((n) => at(this.#sent, n)))]
        const answers = items.length === 0 ? [] : await lane.submitAgain(...items)
        expect(answers).toEqual(items.map(() => 'here'))
        return
      }
      case 'settle': {
        const held = this.#now?.workers.find(({ id }) => id === said.worker)?.leases.map(({ key }) => key) ?? []
        const keys = [...new Set(said.picks.flatMap((n) => at(held, n)))]
        const answer = await lane.settle(said.worker, keys, { cpuMs: said.cpuMs, waitMs: said.waitMs, runMs: 1, resident: `${VERSIONS[0]}=1` })
        if (this.#here(said.worker)) expect(answer).toEqual(keys.map(() => 1))
        else expect(answer).toBe('gone')
        this.#done.push(...keys)
        return
      }
      case 'settle again': {
        const keys = said.picks.flatMap((n) => at(this.#done, n))
        const answer = await lane.settle(said.worker, keys)
        expect(answer).toEqual(this.#here(said.worker) ? keys.map(() => 0) : 'gone')
        return
      }
      case 'cancel': {
        const keys = said.picks.flatMap((n) => at(this.#sent, n)).map(({ n }) => keyOf(n))
        if (keys.length === 0) return
        const places = keys.map((key, i) => (keys.indexOf(key) === i ? this.#now?.inv[key] : undefined))
        const answers = await lane.cancel(...keys)
        expect(answers).toEqual(places.map((place) => (place === undefined ? 'not here' : place === 'q' ? 'removed' : 'running')))
        for (const [i, key] of keys.entries()) {
          const place = places[i]
          if (place !== undefined && place !== 'q') expect(await lane.aborts(place)).toContain(key)
        }
        return
      }
      case 'join': {
        const old = lane.epochOf(said.worker)
        await lane.join(said.worker, said.capacityMb)
        expect(await lane.beat(said.worker, { epoch: old, capacityMb: 1 })).toBe('gone')
        return
      }
      case 'beat': {
        const there = this.#here(said.worker)
        const capacityMb = (there?.capacityMb ?? 0) + said.more
        const answer = await lane.beat(said.worker, { capacityMb, resident: `${said.version}=${said.riders}` })
        expect(answer).toBe(there?.state ?? 'gone')
        return
      }
      case 'drain':
      case 'undrain':
        expect(await lane[said.say](said.worker)).toBe(this.#here(said.worker) ? 1 : 0)
        return
      case 'leave':
        expect(await lane.leave(said.worker)).toBe(this.#here(said.worker)?.leases.length ?? 'gone')
        return
      case 'reap': {
        const dead = [...new Set(said.dead)].flatMap((name) => this.#here(name) ?? [])
        for (const { id } of dead) await lane.silence(id, 2_001)
        const lost = dead.reduce((sum, { leases }) => sum + leases.length, 0)
        expect(await lane.reap()).toEqual({ lost, expired: 0, grace: false })
        return
      }
      case 'configure': {
        const revision = said.older ? this.#revision - 1 : ++this.#revision
        // An older word may be news to a function that has not heard the newer ones.
        const known = Number(await lane.redis.hget(`${PREFIX}f:${said.fn}`, 'rev'))
        if (revision > known) this.model.caps.set(said.fn, said.cap)
        expect(await lane.configure(said.fn, revision, said.cap)).toBe(Math.max(known, revision))
      }
    }
  }

  /** Everything ends: what waits is run, what runs is settled, who works leaves. */
  async end(): Promise<void> {
    for (const name of FUNCTIONS) await this.say({ say: 'configure', fn: name, older: false, cap: 100 })
    await this.say({ say: 'join', worker: 'w1', capacityMb: 100_000 })
    for (let left = await this.look(); Object.keys(left.inv).length > 0; left = await this.look()) {
      await lane.beat('w1', { capacityMb: 100_000 })
      await this.look()
      for (const name of WORKERS)
        await this.say({ say: 'settle', worker: name, picks: Array.from({ length: 200 }, (_, i) => i), cpuMs: 0, waitMs: 100 })
    }
    for (const name of WORKERS) await lane.leave(name)
    const { workers, sum } = await this.look()
    expect(workers).toEqual([])
    for (const gauge of ['queued', 'queuedMb', 'queuedCpu', 'queuedBytes', 'inFlight', 'inFlightMb', 'inFlightCpu']) expect(sum[gauge] ?? 0).toBe(0)
    expect(this.model.settled).toEqual(this.model.accepted)
    const documented = /^(f:.*|v:.*|sum|usage|poke|epoch|reap|replies:g)$/
    const left = (await lane.redis.keys('*')).map((key) => key.slice(PREFIX.length)).filter((key) => !documented.test(key))
    expect(left, 'keys that leaked').toEqual([])
  }

  async #submit(drawn: readonly Omit<Item, 'n'>[]): Promise<void> {
    const items = drawn.map((rest, i) => ({ n: this.#sent.length + this.model.refused + this.#off + i, ...rest }))
    const answers = await lane.submit(...items)
    items.forEach((sent, i) => {
      switch (answers[i]) {
        case 'placed':
        case 'queued':
          this.model.accepted.add(keyOf(sent.n))
          this.#sent.push(sent)
          break
        case 'full':
          this.model.refused++
          break
        default:
          expect(answers[i]).toBe('off')
          expect(this.model.caps.get(sent.fn ?? '')).toBe(0)
          this.#off++
      }
    })
  }
  #off = 0

  #here(id: string): Snapshot['workers'][number] | undefined {
    return this.#now?.workers.find((one) => one.id === id)
  }
}

function at<T>(list: readonly T[], n: number): T[] {
  return list.length === 0 ? [] : [list[n % list.length] as T]
}

test(`whatever is said to a lane, in whatever order, its books are right (${RUNS} stories)`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(verb, { minLength: 1, maxLength: 60, size: 'max' }), async (story) => {
      const told = new Story()
      await told.begin()
      for (const said of story) {
        await told.say(said)
        await told.look()
      }
      await told.end()
    }),
    { numRuns: RUNS },
  )
})
