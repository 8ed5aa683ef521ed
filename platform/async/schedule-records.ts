import type { Store } from '../registry/open-store.ts'
import { StoreScript } from '../registry/store-script.ts'
import { MAX_SCHEDULES_PER_TENANT, type Schedule } from './schedule.ts'
import { noRunsYet, type ScheduleRuns } from './schedule-runs.ts'

export type Swapped = 'done' | 'conflict' | 'full'

const swap = new StoreScript(new URL('swap-field.lua', import.meta.url).href)

/** More changes of one schedule at the same time than this are a fault, not bad luck. */
const MAX_ROUNDS = 20

/** The schedules of all tenants as the store keeps them, and what became of their due times: one hash each for a tenant. */
export class ScheduleRecords {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async read(tenant: string, name: string): Promise<Schedule | undefined> {
    const text = await this.#store.hget(recordsKey(tenant), name)
    return text === null ? undefined : JSON.parse(text)
  }

  /** By name. */
  async list(tenant: string): Promise<Schedule[]> {
    const texts = await this.#store.hvals(recordsKey(tenant))
    return texts.map((text) => JSON.parse(text) as Schedule).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** `conflict`: the name is taken. */
  async create(schedule: Schedule): Promise<Swapped> {
    return await this.#swap(recordsKey(schedule.tenant), schedule.name, '', JSON.stringify(schedule), MAX_SCHEDULES_PER_TENANT)
  }

  /** Decides and writes until nobody was faster. undefined from `decide` removes it. The schedules before and after; undefined: there is none. */
  async change(
    tenant: string,
    name: string,
    decide: (schedule: Schedule) => Schedule | undefined,
  ): Promise<{ readonly before: Schedule; readonly after: Schedule | undefined } | undefined> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const text = await this.#store.hget(recordsKey(tenant), name)
      if (text === null) return undefined
      const before = JSON.parse(text) as Schedule
      const after = decide(before)
      if ((await this.#swap(recordsKey(tenant), name, text, after === undefined ? '' : JSON.stringify(after))) === 'done') return { before, after }
    }
    throw tooMany(tenant, name)
  }

  async runs({ tenant, name, id }: Schedule): Promise<ScheduleRuns> {
    return asRuns(id, await this.#store.hget(runsKey(tenant), name))
  }

  /** `before` as it was read. Whether nobody was faster. */
  async swapRuns({ tenant, name }: Schedule, before: ScheduleRuns, after: ScheduleRuns): Promise<boolean> {
    // What has not run yet is in the store in no form, or as another schedule's.
    if (before.upTo === 0 && before.last === undefined) return await this.#beginRuns(tenant, name, before, after)
    return (await this.#swap(runsKey(tenant), name, JSON.stringify(before), JSON.stringify(after))) === 'done'
  }

  async #beginRuns(tenant: string, name: string, before: ScheduleRuns, after: ScheduleRuns): Promise<boolean> {
    const text = await this.#store.hget(runsKey(tenant), name)
    if (JSON.stringify(asRuns(before.id, text)) !== JSON.stringify(before)) return false
    return (await this.#swap(runsKey(tenant), name, text ?? '', JSON.stringify(after))) === 'done'
  }

  /** Of all schedules of a tenant, by name. */
  async allRuns(tenant: string): Promise<ReadonlyMap<string, ScheduleRuns>> {
    const texts = await this.#store.hgetall(runsKey(tenant))
    return new Map(Object.entries(texts).map(([name, text]) => [name, JSON.parse(text) as ScheduleRuns]))
  }

  /** Decides and writes until nobody was faster. undefined from `decide` changes nothing. What it has come to. */
  async changeRuns({ tenant, name, id }: Schedule, decide: (runs: ScheduleRuns) => ScheduleRuns | undefined): Promise<ScheduleRuns> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const text = await this.#store.hget(runsKey(tenant), name)
      const before = asRuns(id, text)
      const after = decide(before)
      if (after === undefined) return before
      if ((await this.#swap(runsKey(tenant), name, text ?? '', JSON.stringify(after))) === 'done') return after
    }
    throw tooMany(tenant, name)
  }

  async removeRuns(tenant: string, name: string): Promise<void> {
    await this.#store.hdel(runsKey(tenant), name)
  }

  async #swap(key: string, field: string, expected: string, text: string, mostFields = Number.MAX_SAFE_INTEGER): Promise<Swapped> {
    return (await swap.run(this.#store, key, field, expected, text, mostFields)) as Swapped
  }
}

function asRuns(id: string, text: string | null): ScheduleRuns {
  const runs = text === null ? undefined : (JSON.parse(text) as ScheduleRuns)
  return runs?.id === id ? runs : noRunsYet(id)
}

function tooMany(tenant: string, name: string): Error {
  return new Error(`Cannot change schedule ${tenant}/${name}: ${MAX_ROUNDS} other changes were faster`)
}

function recordsKey(tenant: string): string {
  return `isolane:schedule-records:${tenant}`
}

function runsKey(tenant: string): string {
  return `isolane:schedule-runs:${tenant}`
}
