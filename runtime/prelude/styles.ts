import type { HandlerStyle } from '../contract/function-version.ts'
import type { Door } from '../contract/invocation.ts'
import { append, type List, newList } from './list.ts'
import { type AnyFunction, arrayJoin, functionToString, isObject, objectGetOwnPropertyNames, SafeTypeError, stringStartsWith } from './primordials.ts'
import { cut } from './text.ts'

export interface Callee {
  readonly run: AnyFunction
  /** What `this` is while it runs. */
  readonly self: unknown
}

export interface Handler extends Callee {
  readonly style: HandlerStyle
  /** What schedules call; undefined: the handler itself, if that takes events. */
  readonly scheduled: Callee | undefined
}

export type Resolution =
  | { readonly kind: 'found'; readonly handler: Handler; readonly exports: List<string>; readonly warning: string | undefined }
  | { readonly kind: 'none'; readonly message: string }

const MAX_EXPORTS = 100
const WANTED =
  'Write `export default { fetch(request, env, ctx) {…} }`, `export default function (event, ctx) {…}`, `export const handler = (event, context) => {…}` or, for schedules, `export default { scheduled(event, env, ctx) {…} }`'
const ROUTE_NAMES = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'onRequest', 'onRequestGet', 'onRequestPost'] as const

/**
 * Finds the handler among a module's exports, by the rules of the handler contract: the default export's `fetch`,
 * the default export as a function, an export named `handler`; and, where there is none of them, `scheduled` alone.
 *
 * @param forced  style the owner asked for, instead of the one found
 * @param hasListener  whether the module called the global addEventListener while it was loaded
 */
export function resolveHandler(exports: unknown, forced: HandlerStyle | undefined, hasListener: boolean): Resolution {
  const names = exportNames(exports)
  const main = defaultExport(exports)
  const fetch = isObject(main) ? (main as { fetch?: unknown }).fetch : undefined
  const lambda = isObject(exports) ? (exports as { handler?: unknown }).handler : undefined
  if (typeof main === 'function' && typeof fetch !== 'function' && isClass(main)) {
    return none(`The default export is a class. ${WANTED}; an object made of the class will do: \`export default new ${className(main)}()\``)
  }
  const handler = choose(main, fetch, lambda, scheduledOf(exports, main), forced)
  if (handler !== undefined) {
    const unused = handler.run !== lambda && typeof lambda === 'function'
    const warning = unused ? 'Both a default export and `handler` are exported: the default export is used, `handler` is never called' : undefined
    return { kind: 'found', handler, exports: names, warning }
  }
  if (forced !== undefined) return none(`The style is set to ${forced}, but no export fits it. Exports found: ${listed(names)}. ${WANTED}`)
  const route = firstOf(ROUTE_NAMES, names)
  if (route !== undefined) return none(`The module exports \`${route}\`, which is another platform's way. ${WANTED}`)
  if (hasListener) return none(`The module calls addEventListener, the service-worker way. ${WANTED}`)
  return none(`No handler is exported. Exports found: ${listed(names)}. ${WANTED}`)
}

/** What a call through this door runs. Throws a TypeError when the module has nothing for it. */
export function calleeOf(handler: Handler, door: Door): Callee {
  if (door !== 'scheduled') {
    if (handler.style !== 'scheduled') return handler
    throw new SafeTypeError('Only a schedule can run this function: its module exports `scheduled`, and nothing that takes requests or events')
  }
  if (handler.scheduled !== undefined) return handler.scheduled
  if (handler.style !== 'fetch') return handler
  throw new SafeTypeError('A schedule cannot run this function: its default export has `fetch`, but no `scheduled(event, env, ctx)`')
}

function choose(
  main: unknown,
  fetch: unknown,
  lambda: unknown,
  scheduled: Callee | undefined,
  forced: HandlerStyle | undefined,
): Handler | undefined {
  const only = scheduled && ({ style: 'scheduled', run: scheduled.run, self: scheduled.self, scheduled } as const)
  if (forced === 'scheduled') return only
  if (typeof fetch === 'function' && (forced === undefined || forced === 'fetch')) return { style: 'fetch', run: fetch, self: main, scheduled }
  if (typeof main === 'function') return { style: forced ?? 'event', run: main, self: undefined, scheduled }
  if (typeof lambda === 'function' && forced !== 'fetch') return { style: forced ?? 'lambda', run: lambda, self: undefined, scheduled }
  return forced === undefined ? only : undefined
}

/** `scheduled` of the default export, else the export of that name. */
function scheduledOf(exports: unknown, main: unknown): Callee | undefined {
  const owned = isObject(main) ? (main as { scheduled?: unknown }).scheduled : undefined
  if (typeof owned === 'function') return { run: owned, self: main }
  const named = isObject(exports) ? (exports as { scheduled?: unknown }).scheduled : undefined
  return typeof named === 'function' ? { run: named, self: undefined } : undefined
}

function defaultExport(exports: unknown): unknown {
  if (!isObject(exports)) return undefined
  const { default: main, __esModule: fromModule } = exports as { default?: unknown; __esModule?: unknown }
  if (main === undefined) return fromModule === true ? undefined : exports
  // A CommonJS module that was itself compiled from a module, imported by one: its default is one level down.
  const isNested = isObject(main) && typeof main !== 'function' && (main as { __esModule?: unknown }).__esModule === true
  return isNested ? (main as { default?: unknown }).default : main
}

function exportNames(exports: unknown): List<string> {
  const names: List<string> = newList()
  if (!isObject(exports)) return names
  const all = objectGetOwnPropertyNames(exports)
  for (let at = 0; at < all.length && names.length < MAX_EXPORTS; at++) {
    const name = all[at] as string
    const isOwnOfFunction = typeof exports === 'function' && (name === 'length' || name === 'name' || name === 'prototype')
    if (name !== '__esModule' && !isOwnOfFunction) append(names, cut(name, 100))
  }
  return names
}

function listed(names: List<string>): string {
  return names.length === 0 ? 'none' : arrayJoin(names, ', ')
}

function firstOf(wanted: readonly string[], names: List<string>): string | undefined {
  for (let at = 0; at < wanted.length; at++) {
    for (let other = 0; other < names.length; other++) if (names[other] === wanted[at]) return wanted[at]
  }
  return undefined
}

function isClass(value: AnyFunction): boolean {
  return stringStartsWith(functionToString(value), 'class')
}

function className(value: AnyFunction): string {
  const { name } = value
  return typeof name === 'string' && name !== '' ? cut(name, 100) : 'YourClass'
}

function none(message: string): Resolution {
  return { kind: 'none', message }
}
