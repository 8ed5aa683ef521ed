import { type AnyFunction, define, objectDefineProperty, objectGetOwnPropertyDescriptor } from './primordials.ts'

/** Puts classes on the global object, and gives them the shape that Web IDL asks for: tag, name, enumerable members. */
export function installInterfaces(interfaces: Readonly<Record<string, AnyFunction>>): void {
  for (const [name, type] of Object.entries(interfaces)) {
    objectDefineProperty(type, 'name', { value: name, configurable: true })
    const prototype = type.prototype as object
    if (!Object.hasOwn(prototype, Symbol.toStringTag)) {
      objectDefineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true })
    }
    for (const key of Object.getOwnPropertyNames(prototype)) {
      const member = objectGetOwnPropertyDescriptor(prototype, key)
      if (key !== 'constructor' && member?.configurable === true) objectDefineProperty(prototype, key, { ...member, enumerable: true })
    }
    define(globalThis, name, type, false)
  }
}

export function installFunctions(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) define(globalThis, name, value)
}
