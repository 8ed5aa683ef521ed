import { EventTarget } from './event-target.ts'
import { dateNow, SafeTypeError } from './primordials.ts'

const INTERNAL = { __proto__: null }
let origin = dateNow()
let last = 0

/** The clock starts when the sandbox is attached, not when its snapshot was built. */
export function startClock(): void {
  origin = dateNow()
  last = 0
}

export class Performance extends EventTarget {
  constructor(token?: unknown) {
    if (token !== INTERNAL) throw new SafeTypeError('Cannot construct Performance: use the global performance')
    super()
  }

  /** Milliseconds since `timeOrigin`, in whole ones; never goes backwards. */
  now(): number {
    const now = dateNow() - origin
    if (now > last) last = now
    return last
  }
  get timeOrigin() {
    return origin
  }
  toJSON() {
    return { timeOrigin: origin }
  }
}

export const performance = new Performance(INTERNAL)
