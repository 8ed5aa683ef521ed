/**
 * The language's intrinsics as they were before any user code ran. The prelude calls these instead of methods, so
 * that a function that replaces `Array.prototype.push` or `Promise.prototype.then` breaks its own code only.
 *
 * What else the prelude avoids, because it looks properties up on prototypes: `for…of`, spread and array
 * destructuring, writing past the end of a plain array (see list.ts), regular expressions other than through
 * `regExpExec`, `JSON.stringify` of objects of its own, and descriptors or option objects without `__proto__: null`.
 */
/** What `typeof value === 'function'` tells; only reflectApply calls it. */
// biome-ignore lint/complexity/noBannedTypes: TypeScript narrows to no other type.
export type AnyFunction = Function

const { bind, call } = Function.prototype
const bindCall = bind.bind(call)

/** `method` with its `this` as the first argument. */
function uncurry<F>(method: F): unknown {
  if (typeof method !== 'function') throw new TypeError('Cannot capture an intrinsic: it is not there')
  return bindCall(method as AnyFunction)
}

type On<Self, F> = F extends (...args: infer A) => infer R ? (self: Self, ...args: A) => R : never
const onString = uncurry as <F>(method: F) => On<string, F>
const onObject = uncurry as <F>(method: F) => On<object, F>

export const {
  apply: reflectApply,
  construct: reflectConstruct,
  defineProperty: reflectDefineProperty,
  deleteProperty: reflectDeleteProperty,
  ownKeys: reflectOwnKeys,
} = Reflect
export const {
  create: objectCreate,
  defineProperty: objectDefineProperty,
  freeze: objectFreeze,
  getOwnPropertyDescriptor: objectGetOwnPropertyDescriptor,
  getOwnPropertyNames: objectGetOwnPropertyNames,
  getPrototypeOf: objectGetPrototypeOf,
  keys: objectKeys,
  setPrototypeOf: objectSetPrototypeOf,
} = Object
export const objectPrototype: object = Object.prototype
export const objectHasOwn = Object.hasOwn
export const objectToString = onObject(Object.prototype.toString)
export const functionToString = uncurry(Function.prototype.toString) as (self: unknown) => string

export const { parse: jsonParse, stringify: jsonStringify } = JSON
export const { floor: mathFloor, min: mathMin, max: mathMax, trunc: mathTrunc } = Math
export const { now: dateNow } = Date
export const { isInteger: numberIsInteger } = Number

export const arrayIsArray = Array.isArray
export const arrayPrototype: object = Array.prototype
export const arrayJoin = uncurry(Array.prototype.join) as (self: ArrayLike<unknown>, separator: string) => string
export const arraySort = uncurry(Array.prototype.sort) as <T>(self: ArrayLike<T>, compare: (a: T, b: T) => number) => unknown

export const stringCharCodeAt = onString(String.prototype.charCodeAt)
export const stringEndsWith = onString(String.prototype.endsWith)
export const stringIncludes = onString(String.prototype.includes)
export const stringIndexOf = onString(String.prototype.indexOf)
export const stringRepeat = onString(String.prototype.repeat)
export const stringSlice = onString(String.prototype.slice)
export const stringStartsWith = onString(String.prototype.startsWith)
export const stringToLowerCase = onString(String.prototype.toLowerCase)
export const stringToUpperCase = onString(String.prototype.toUpperCase)
export const stringToWellFormed = onString(String.prototype.toWellFormed)
export const stringTrim = onString(String.prototype.trim)
export const { fromCharCode: stringFromCharCode } = String

export const regExpExec = uncurry(RegExp.prototype.exec) as (self: RegExp, text: string) => RegExpExecArray | null
export const symbolIterator: typeof Symbol.iterator = Symbol.iterator
export const symbolToString = uncurry(Symbol.prototype.toString) as (self: symbol) => string
export const numberToString = uncurry(Number.prototype.toString) as (self: number, radix?: number) => string
export const bigintToString = uncurry(BigInt.prototype.toString) as (self: bigint) => string
export const dateToISOString = uncurry(Date.prototype.toISOString) as (self: Date) => string
export const dateGetTime = uncurry(Date.prototype.getTime) as (self: unknown) => number

export const SafeMap = Map
export const mapGet = uncurry(Map.prototype.get) as <K, V>(self: Map<K, V>, key: K) => V | undefined
export const mapSet = uncurry(Map.prototype.set) as <K, V>(self: Map<K, V>, key: K, value: V) => Map<K, V>
export const mapHas = uncurry(Map.prototype.has) as <K, V>(self: Map<K, V>, key: K) => boolean
export const mapDelete = uncurry(Map.prototype.delete) as <K, V>(self: Map<K, V>, key: K) => boolean
export const mapForEach = uncurry(Map.prototype.forEach) as <K, V>(self: Map<K, V>, visit: (value: V, key: K) => void) => void
export const SafeSet = Set
export const setAdd = uncurry(Set.prototype.add) as <T>(self: Set<T>, value: T) => Set<T>
export const setDelete = uncurry(Set.prototype.delete) as <T>(self: Set<T>, value: T) => boolean
export const setForEach = uncurry(Set.prototype.forEach) as <T>(self: Set<T>, visit: (value: T) => void) => void

export const SafePromise = Promise
export const promiseThen = uncurry(Promise.prototype.then) as (
  self: unknown,
  fulfilled: (value: unknown) => void,
  rejected: (reason: unknown) => void,
) => unknown

function getter(owner: object, name: PropertyKey): (self: unknown) => unknown {
  const found = objectGetOwnPropertyDescriptor(owner, name)?.get
  if (found === undefined) throw new TypeError(`Cannot capture the getter ${String(name)}: there is none`)
  return uncurry(found) as (self: unknown) => unknown
}
export const mapSize = getter(Map.prototype, 'size') as (self: unknown) => number
export const setSize = getter(Set.prototype, 'size') as (self: unknown) => number
export const regExpSource = getter(RegExp.prototype, 'source') as (self: unknown) => string
export const regExpFlags = getter(RegExp.prototype, 'flags') as (self: unknown) => string
export const SafeArrayBuffer = ArrayBuffer
export const arrayBufferByteLength = getter(ArrayBuffer.prototype, 'byteLength') as (self: unknown) => number
export const arrayBufferDetached = getter(ArrayBuffer.prototype, 'detached') as (self: ArrayBuffer) => boolean
export const arrayBufferTransfer = uncurry(ArrayBuffer.prototype.transfer) as (self: ArrayBuffer) => ArrayBuffer
export const isView = ArrayBuffer.isView
export const SafeUint8Array = Uint8Array
const typedArrayPrototype: object = Object.getPrototypeOf(Uint8Array.prototype)
export const typedArrayName = getter(typedArrayPrototype, Symbol.toStringTag) as (self: unknown) => string | undefined
export const typedArrayBuffer = getter(typedArrayPrototype, 'buffer') as (self: object) => ArrayBuffer
export const typedArrayByteOffset = getter(typedArrayPrototype, 'byteOffset') as (self: object) => number
export const typedArrayByteLength = getter(typedArrayPrototype, 'byteLength') as (self: object) => number
export const typedArrayLength = getter(typedArrayPrototype, 'length') as (self: object) => number
export const typedArraySet = uncurry(Uint8Array.prototype.set) as (self: Uint8Array, source: Uint8Array, at?: number) => void
export const typedArrayFill = uncurry(Uint8Array.prototype.fill) as (self: Uint8Array | Uint32Array, value: number) => void
export const dataViewBuffer = getter(DataView.prototype, 'buffer') as (self: unknown) => ArrayBuffer
export const dataViewByteOffset = getter(DataView.prototype, 'byteOffset') as (self: unknown) => number
export const dataViewByteLength = getter(DataView.prototype, 'byteLength') as (self: unknown) => number

export const SafeProxy = Proxy
export const reflectGet = Reflect.get
export const SafeError = Error
export const SafeTypeError = TypeError
export const SafeRangeError = RangeError

export const decodeComponent = decodeURIComponent
export const SafeString = String

/** A data property, whatever setters user code has put on prototypes. */
export function define(target: object, name: PropertyKey, value: unknown, enumerable = true): void {
  objectDefineProperty(target, name, { __proto__: null, value, enumerable, writable: true, configurable: true } as PropertyDescriptor)
}

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
