import { readBytes } from './body.ts'
import { copyOfSource, isBufferSource } from './encoding.ts'
import {
  type AnyFunction,
  isObject,
  objectDefineProperty,
  objectGetOwnPropertyDescriptor,
  reflectApply,
  reflectConstruct,
  reflectOwnKeys,
  SafeTypeError,
  stringToLowerCase,
  stringTrim,
} from './primordials.ts'
import { responseParts } from './response.ts'
import { hasSharedMemory } from './wasm-shared-memory.ts'

type Type = new (...args: never) => object
/** The engine's own, as far as it is dealt with here. */
interface Engine {
  readonly Module: Type
  readonly Instance: Type
  readonly Memory: Type
  readonly CompileError: new (message: string) => Error
  validate(bytes: Uint8Array, options?: unknown): boolean
}

/** What the standard reads of a MemoryDescriptor, in its order. */
const MEMORY_FIELDS = ['address', 'initial', 'maximum', 'shared'] as const

const { has: weakSetHas, add: weakSetAdd } = WeakSet.prototype
const SafeWeakSet = WeakSet

/**
 * Makes the engine's WebAssembly fit in here. It comes with a restored snapshot only, so this runs once in each context,
 * before any user code.
 *
 * - No memory is shared: it would be a SharedArrayBuffer, and could be waited on.
 * - `compile` and `instantiate` work where they are called, within the slice and on its bill; what they promise is kept
 *   already. The engine's own would do so on other threads and wait for a turn that nobody gives it.
 * - `compileStreaming` and `instantiateStreaming`, which an engine has not by itself, take the whole body first.
 */
export function fitWebAssembly(): void {
  const namespace = (globalThis as unknown as { WebAssembly: Engine & Record<string, unknown> }).WebAssembly
  // Taken out now: later the names are user code's.
  const { Module, Instance, Memory, CompileError, validate } = namespace
  const modules = new SafeWeakSet<object>()

  function compileNow(bytes: unknown, options: unknown, newTarget: AnyFunction): object {
    const own = ownBytes(bytes)
    const module = reflectConstruct(Module, options === undefined ? [own] : [own, options], newTarget) as object
    if (hasSharedMemory(own)) throw new CompileError('Shared memories are not available here: build the module without threads')
    reflectApply(weakSetAdd, modules, [module])
    return module
  }

  function instantiateNow(module: object, imports: unknown): object {
    return reflectConstruct(Instance, [module, imports]) as object
  }

  function both(module: object, imports: unknown): { module: object; instance: object } {
    return { module, instance: instantiateNow(module, imports) }
  }

  const ModuleHere = replacement(Module, (newTarget, bytes, options) => compileNow(bytes, options, newTarget))
  const MemoryHere = replacement(Memory, (newTarget, descriptor) => reflectConstruct(Memory, [unshared(descriptor)], newTarget) as object)
  const replacements: Readonly<Record<string, AnyFunction>> = {
    Module: ModuleHere,
    Memory: MemoryHere,
    ...members({
      validate(bytes: unknown, options?: unknown) {
        const own = ownBytes(bytes)
        return validate(own, options) && !hasSharedMemory(own)
      },
      async compile(bytes: unknown, options?: unknown) {
        return compileNow(bytes, options, ModuleHere)
      },
      async instantiate(source: unknown, imports?: unknown, options?: unknown) {
        const isModule = isObject(source) && (reflectApply(weakSetHas, modules, [source]) as boolean)
        return isModule ? instantiateNow(source, imports) : both(compileNow(source, options, ModuleHere), imports)
      },
      async compileStreaming(source: unknown, options?: unknown) {
        return compileNow(await responseBytes(await source), options, ModuleHere)
      },
      async instantiateStreaming(source: unknown, imports?: unknown, options?: unknown) {
        return both(compileNow(await responseBytes(await source), options, ModuleHere), imports)
      },
    }),
  }
  for (const [name, value] of Object.entries(replacements)) {
    const { enumerable } = objectGetOwnPropertyDescriptor(namespace, name) ?? { enumerable: true }
    objectDefineProperty(namespace, name, { value, writable: true, enumerable: enumerable === true, configurable: true })
  }
}

/** Methods as they are in a namespace: nothing that can be constructed, and lengths that leave options out. */
function members(methods: Readonly<Record<string, (source: unknown, ...rest: never[]) => unknown>>): Readonly<Record<string, AnyFunction>> {
  for (const method of Object.values(methods)) objectDefineProperty(method, 'length', { value: 1, configurable: true })
  return methods
}

/** A constructor in the place of the engine's own, whose prototype and static members it keeps. */
function replacement(engine: Type, create: (newTarget: AnyFunction, first: unknown, second: unknown) => object): AnyFunction {
  function construct(first: unknown, second: unknown): object {
    if (new.target === undefined) throw new SafeTypeError(`WebAssembly.${engine.name} must be invoked with 'new'`)
    return create(new.target, first, second)
  }
  for (const key of reflectOwnKeys(engine)) {
    objectDefineProperty(construct, key, objectGetOwnPropertyDescriptor(engine, key) as PropertyDescriptor)
  }
  objectDefineProperty(engine.prototype as object, 'constructor', { value: construct, writable: true, configurable: true })
  return construct
}

/** A copy: what was looked through is what is compiled. */
function ownBytes(bytes: unknown): Uint8Array {
  if (!isBufferSource(bytes)) throw new SafeTypeError('Cannot read a WebAssembly module: wanted an ArrayBuffer or a view of one')
  return copyOfSource(bytes)
}

/** Each field is read once: a getter gives no second answer. */
function unshared(descriptor: unknown): object {
  if (!isObject(descriptor)) throw new SafeTypeError('Cannot make a WebAssembly.Memory: wanted an object with "initial"')
  const own = { __proto__: null } as unknown as Record<string, unknown>
  for (let at = 0; at < MEMORY_FIELDS.length; at++) {
    const field = MEMORY_FIELDS[at] as string
    const value = (descriptor as Record<string, unknown>)[field]
    if (field === 'shared' && value) throw new SafeTypeError('Cannot make a WebAssembly.Memory: shared memories are not available here')
    if (value !== undefined) own[field] = value
  }
  return own
}

async function responseBytes(source: unknown): Promise<Uint8Array> {
  const parts = responseParts(source)
  if (parts === undefined) throw new SafeTypeError('Cannot compile a stream: wanted a Response')
  if (parts.status < 200 || parts.status > 299) throw new SafeTypeError(`Cannot compile a Response: its status is ${parts.status}`)
  const type = parts.list.get('content-type')
  if (type === null || stringToLowerCase(stringTrim(type)) !== 'application/wasm')
    throw new SafeTypeError(`Cannot compile a Response: wanted the Content-Type application/wasm, got ${type ?? 'none'}`)
  return await readBytes(parts.body)
}
