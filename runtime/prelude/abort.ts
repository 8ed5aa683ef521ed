import type { Call } from './call.ts'
import { DOMException } from './dom-exception.ts'
import { Event } from './event.ts'
import { dispatchTrusted, EventTarget, HandlerAttribute } from './event-target.ts'
import { append, type List, newList } from './list.ts'
import { mathMin, SafeTypeError } from './primordials.ts'
import { startTimer } from './timers.ts'

const { MAX_SAFE_INTEGER } = Number
/** A timer's delay is a 32-bit integer; longer than any invocation lasts. */
const MAX_TIMER_MS = 2 ** 31 - 1
const INTERNAL = { __proto__: null }

/** Internal doors to a signal: make one, and fire it. */
export let createSignal: () => AbortSignal
export let fireSignal: (signal: AbortSignal, reason: unknown) => void

export class AbortSignal extends EventTarget {
  #aborted = false
  #reason: unknown = undefined
  #onabort: HandlerAttribute | undefined
  /** What `any` combined this one from; never signals that are combined themselves. */
  #sources: List<AbortSignal> | undefined
  /** The signals that were combined from this one. */
  #dependents: List<AbortSignal> | undefined

  constructor(token?: unknown) {
    if (token !== INTERNAL)
      throw new SafeTypeError('Cannot construct an AbortSignal: use new AbortController().signal, AbortSignal.abort(), .timeout() or .any()')
    super()
  }

  get aborted() {
    return this.#aborted
  }
  get reason() {
    return this.#reason
  }
  get onabort(): unknown {
    return this.#onabort?.value ?? null
  }
  set onabort(handler: unknown) {
    this.#onabort ??= new HandlerAttribute(this, 'abort')
    this.#onabort.value = handler
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = createSignal()
    signal.#aborted = true
    signal.#reason = reason === undefined ? abortError() : reason
    return signal
  }

  static timeout(delayMs: unknown): AbortSignal {
    const delay = +(delayMs as number)
    if (!(delay >= 0 && delay <= MAX_SAFE_INTEGER)) throw new SafeTypeError('Cannot make a timeout signal: the delay must be a number of at least 0')
    const signal = createSignal()
    startTimer(() => fireSignal(signal, new DOMException('The operation timed out.', 'TimeoutError')), mathMin(delay, MAX_TIMER_MS), false, [])
    return signal
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const all: List<AbortSignal> = newList()
    for (const one of signals) {
      if (typeof one !== 'object' || one === null || !(#aborted in one)) throw new SafeTypeError('Cannot combine: every item must be an AbortSignal')
      append(all, one)
    }
    const combined = createSignal()
    for (let at = 0; at < all.length; at++) {
      const one = all[at] as AbortSignal
      if (!one.#aborted) continue
      combined.#aborted = true
      combined.#reason = one.#reason
      return combined
    }
    combined.#sources = newList()
    for (let at = 0; at < all.length; at++) {
      const one = all[at] as AbortSignal
      const sources = one.#sources
      if (sources === undefined) combined.#follow(one)
      else for (let next = 0; next < sources.length; next++) combined.#follow(sources[next] as AbortSignal)
    }
    return combined
  }

  #follow(source: AbortSignal): void {
    const sources = this.#sources as List<AbortSignal>
    for (let at = 0; at < sources.length; at++) if (sources[at] === source) return
    append(sources, source)
    source.#dependents ??= newList()
    append(source.#dependents, this)
  }

  static {
    createSignal = () => new AbortSignal(INTERNAL)
    fireSignal = (signal, reason) => {
      if (signal.#aborted) return
      signal.#aborted = true
      signal.#reason = reason === undefined ? abortError() : reason
      const dependents = signal.#dependents
      const now: List<AbortSignal> = newList()
      // All are aborted before anybody is told of it.
      for (let at = 0; dependents !== undefined && at < dependents.length; at++) {
        const one = dependents[at] as AbortSignal
        if (one.#aborted) continue
        one.#aborted = true
        one.#reason = signal.#reason
        append(now, one)
      }
      dispatchTrusted(signal, new Event('abort'))
      for (let at = 0; at < now.length; at++) dispatchTrusted(now[at] as AbortSignal, new Event('abort'))
    }
  }
}

function abortError(): DOMException {
  return new DOMException('This operation was aborted', 'AbortError')
}

export class AbortController {
  readonly #signal = createSignal()

  get signal() {
    return this.#signal
  }

  abort(reason?: unknown): void {
    fireSignal(this.#signal, reason)
  }
}

/** The signal of one invocation: fires when it is ended from outside. Made when first asked for. */
export function callSignal(call: Call): AbortSignal {
  if (call.signal === undefined) {
    call.signal = createSignal()
    if (call.abortReason !== undefined) abortCallSignal(call, call.abortReason)
  }
  return call.signal
}

export function abortCallSignal(call: Call, reason: string): void {
  if (call.signal !== undefined) fireSignal(call.signal, new DOMException(reason, 'AbortError'))
}
