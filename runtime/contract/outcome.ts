/** The quota an invocation ran into. */
export type LimitName = 'cpu' | 'wall' | 'memory' | 'output'

/** An error as the isolate serialised it; only the function's owner ever sees it. */
export interface ThrownError {
  readonly name: string
  readonly message: string
  readonly stack: string
}

/** How one invocation ended. A value, not an exception: it crosses the isolate, two processes and Redis. */
export type Outcome =
  | { readonly kind: 'returned' }
  | { readonly kind: 'threw'; readonly error: ThrownError; readonly phase: 'init' | 'run' }
  | {
      readonly kind: 'exceeded'
      readonly limit: LimitName
      readonly allowed: number
      readonly unit: 'ms' | 'MiB' | 'bytes'
      readonly phase: 'init' | 'run'
    }
  | { readonly kind: 'expired' }
  | { readonly kind: 'lost'; readonly reason: string; readonly started: 'no' | 'maybe' | 'replied' }
  | { readonly kind: 'cancelled' }

export type OutcomeKind = Outcome['kind']

/** Retry and billing both follow from this one answer, so it is given in one place. */
export function blame(kind: OutcomeKind): 'nobody' | 'function' | 'platform' | 'caller' {
  switch (kind) {
    case 'returned':
      return 'nobody'
    case 'threw':
    case 'exceeded':
      return 'function'
    case 'expired':
    case 'lost':
      return 'platform'
    case 'cancelled':
      return 'caller'
    default:
      kind satisfies never
      throw new TypeError(`Cannot blame an outcome of kind ${JSON.stringify(kind)}`)
  }
}

/** What the platform is to blame for is never billed. */
export function isBilled(kind: OutcomeKind): boolean {
  return blame(kind) !== 'platform'
}
