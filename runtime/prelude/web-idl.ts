import { isBufferSource } from './encoding.ts'
import { append, type List, newList } from './list.ts'
import { isObject, mathTrunc, SafeTypeError, symbolIterator } from './primordials.ts'
import { toText } from './text.ts'

/** An integer type with [EnforceRange]: what is no integer in the range is a TypeError. */
export function toIntegerInRange(value: unknown, max: number, what: string): number {
  const number = +(value as number)
  const whole = mathTrunc(number)
  if (!(whole >= 0 && whole <= max)) throw new SafeTypeError(`${what} must be a number from 0 to ${max}`)
  return whole + 0
}

export function toBufferSource(value: unknown, what: string): ArrayBuffer | ArrayBufferView {
  if (!isBufferSource(value)) throw new SafeTypeError(`${what} must be an ArrayBuffer or a view of one`)
  return value
}

/** `undefined` and `null` are dictionaries without members. */
export function toDictionary(value: unknown, what: string): Readonly<Record<string, unknown>> | undefined {
  if (value === undefined || value === null) return undefined
  if (!isObject(value)) throw new SafeTypeError(`${what} must be an object`)
  return value as Record<string, unknown>
}

/** A sequence of strings, by the value's own iterator. */
export function toTextList(value: unknown, what: string): List<string> {
  const method = isObject(value) ? (value as Partial<Iterable<unknown>>)[symbolIterator] : undefined
  if (typeof method !== 'function') throw new SafeTypeError(`${what} must be an array or another iterable`)
  const list: List<string> = newList()
  for (const item of value as Iterable<unknown>) append(list, toText(item))
  return list
}
