/** Modern clock changes are made at quarters of an hour of UTC, so one answer serves for a whole one. */
const QUARTER_MS = 900_000
const KEPT_QUARTERS = 2_000
const KEPT_ZONES = 1_000

/** What the clocks of a time zone show. A wall time is written as the milliseconds since 1970 at which UTC's clocks show it. */
export class WallClock {
  readonly #format: Intl.DateTimeFormat
  readonly #offsets = new Map<number, number>()

  /** @throws RangeError when there is no such time zone */
  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' })
  }

  /** How far its clocks are ahead of UTC, in milliseconds. */
  offsetAt(ms: number): number {
    const quarter = Math.floor(ms / QUARTER_MS)
    const known = this.#offsets.get(quarter)
    if (known !== undefined) return known
    const offset = offsetOf(this.#format.format(quarter * QUARTER_MS))
    if (this.#offsets.size >= KEPT_QUARTERS) this.#offsets.clear()
    this.#offsets.set(quarter, offset)
    return offset
  }

  wallAt(ms: number): number {
    return ms + this.offsetAt(ms)
  }
}

const clocks = new Map<string, WallClock>()

export function wallClock(timeZone: string): WallClock {
  const known = clocks.get(timeZone)
  if (known !== undefined) return known
  const clock = new WallClock(timeZone)
  if (clocks.size >= KEPT_ZONES) clocks.clear()
  clocks.set(timeZone, clock)
  return clock
}

/** Of a text that ends in `GMT`, `GMT+05:30` or `GMT-04:00`. */
function offsetOf(text: string): number {
  const [, sign, hours = '0', minutes = '0'] = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(text) ?? []
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000
}
