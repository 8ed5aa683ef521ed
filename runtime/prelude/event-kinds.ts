import { Event, type EventInit } from './event.ts'
import { SafeTypeError } from './primordials.ts'
import { toText } from './text.ts'

export class CustomEvent extends Event {
  readonly #detail: unknown
  constructor(type: unknown, init: (EventInit & { readonly detail?: unknown }) | null = {}) {
    super(type, init)
    this.#detail = init?.detail ?? null
  }
  get detail() {
    return this.#detail
  }
}

export class ErrorEvent extends Event {
  readonly #fields: { message: string; filename: string; lineno: number; colno: number; error: unknown }
  constructor(
    type: unknown,
    init: (EventInit & { message?: unknown; filename?: unknown; lineno?: number; colno?: number; error?: unknown }) | null = {},
  ) {
    super(type, init)
    this.#fields = {
      message: toText(init?.message ?? ''),
      filename: toText(init?.filename ?? ''),
      lineno: (init?.lineno ?? 0) >>> 0,
      colno: (init?.colno ?? 0) >>> 0,
      error: init?.error,
    }
  }
  get message() {
    return this.#fields.message
  }
  get filename() {
    return this.#fields.filename
  }
  get lineno() {
    return this.#fields.lineno
  }
  get colno() {
    return this.#fields.colno
  }
  get error() {
    return this.#fields.error
  }
}

export class PromiseRejectionEvent extends Event {
  readonly #promise: unknown
  readonly #reason: unknown
  constructor(type: unknown, init: EventInit & { readonly promise: unknown; readonly reason?: unknown }) {
    super(type, init)
    if (init?.promise === undefined) throw new SafeTypeError('Cannot make a PromiseRejectionEvent: init.promise is missing')
    this.#promise = init.promise
    this.#reason = init.reason
  }
  get promise() {
    return this.#promise
  }
  get reason() {
    return this.#reason
  }
}

export class MessageEvent extends Event {
  readonly #fields: { data: unknown; origin: string; lastEventId: string; source: unknown; ports: readonly unknown[] }
  constructor(
    type: unknown,
    init: (EventInit & { data?: unknown; origin?: unknown; lastEventId?: unknown; source?: unknown; ports?: readonly unknown[] }) | null = {},
  ) {
    super(type, init)
    this.#fields = {
      data: init?.data ?? null,
      origin: toText(init?.origin ?? ''),
      lastEventId: toText(init?.lastEventId ?? ''),
      source: init?.source ?? null,
      ports: init?.ports ?? [],
    }
  }
  get data() {
    return this.#fields.data
  }
  get origin() {
    return this.#fields.origin
  }
  get lastEventId() {
    return this.#fields.lastEventId
  }
  get source() {
    return this.#fields.source
  }
  get ports() {
    return this.#fields.ports
  }
}
