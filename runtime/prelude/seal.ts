import { type AnyFunction, define, objectDefineProperty } from './primordials.ts'
import { fitWebAssembly } from './web-assembly.ts'

/** Cannot be metered here, or give back shared memory; they reappear with every restored snapshot. */
const REMOVED = ['SharedArrayBuffer', 'Atomics', 'eval'] as const

/** Takes away what a function must not have. Runs once in each context, before any user code. `wasm`: as attach.ts says. */
export function seal(wasm: boolean): void {
  for (const name of REMOVED) Reflect.deleteProperty(globalThis, name)
  if (wasm) fitWebAssembly()
  else Reflect.deleteProperty(globalThis, 'WebAssembly')
  sealFunctionConstructors()
  define(globalThis, 'FinalizationRegistry', InertFinalizationRegistry, false)
}

/** All four ways from text to code, each reachable from any function of its kind. */
function sealFunctionConstructors(): void {
  for (const kind of [() => {}, async () => {}, function* () {}, async function* () {}]) {
    const prototype = Object.getPrototypeOf(kind) as object
    const { name } = prototype.constructor
    const sealed = sealedConstructor(name, prototype)
    objectDefineProperty(prototype, 'constructor', { value: sealed, writable: name === 'Function', configurable: true })
    if (name === 'Function') define(globalThis, 'Function', sealed, false)
  }
}

/** Keeps `instanceof` and the name, refuses to be called. */
function sealedConstructor(name: string, prototype: object): AnyFunction {
  function refuse(): never {
    throw new EvalError('Code cannot be made from text here')
  }
  objectDefineProperty(refuse, 'name', { value: name, configurable: true })
  objectDefineProperty(refuse, 'prototype', { value: prototype, writable: false })
  return refuse
}

/** A real one would run its callbacks outside every slice, unmetered. This one never calls back, which the language allows. */
class InertFinalizationRegistry {
  constructor(callback: unknown) {
    if (typeof callback !== 'function') throw new TypeError('FinalizationRegistry: cleanup must be callable')
  }
  register(): void {}
  unregister(): boolean {
    return false
  }
}
define(InertFinalizationRegistry.prototype, Symbol.toStringTag, 'FinalizationRegistry', false)
define(InertFinalizationRegistry, 'name', 'FinalizationRegistry', false)
