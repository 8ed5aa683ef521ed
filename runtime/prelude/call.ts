import type { AbortSignal } from './abort.ts'
import { mapDelete, mapGet, mapSet, SafeMap } from './primordials.ts'

/** One invocation (or the load) as the guest keeps it. Never handed to user code. */
export class Call {
  readonly number: number
  id = ''
  /** Milliseconds since 1970. */
  deadlineAt = Infinity
  /** Its reply is on its way, or out. */
  replied = false
  /** What keeps it open beyond its reply: promises given to waitUntil, a streamed body. */
  holds = 0
  /** Once true, nothing more is said for this call. */
  ended = false
  /** Set when the call was ended from outside. */
  abortReason: string | undefined
  /** The call's AbortSignal, once its code has asked for it. */
  signal: AbortSignal | undefined
  /** Numbers of its live timers. */
  timers: Set<number> | undefined
  /** Numbers of its host calls that are not settled. */
  hostCalls: Set<number> | undefined
  logBytes = 0
  logClosed = false
  logIndent = 0

  constructor(number: number) {
    this.number = number
  }
}

const open = new SafeMap<number, Call>()
/** One entry from the host is one slice of one call, and its microtasks run before the next entry: so this is whose code runs now. */
let current = new Call(0)

export function currentCall(): Call {
  return current
}

export function enterCall(call: Call): void {
  current = call
}

export function openCall(number: number): Call {
  const call = new Call(number)
  mapSet(open, number, call)
  return call
}

export function findCall(number: number): Call | undefined {
  return mapGet(open, number)
}

/** Forgets the call. True the first time: whoever gets it may answer. */
export function endCall(call: Call): boolean {
  if (call.ended) return false
  call.ended = true
  mapDelete(open, call.number)
  return true
}
