import { formEntries } from './form-data.ts'
import { headerListOf } from './headers.ts'
import { type AnyFunction, mapGet, mapHas, objectToString, SafeMap } from './primordials.ts'
import { responseParts } from './response.ts'

const ErrorTypes = new SafeMap<string, AnyFunction>()
for (const type of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) ErrorTypes.set(type.name, type)

export function errorType(name: string): AnyFunction | undefined {
  return mapGet(ErrorTypes, name)
}

const primitives = [Boolean.prototype.valueOf, Number.prototype.valueOf, String.prototype.valueOf, BigInt.prototype.valueOf] as const
const SafeObject = Object
const { apply } = Reflect

/** A fresh Boolean, Number, String or BigInt object, if the value is one. */
export function unwrapPrimitive(value: object): object | undefined {
  for (let at = 0; at < primitives.length; at++) {
    try {
      return SafeObject(apply(primitives[at] as () => unknown, value, []))
    } catch {
      // Not of this kind.
    }
  }
  return undefined
}

const { WeakMap: SafeWeakMap, WeakSet: SafeWeakSet } = globalThis
const { has: weakMapHas } = SafeWeakMap.prototype
const { has: weakSetHas } = SafeWeakSet.prototype

/** Whether the standard says that such an object cannot be cloned; told by brand where there is one, else by tag. */
export function isUncloneable(value: object): boolean {
  if (headerListOf(value) !== undefined || formEntries(value) !== undefined || responseParts(value) !== undefined) return true
  if (
    isBranded(() => apply(weakMapHas, value as WeakMap<object, unknown>, [value])) ||
    isBranded(() => apply(weakSetHas, value as WeakSet<object>, [value]))
  )
    return true
  const tag = objectToString(value)
  return mapHas(UNCLONEABLE_TAGS, tag)
}

const UNCLONEABLE_TAGS = new SafeMap<string, true>()
for (const name of [
  'Promise',
  'WeakRef',
  'FinalizationRegistry',
  'Request',
  'ReadableStream',
  'WritableStream',
  'TransformStream',
  'URL',
  'URLSearchParams',
  'AbortController',
  'AbortSignal',
  'Event',
  'EventTarget',
  'MessageChannel',
  'MessagePort',
  'URLPattern',
  'CompressionStream',
  'DecompressionStream',
  'Crypto',
  'SubtleCrypto',
  'Performance',
  'Navigator',
  'Generator',
  'AsyncGenerator',
  'WebAssembly.Module',
  'WebAssembly.Instance',
  'WebAssembly.Memory',
  'WebAssembly.Table',
  'WebAssembly.Global',
  'WebAssembly.Tag',
  'WebAssembly.Exception',
])
  UNCLONEABLE_TAGS.set(`[object ${name}]`, true)

/** Whether an intrinsic accepts the value. */
export function isBranded(check: () => unknown): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}
