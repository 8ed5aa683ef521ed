import { dateNow, objectDefineProperty, objectGetOwnPropertyDescriptor, SafeTypeError } from './primordials.ts'
import { toText } from './text.ts'

export interface EventInit {
  readonly bubbles?: unknown
  readonly cancelable?: unknown
  readonly composed?: unknown
}

/** What dispatching changes about an event; reached through `eventState` only. */
export interface EventState {
  target: object | null
  currentTarget: object | null
  dispatching: boolean
  stopNow: boolean
  stop: boolean
  canceled: boolean
  passive: boolean
  trusted: boolean
}

/** The hidden state of an event; a TypeError for anything else. */
export let eventState: (event: unknown) => EventState

export class Event {
  #type: string
  #init: { bubbles: boolean; cancelable: boolean; composed: boolean }
  readonly #timeStamp = dateNow()
  readonly #state: EventState = {
    target: null,
    currentTarget: null,
    dispatching: false,
    stopNow: false,
    stop: false,
    canceled: false,
    passive: false,
    trusted: false,
  }

  constructor(type: unknown, init: EventInit | null = {}) {
    if (type === undefined) throw new SafeTypeError('Cannot make an Event: its type is missing')
    this.#type = toText(type)
    this.#init = { bubbles: !!init?.bubbles, cancelable: !!init?.cancelable, composed: !!init?.composed }
    objectDefineProperty(this, 'isTrusted', isTrusted)
  }

  get type() {
    return this.#type
  }
  get target() {
    return this.#state.target
  }
  get srcElement() {
    return this.#state.target
  }
  get currentTarget() {
    return this.#state.currentTarget
  }
  get bubbles() {
    return this.#init.bubbles
  }
  get cancelable() {
    return this.#init.cancelable
  }
  get composed() {
    return this.#init.composed
  }
  get defaultPrevented() {
    return this.#state.canceled
  }
  get returnValue() {
    return !this.#state.canceled
  }
  set returnValue(value: unknown) {
    if (!value) this.preventDefault()
  }
  get cancelBubble() {
    return this.#state.stop
  }
  set cancelBubble(value: unknown) {
    if (value) this.stopPropagation()
  }
  get eventPhase() {
    return this.#state.dispatching ? 2 : 0
  }
  get timeStamp() {
    return this.#timeStamp
  }

  composedPath(): object[] {
    const { currentTarget } = this.#state
    return currentTarget === null ? [] : [currentTarget]
  }
  stopPropagation(): void {
    this.#state.stop = true
  }
  stopImmediatePropagation(): void {
    this.#state.stop = true
    this.#state.stopNow = true
  }
  preventDefault(): void {
    if (this.#init.cancelable && !this.#state.passive) this.#state.canceled = true
  }

  initEvent(type: unknown, bubbles?: unknown, cancelable?: unknown): void {
    if (type === undefined) throw new SafeTypeError('Cannot initialize an Event: its type is missing')
    const name = toText(type)
    if (this.#state.dispatching) return
    this.#type = name
    this.#init = { bubbles: !!bubbles, cancelable: !!cancelable, composed: this.#init.composed }
    this.#state.stop = false
    this.#state.stopNow = false
    this.#state.canceled = false
    this.#state.trusted = false
    this.#state.target = null
  }

  static {
    eventState = (event) => {
      if (typeof event !== 'object' || event === null || !(#state in event)) throw new SafeTypeError('Cannot dispatch: the argument is not an Event')
      return event.#state
    }
  }
}

/** On each event itself, so that no class that extends Event can say otherwise. */
const isTrusted = {
  __proto__: null,
  ...objectGetOwnPropertyDescriptor(
    {
      get isTrusted(): boolean {
        return eventState(this).trusted
      },
    },
    'isTrusted',
  ),
  configurable: false,
} as PropertyDescriptor

const PHASES = ['NONE', 'CAPTURING_PHASE', 'AT_TARGET', 'BUBBLING_PHASE'] as const
for (let value = 0; value < PHASES.length; value++) {
  const constant = { __proto__: null, value, enumerable: true } as PropertyDescriptor
  objectDefineProperty(Event, PHASES[value] as string, constant)
  objectDefineProperty(Event.prototype, PHASES[value] as string, constant)
}
