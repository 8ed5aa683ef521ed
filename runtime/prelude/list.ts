import { arrayPrototype, objectFreeze, objectSetPrototypeOf } from './primordials.ts'

/** An array for the prelude's own records. */
export interface List<T> {
  length: number
  [index: number]: T
}

// Writing `array[array.length] = x` on a plain array runs a setter that user code may have put on Array.prototype or
// Object.prototype under that index. These arrays inherit nothing, so the write always makes a property of their own.
const BareArray = class extends Array<unknown> {}
objectSetPrototypeOf(BareArray.prototype, null)
objectFreeze(BareArray.prototype)

export function newList<T>(): List<T> {
  return new BareArray() as unknown as List<T>
}

export function append<T>(list: List<T>, item: T): void {
  list[list.length] = item
}

/** The same items as an ordinary array, for user code. */
export function toArray<T>(list: List<T>): T[] {
  const array: T[] = objectSetPrototypeOf([], null)
  for (let at = 0; at < list.length; at++) array[at] = list[at] as T
  return objectSetPrototypeOf(array, arrayPrototype) as T[]
}
