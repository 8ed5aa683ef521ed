import { DOMException } from './dom-exception.ts'
import { type Event, eventState } from './event.ts'
import { append, type List, newList } from './list.ts'
import { type AnyFunction, isObject, reflectApply, SafeTypeError } from './primordials.ts'
import { toText } from './text.ts'

interface Listener {
  readonly type: string
  readonly callback: object
  readonly capture: boolean
  readonly once: boolean
  readonly passive: boolean
  removed: boolean
}

interface ListenerOptions {
  readonly capture?: unknown
  readonly once?: unknown
  readonly passive?: unknown
  readonly signal?: unknown
}

/** Who is told when a listener throws: set once, by report-error.ts, which itself needs event targets. */
let onListenerError: (error: unknown) => void = () => {}
export function setListenerErrorHook(hook: (error: unknown) => void): void {
  onListenerError = hook
}

/** Dispatches an event the platform made: `isTrusted` is true. */
export let dispatchTrusted: (target: EventTarget, event: Event) => void

export class EventTarget {
  #listeners: List<Listener> | undefined

  addEventListener(type: unknown, callback: unknown, options?: ListenerOptions | boolean | null): void {
    const name = toText(type)
    if (callback !== null && callback !== undefined && !isObject(callback)) {
      throw new SafeTypeError('Cannot add a listener: it must be a function or an object with handleEvent')
    }
    const capture = isCapture(options)
    const extra = isObject(options) ? (options as ListenerOptions) : undefined
    const once = !!extra?.once
    const passive = !!extra?.passive
    const signal = extra?.signal
    if (signal !== undefined && !(signal instanceof EventTarget))
      throw new SafeTypeError('Cannot add a listener: options.signal must be an AbortSignal')
    if (callback === null || callback === undefined) return
    if (signal !== undefined) {
      if ((signal as { aborted?: unknown }).aborted === true) return
      signal.addEventListener('abort', () => this.removeEventListener(name, callback, capture), { once: true })
    }
    this.#listeners ??= newList()
    if (this.#find(name, callback, capture) !== -1) return
    append(this.#listeners, { type: name, callback, capture, once, passive, removed: false })
  }

  removeEventListener(type: unknown, callback: unknown, options?: ListenerOptions | boolean | null): void {
    const at = this.#find(toText(type), callback, isCapture(options))
    if (at !== -1) this.#removeAt(at)
  }

  dispatchEvent(event: unknown): boolean {
    const state = eventState(event)
    if (state.dispatching) throw new DOMException('Cannot dispatch: the event is being dispatched already', 'InvalidStateError')
    state.trusted = false
    return this.#dispatch(event as Event)
  }

  #dispatch(event: Event): boolean {
    const state = eventState(event)
    state.target = this
    state.currentTarget = this
    state.dispatching = true
    const { type } = event
    const now: List<Listener> = newList()
    const all = this.#listeners
    if (all !== undefined) {
      for (let at = 0; at < all.length; at++) if ((all[at] as Listener).type === type) append(now, all[at] as Listener)
    }
    for (let at = 0; at < now.length && !state.stopNow; at++) this.#tell(now[at] as Listener, event)
    state.dispatching = false
    state.currentTarget = null
    state.stop = false
    state.stopNow = false
    return !state.canceled
  }

  #tell(listener: Listener, event: Event): void {
    if (listener.removed) return
    if (listener.once) {
      const at = this.#find(listener.type, listener.callback, listener.capture)
      if (at !== -1) this.#removeAt(at)
    }
    const state = eventState(event)
    state.passive = listener.passive
    try {
      const { callback } = listener
      if (typeof callback === 'function') reflectApply(callback, this, [event])
      else {
        const handle = (callback as { handleEvent?: unknown }).handleEvent
        if (typeof handle !== 'function') throw new SafeTypeError('Cannot call an event listener: it has no handleEvent function')
        reflectApply(handle, callback, [event])
      }
    } catch (error) {
      onListenerError(error)
    } finally {
      state.passive = false
    }
  }

  #find(type: string, callback: unknown, capture: boolean): number {
    const all = this.#listeners
    if (all === undefined) return -1
    for (let at = 0; at < all.length; at++) {
      const one = all[at] as Listener
      if (one.type === type && one.callback === callback && one.capture === capture) return at
    }
    return -1
  }

  #removeAt(at: number): void {
    const all = this.#listeners as List<Listener>
    const removed = all[at] as Listener
    removed.removed = true
    for (let next = at + 1; next < all.length; next++) all[next - 1] = all[next] as Listener
    all.length--
  }

  static {
    dispatchTrusted = (target, event) => {
      eventState(event).trusted = true
      target.#dispatch(event)
    }
  }
}

function isCapture(options: ListenerOptions | boolean | null | undefined): boolean {
  return typeof options === 'boolean' ? options : !!options?.capture
}

/** The function that an `on…` attribute holds, kept in its place among the listeners. */
export class HandlerAttribute {
  readonly #target: EventTarget
  readonly #type: string
  readonly #tell: (handler: AnyFunction, event: Event) => unknown
  #handler: unknown = null
  #listening = false

  /** `tell` calls the handler; when it returns false, the event is cancelled. */
  constructor(target: EventTarget, type: string, tell = (handler: AnyFunction, event: Event): unknown => reflectApply(handler, target, [event])) {
    this.#target = target
    this.#type = type
    this.#tell = tell
  }

  get value(): unknown {
    return this.#handler
  }

  set value(handler: unknown) {
    this.#handler = isObject(handler) ? handler : null
    if (this.#listening || this.#handler === null) return
    this.#listening = true
    addListener(this.#target, this.#type, (event) => {
      if (typeof this.#handler === 'function' && this.#tell(this.#handler, event) === false) event.preventDefault()
    })
  }
}

const { addEventListener } = EventTarget.prototype
export function addListener(target: EventTarget, type: string, callback: (event: Event) => void): void {
  reflectApply(addEventListener, target, [type, callback])
}
