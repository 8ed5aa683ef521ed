import { MAX_TIMERS_PER_CALL } from '../contract/messages.ts'
import { type Call, currentCall } from './call.ts'
import {
  type AnyFunction,
  mapDelete,
  mapGet,
  mapSet,
  numberToString,
  reflectApply,
  SafeMap,
  SafeRangeError,
  SafeSet,
  SafeTypeError,
  setAdd,
  setDelete,
  setForEach,
  setSize,
} from './primordials.ts'
import { reportError } from './report-error.ts'
import { post } from './wall.ts'

// The clock is the worker's: the guest says when it wants to be woken and keeps the callback.
interface Timer {
  readonly call: Call
  readonly callback: AnyFunction
  readonly args: unknown[]
  readonly delayMs: number
  readonly repeats: boolean
}

const timers = new SafeMap<number, Timer>()
let lastNumber = 0

/** Starts a timer of the running call. `delayMs` as WebIDL reads a `long`; below 0 is 0. */
export function startTimer(callback: AnyFunction, delayMs: number, repeats: boolean, args: unknown[]): number {
  const call = currentCall()
  if (call.ended) return ++lastNumber
  call.timers ??= new SafeSet()
  if (setSize(call.timers) >= MAX_TIMERS_PER_CALL) {
    throw new SafeRangeError(`Cannot start a timer: an invocation may have ${MAX_TIMERS_PER_CALL} at once`)
  }
  const delay = delayMs | 0
  const timer: Timer = { call, callback, args, delayMs: delay > 0 ? delay : 0, repeats }
  const number = ++lastNumber
  post('timer', call.number, numberToString(timer.delayMs), number)
  mapSet(timers, number, timer)
  setAdd(call.timers, number)
  return number
}

/** The worker says that it is time. A timer that was cleared, or is another call's, does nothing. */
export function fireTimer(call: Call, number: number): void {
  const timer = mapGet(timers, number)
  if (timer === undefined || timer.call !== call) return
  if (!timer.repeats) forget(number, timer)
  try {
    reflectApply(timer.callback, globalThis, timer.args)
  } catch (error) {
    reportError(error)
  }
  if (timer.repeats && mapGet(timers, number) === timer) post('timer', call.number, numberToString(timer.delayMs), number)
}

/** Drops what a call leaves behind; the worker forgets its side by itself. */
export function dropTimers(call: Call): void {
  if (call.timers === undefined) return
  setForEach(call.timers, (number) => mapDelete(timers, number))
  call.timers = undefined
}

function forget(number: number, timer: Timer): void {
  mapDelete(timers, number)
  if (timer.call.timers !== undefined) setDelete(timer.call.timers, number)
}

function clear(number: unknown): void {
  const timer = mapGet(timers, number as number)
  if (timer === undefined) return
  forget(number as number, timer)
  post('untimer', timer.call.number, undefined, number as number)
}

function start(what: string, callback: unknown, delay: unknown, repeats: boolean, args: unknown[]): number {
  if (typeof callback !== 'function') {
    throw new SafeTypeError(
      `Cannot call ${what}: the callback must be a function (text is never run as code), got ${callback === null ? 'null' : typeof callback}`,
    )
  }
  return startTimer(callback, delay as number, repeats, args)
}

export function setTimeout(callback: unknown, delay?: unknown, ...args: unknown[]): number {
  return start('setTimeout', callback, delay, false, args)
}

export function setInterval(callback: unknown, delay?: unknown, ...args: unknown[]): number {
  return start('setInterval', callback, delay, true, args)
}

export function clearTimeout(number?: unknown): void {
  clear(number)
}

export function clearInterval(number?: unknown): void {
  clear(number)
}
