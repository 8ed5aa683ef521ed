import { asInteger, asObject, asString, ContractError } from './parse.ts'

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
  /** `repeat: false`: workers have died of it, it is not made again. */
  | { readonly kind: 'lost'; readonly reason: string; readonly started: 'no' | 'maybe' | 'replied'; readonly repeat?: false }
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

/** Nothing of the function has run: whoever wants it run once may try again. */
export function neverRan(outcome: Outcome): boolean {
  return outcome.kind === 'expired' || (outcome.kind === 'lost' && outcome.started === 'no')
}

const LIMITS: readonly string[] = ['cpu', 'wall', 'memory', 'output'] satisfies LimitName[]
const UNITS: readonly string[] = ['ms', 'MiB', 'bytes']
const STARTED: readonly string[] = ['no', 'maybe', 'replied']

export function parseOutcome(value: unknown): Outcome {
  const outcome = asObject(value, 'outcome')
  switch (outcome.kind) {
    case 'returned':
    case 'expired':
    case 'cancelled':
      return { kind: outcome.kind }
    case 'threw': {
      const { name, message, stack } = asObject(outcome.error, 'outcome.error')
      const error = { name: asString(name, 'error.name'), message: asString(message, 'error.message'), stack: asString(stack, 'error.stack') }
      return { kind: 'threw', error, phase: asPhase(outcome.phase) }
    }
    case 'exceeded':
      return {
        kind: 'exceeded',
        limit: oneOf<LimitName>(outcome.limit, 'outcome.limit', LIMITS),
        allowed: asInteger(outcome.allowed, 'outcome.allowed', 0, 2 ** 53),
        unit: oneOf<'ms' | 'MiB' | 'bytes'>(outcome.unit, 'outcome.unit', UNITS),
        phase: asPhase(outcome.phase),
      }
    case 'lost':
      return {
        kind: 'lost',
        reason: asString(outcome.reason, 'outcome.reason'),
        started: oneOf<'no' | 'maybe' | 'replied'>(outcome.started, 'outcome.started', STARTED),
        ...(outcome.repeat === false && { repeat: false }),
      }
    default:
      throw new ContractError('outcome.kind', outcome.kind, 'returned, threw, exceeded, expired, lost or cancelled')
  }
}

function asPhase(value: unknown): 'init' | 'run' {
  return oneOf<'init' | 'run'>(value, 'outcome.phase', ['init', 'run'])
}

function oneOf<T extends string>(value: unknown, field: string, allowed: readonly string[]): T {
  if (typeof value !== 'string' || !allowed.includes(value)) throw new ContractError(field, value, allowed.join(', '))
  return value as T
}
