import type { ErrorEvent } from './event-kinds.ts'
import { EventTarget, HandlerAttribute } from './event-target.ts'
import { type AnyFunction, objectCreate, objectDefineProperty, objectSetPrototypeOf, reflectApply } from './primordials.ts'
import { globalTarget } from './report-error.ts'

/** Makes the global object an event target, with its `on…` attributes. What it listens with is in report-error.ts. */
export function installGlobalTarget(): void {
  objectSetPrototypeOf(globalThis, objectCreate(EventTarget.prototype))
  defineAttribute('error', tellOnError)
  // For feature detection, and for whoever dispatches such events himself: the engine tells a guest of no rejection.
  defineAttribute('unhandledrejection')
  defineAttribute('rejectionhandled')
}

function defineAttribute(type: string, tell?: (handler: AnyFunction, event: unknown) => unknown): void {
  const attribute = new HandlerAttribute(globalTarget, type, tell)
  objectDefineProperty(globalThis, `on${type}`, {
    __proto__: null,
    get: () => attribute.value,
    set: (handler: unknown) => {
      attribute.value = handler
    },
    enumerable: true,
    configurable: true,
  } as PropertyDescriptor)
}

/** `onerror` gets the parts of the event, and says with `true` that it has dealt with it. */
function tellOnError(handler: AnyFunction, event: unknown): unknown {
  const { message, filename, lineno, colno, error } = event as ErrorEvent
  return reflectApply(handler, globalThis, [message, filename, lineno, colno, error]) !== true
}
