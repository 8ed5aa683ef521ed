import { type AnyFunction, mapGet, mapSet, SafeMap } from './primordials.ts'

// Some intrinsics are absent while a snapshot is built and appear once it is restored, still before any user code.

const TYPED_ARRAYS = [
  'Int8',
  'Uint8',
  'Uint8Clamped',
  'Int16',
  'Uint16',
  'Int32',
  'Uint32',
  'Float16',
  'Float32',
  'Float64',
  'BigInt64',
  'BigUint64',
] as const
const typedArrays = new SafeMap<string, AnyFunction>()

/** `Error.isError`: an own brand check, not fooled by prototypes. */
export let isError: (value: unknown) => value is Error

/** Called once, when the context is attached. */
export function captureLatePrimordials(): void {
  isError = Error.isError
  for (const name of TYPED_ARRAYS) {
    const type = (globalThis as Record<string, unknown>)[`${name}Array`]
    if (typeof type === 'function') mapSet(typedArrays, `${name}Array`, type)
  }
}

/** The constructor of a kind of typed array. */
export function typedArrayType(name: string): AnyFunction | undefined {
  return mapGet(typedArrays, name)
}
