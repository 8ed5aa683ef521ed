import type { HandlerStyle } from './function-version.ts'

/**
 * Everything that can cross the isolate wall, on one page.
 *
 * Inward, the cell calls the guest's one entry function, once per slice:
 *
 *     entry(kind, call, text, body, extra)
 *
 * Outward, the guest calls its one plain callback, which returns undefined at once and never throws:
 *
 *     post(kind, call, text, body, extra)
 *
 * `call` numbers the invocation within its sandbox; nothing else identifies it inside. Strings and ArrayBuffers
 * only: no isolated-vm handle, no object of the host. Both directions are checked on the privileged side; what
 * the prelude checks is for the author's convenience.
 */

/** Inward, by `kind`. */
export interface GuestEntry {
  /** Once, before anything else: `extra` is the module function, `text` a LoadSpec, `body` 32 random bytes. Answers `loaded` or `failed`. */
  load: LoadSpec
  /** Start the handler: `text` is an EventHead, `body` the event's bytes. */
  invoke: EventHead
  /** A host call came back: `extra` is its number, `text` a HostReply, `body` its bytes. */
  settle: HostReply
  /** A timer of this call fired: `extra` is its number. */
  timer: undefined
  /** The call is over from outside (deadline, caller gone): `text` is the reason. Fires its AbortSignal. */
  abort: string
}

/** Outward, by `kind`. */
export interface GuestPost {
  /** The module is ready: `text` is a LoadReport. */
  loaded: LoadReport
  /**
   * The module's top level or the handler failed, or the streamed reply did: `text` is a ThrownError
   * (contract/outcome.ts). `extra` 1: it was the platform's own limit on a reply that is held whole.
   */
  failed: string
  /**
   * The handler's answer: `text` is a ReplyHead, `body` its bytes or text. It ends the call, unless `extra` has a bit of
   * ReplyGoesOn: then `done` ends it.
   */
  result: ReplyHead
  /** Nothing of the call is left: its streamed reply has ended and whatever `waitUntil` held is settled. */
  done: undefined
  /** A host call: `extra` is its number, unique in the sandbox, `text` a HostCall, `body` its bytes. Settled once. */
  call: HostCall
  /** Nobody waits for that host call any more: `extra` is its number. It is ended, and not settled. */
  uncall: undefined
  /** Wake this call: `extra` is the timer's number, `text` the delay in ms. A repeating timer asks anew each time. */
  timer: string
  /** Forget that timer: `extra` is its number. */
  untimer: undefined
  /** A line of the function's log: `text` is `level message`. */
  log: string
}

export interface LoadSpec {
  readonly tenant: string
  readonly name: string
  readonly version: number
  /** Forces a style; absent: found by the rules of the handler contract. */
  readonly style?: HandlerStyle
  readonly env: Readonly<Record<string, string>>
}

export interface LoadReport {
  readonly style: HandlerStyle
  readonly exports: readonly string[]
  /** Something the author should know, such as a `handler` that is never called. */
  readonly warning?: string
}

/** What a handler's arguments are made from. Header names are lower case; a repeated header is a repeated pair. */
export type EventHead = EventCommon &
  (
    | {
        readonly door: 'url'
        readonly method: string
        /** Absolute, as the function should see it: path after the function's own prefix, raw percent-encoding kept. */
        readonly url: string
        readonly headers: readonly (readonly [string, string])[]
      }
    | {
        /** The body is JSON text; absent means `null`. */
        readonly door: 'rpc'
        readonly headers: readonly (readonly [string, string])[]
      }
    | {
        /** A schedule fired. The body is its input, as JSON text; absent: it has none. */
        readonly door: 'scheduled'
        /** The schedule's name. */
        readonly schedule: string
        /** As its owner wrote it; which of the two there is says how it repeats. */
        readonly cron?: string
        readonly every?: string
        /** Milliseconds since 1970: when it was due, which after a downtime is long ago. */
        readonly scheduledTime: number
      }
  )

export interface EventCommon {
  readonly id: string
  /** By when it must be over, its wait for a worker included. Milliseconds since 1970. */
  readonly deadlineAt: number
  /** What it has from when it begins; absent: all that is left until then. */
  readonly timeoutMs?: number
  /** The body is not here: it is read from pipe 0 (`read`). Its length where the caller declared one. */
  readonly stream?: { readonly length?: number }
}

/** `http`: a response. `json`: a value, whose text is the body (rpc door with event and lambda styles; scheduled door). */
export type ReplyHead = ReplyTail &
  ({ readonly kind: 'http'; readonly status: number; readonly headers: readonly (readonly [string, string])[] } | { readonly kind: 'json' })

interface ReplyTail {
  /** The body follows through pipe 0; its length where that is known. */
  readonly stream?: { readonly length?: number }
}

/** Bits of a `result`'s `extra`. */
export const ReplyGoesOn = {
  /** The body follows: by `write` to pipe 0, then `end`. */
  stream: 1,
  /** `waitUntil` holds the call open beyond its reply. */
  open: 2,
} as const

/**
 * What a function may ask of the world. By who answers:
 *
 * - the worker (runtime/host): `read`, `write`, `end`, `cancel` of a pipe; `fetch`; `kv.*`; `invoke`
 * - the cell itself, within the same slice (runtime/cell): `crypto.*`, `zlib.*`. They burn CPU on a tenant's bytes, so
 *   they stay where that is metered and where only their tenant's process can suffer.
 */
export interface HostCall {
  readonly op: string
  readonly args: unknown
}

/** `name` is that of a language error (TypeError, RangeError, Error) or of a DOMException (AbortError, TimeoutError …). */
export type HostReply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly name: string; readonly message: string }

/** Host calls that the cell answers by itself. */
export function isCellCall(op: string): boolean {
  return op.startsWith('crypto.') || op.startsWith('zlib.')
}

/** Pipe 0 is the invocation's own: its request to read, its reply to write. All others have the number of the host call that opened them. */
export const OWN_PIPE = 0
/** Largest piece of bytes one host call carries, either way. */
export const MAX_CHUNK_BYTES = 64 * 1024
/** Host calls of one invocation that are not settled yet. */
export const MAX_OPEN_HOST_CALLS = 256
/** Requests to the outside and to other functions that one invocation may make. */
export const MAX_SUBREQUESTS = 50
/** How long `waitUntil` may hold a call open beyond its reply. */
export const MAX_WAIT_UNTIL_MS = 30_000

/** Counted in the prelude, and again by the cell, which ends the slice that goes over. */
export const MAX_POSTS_PER_SLICE = 10_000
export const MAX_LOG_LINE_CHARS = 4_096
export const MAX_LOG_BYTES_PER_CALL = 64 * 1024
export const MAX_TIMERS_PER_CALL = 1_000
