import { DOMException } from './dom-exception.ts'
import { isObject, SafeRangeError, SafeTypeError } from './primordials.ts'

interface QuotaOptions {
  readonly quota?: unknown
  readonly requested?: unknown
}

/** What was asked for is more than there is: how much there is, and how much was asked for, where that may be said. */
export class QuotaExceededError extends DOMException {
  readonly #quota: number | null
  readonly #requested: number | null

  constructor(message: unknown = '', options?: QuotaOptions | null) {
    super(message, 'QuotaExceededError')
    if (options !== undefined && options !== null && !isObject(options))
      throw new SafeTypeError('Cannot make a QuotaExceededError: its options must be an object')
    this.#quota = toAmount(options?.quota, 'quota')
    this.#requested = toAmount(options?.requested, 'requested')
    if (this.#quota !== null && this.#requested !== null && this.#requested < this.#quota) {
      throw new SafeRangeError('Cannot make a QuotaExceededError: requested is less than quota')
    }
  }

  get quota(): number | null {
    return this.#quota
  }

  get requested(): number | null {
    return this.#requested
  }
}

function toAmount(value: unknown, field: string): number | null {
  if (value === undefined) return null
  const amount = +(value as number)
  if (!(amount > -Infinity && amount < Infinity)) throw new SafeTypeError(`Cannot make a QuotaExceededError: ${field} must be a finite number`)
  if (amount < 0) throw new SafeRangeError(`Cannot make a QuotaExceededError: ${field} must not be negative`)
  return amount
}
