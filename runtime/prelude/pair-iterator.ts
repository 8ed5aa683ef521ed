import { objectDefineProperty, objectGetPrototypeOf, objectSetPrototypeOf, reflectDeleteProperty } from './primordials.ts'

const iteratorPrototype: object = objectGetPrototypeOf(objectGetPrototypeOf([][Symbol.iterator]()))

/** A name and a value as an iterator shows them. */
export interface Pair<T> {
  readonly name: string
  readonly value: T
}

type Kind = 'entries' | 'keys' | 'values'
/** Makes the iterators of one interface. `pairAt` is asked anew at each step, so that they show what has changed since. */
export type PairIterators<T> = (kind: Kind, pairAt: (index: number) => Pair<T> | undefined) => IterableIterator<unknown>

/** Web IDL's iterators of an interface that iterates pairs: not generators, and with the interface's name as their tag. */
export function pairIterators<T>(interfaceName: string): PairIterators<T> {
  class PairIterator {
    readonly #kind: Kind
    readonly #pairAt: (index: number) => Pair<T> | undefined
    #index = 0

    constructor(kind: Kind, pairAt: (index: number) => Pair<T> | undefined) {
      this.#kind = kind
      this.#pairAt = pairAt
    }

    next(): IteratorResult<unknown> {
      const pair = this.#pairAt(this.#index)
      if (pair === undefined) return { value: undefined, done: true }
      this.#index++
      const { name, value } = pair
      return { value: this.#kind === 'keys' ? name : this.#kind === 'values' ? value : [name, value], done: false }
    }
  }
  const prototype = PairIterator.prototype as object
  objectSetPrototypeOf(prototype, iteratorPrototype)
  reflectDeleteProperty(prototype, 'constructor')
  objectDefineProperty(prototype, 'next', { enumerable: true })
  objectDefineProperty(prototype, Symbol.toStringTag, { value: `${interfaceName} Iterator`, configurable: true })
  return (kind, pairAt) => new PairIterator(kind, pairAt) as unknown as IterableIterator<unknown>
}
