import type { DrainStatus, UsageDrain } from './usage-drain.ts'

type Drain = Pick<UsageDrain, 'run' | 'toEnd' | 'status'>

/** The drains of all lanes. One lane that is away holds up its own records and no others. */
export class LaneDrains {
  readonly #drains: ReadonlyMap<string, Drain>

  constructor(drains: ReadonlyMap<string, Drain>) {
    this.#drains = drains
  }

  /** Of the lane that is furthest behind; the counts of all. */
  status(): DrainStatus {
    const all = [...this.#drains.values()].map((drain) => drain.status())
    const sum = (count: 'inserted' | 'duplicates' | 'rejected') => all.reduce((total, status) => total + status[count], 0)
    const lagMs = Math.max(0, ...all.map((status) => status.lagMs))
    return { lagMs, inserted: sum('inserted'), duplicates: sum('duplicates'), rejected: sum('rejected') }
  }

  async run(stop: AbortSignal): Promise<void> {
    await Promise.all([...this.#drains.values()].map((drain) => drain.run(stop)))
  }

  /** Every record these lanes hold now is in the ledger when this resolves; default: all lanes. One that nobody drains here holds none. */
  async toEnd(lanes: readonly string[] = [...this.#drains.keys()]): Promise<void> {
    const ends = await Promise.allSettled(lanes.map((lane) => this.#drains.get(lane)?.toEnd()))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }
}
