import { ErrorEvent } from './event-kinds.ts'
import { dispatchTrusted, EventTarget, setListenerErrorHook } from './event-target.ts'
import { inspect } from './inspect.ts'
import { log } from './log.ts'
import { isObject, reflectApply, SafeSet, setAdd, setSize } from './primordials.ts'
import { toText } from './text.ts'

const MAX_REPORT_CHARS = 4_000

/** Stands for the global object as an event target: `error` events are dispatched here. */
export const globalTarget = new EventTarget()
/** Event types asked for at the top level; tells whoever writes service-worker style what to write instead. */
const askedTypes = new SafeSet<string>()
let reporting = false

/** An error nobody caught: an `error` event, and unless that is cancelled a line in the log. */
export function reportError(error: unknown): void {
  let handled = false
  if (!reporting) {
    reporting = true
    try {
      const event = new ErrorEvent('error', { cancelable: true, error, message: messageOf(error) })
      dispatchTrusted(globalTarget, event)
      handled = event.defaultPrevented
    } finally {
      reporting = false
    }
  }
  if (!handled) log('error', `Uncaught ${inspect(error, MAX_REPORT_CHARS)}`)
}
setListenerErrorHook(reportError)

function messageOf(error: unknown): string {
  try {
    const message = isObject(error) ? (error as { message?: unknown }).message : error
    return message === undefined ? '' : toText(message)
  } catch {
    return ''
  }
}

const { addEventListener: add, removeEventListener: remove, dispatchEvent: dispatch } = EventTarget.prototype

export function addEventListener(type: unknown, callback: unknown, options?: unknown): void {
  const name = toText(type)
  if (setSize(askedTypes) < 10) setAdd(askedTypes, name)
  reflectApply(add, globalTarget, [name, callback, options])
}

export function removeEventListener(type: unknown, callback: unknown, options?: unknown): void {
  reflectApply(remove, globalTarget, [type, callback, options])
}

export function dispatchEvent(event: unknown): boolean {
  return reflectApply(dispatch, globalTarget, [event])
}

export function hasGlobalListener(): boolean {
  return setSize(askedTypes) > 0
}
