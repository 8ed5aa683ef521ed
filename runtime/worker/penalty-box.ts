/** What a function has done to its surroundings lately. */
interface Record {
  /** How often it was confined, without a long pause between. */
  readonly terms: number
  readonly confinedUntil: number
  /** Sandboxes of it that ended abnormally while its cell lived, one after the other. */
  readonly slips: number
  readonly lastAt: number
}

const FIRST_TERM_MS = 60_000
const LONGEST_TERM_MS = 3_600_000
/** As many sandboxes ended abnormally within a minute of each other count as much as one cell that was killed. */
const SLIPS_PER_TERM = 3
const SLIPS_FORGOTTEN_MS = 60_000
/** A function that was good for this long after its last term begins anew. */
const FORGIVEN_MS = 600_000
const MAX_FUNCTIONS_REMEMBERED = 10_000

/**
 * Who gets a cell of its own for a while: a function that took its cell along with everything else in it, or again and
 * again ended its sandbox abnormally. Its tenant's other functions then have nothing more to fear from it. Each term is
 * twice as long as the one before.
 */
export class PenaltyBox {
  readonly #records = new Map<string, Record>()

  /** Its cell had to be killed because of it. */
  cellEnded(key: string, now: number): void {
    this.#confine(key, this.#known(key, now), now)
  }

  /** A sandbox of it ended abnormally: guard, memory limit, flood. */
  sandboxEnded(key: string, now: number): void {
    const known = this.#known(key, now)
    const slips = (now - known.lastAt < SLIPS_FORGOTTEN_MS ? known.slips : 0) + 1
    if (slips >= SLIPS_PER_TERM) this.#confine(key, known, now)
    else this.#remember(key, { ...known, slips, lastAt: now })
  }

  /** Workers have died while they ran it, perhaps of it. */
  suspected(key: string, now: number): void {
    const known = this.#known(key, now)
    this.#remember(key, { ...known, confinedUntil: Math.max(known.confinedUntil, now + FIRST_TERM_MS), lastAt: now })
  }

  confines(key: string, now: number): boolean {
    return now < (this.#records.get(key)?.confinedUntil ?? Number.NEGATIVE_INFINITY)
  }

  #known(key: string, now: number): Record {
    const known = this.#records.get(key)
    if (known === undefined || now - Math.max(known.lastAt, known.confinedUntil) > FORGIVEN_MS) return INNOCENT
    return known
  }

  #confine(key: string, { terms }: Record, now: number): void {
    const termMs = Math.min(LONGEST_TERM_MS, FIRST_TERM_MS * 2 ** Math.min(terms, 10))
    this.#remember(key, { terms: terms + 1, confinedUntil: now + termMs, slips: 0, lastAt: now })
  }

  #remember(key: string, record: Record): void {
    this.#records.delete(key)
    this.#records.set(key, record)
    if (this.#records.size > MAX_FUNCTIONS_REMEMBERED) this.#records.delete(this.#records.keys().next().value as string)
  }
}

const INNOCENT: Record = { terms: 0, confinedUntil: Number.NEGATIVE_INFINITY, slips: 0, lastAt: Number.NEGATIVE_INFINITY }
