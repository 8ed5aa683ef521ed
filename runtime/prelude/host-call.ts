import { type HostReply, MAX_OPEN_HOST_CALLS } from '../contract/messages.ts'
import { type Call, currentCall } from './call.ts'
import { DOMException } from './dom-exception.ts'
import { callersFrames, MAX_STACK_CHARS } from './own-frames.ts'
import {
  define,
  jsonParse,
  jsonStringify,
  mapDelete,
  mapGet,
  mapSet,
  SafeError,
  SafeMap,
  SafePromise,
  SafeRangeError,
  SafeSet,
  SafeTypeError,
  setAdd,
  setDelete,
  setForEach,
  setSize,
} from './primordials.ts'
import { cut } from './text.ts'
import { post } from './wall.ts'

/** What the host gave back. `body` is undefined where there were no bytes. */
export interface HostValue {
  readonly value: unknown
  readonly body: ArrayBuffer | undefined
}

export interface HostCallHandle {
  /** Names it towards the host: `cancelHostCall` takes it, and it is the number of the pipe that the call opens, if it opens one. */
  readonly number: number
  readonly settled: Promise<HostValue>
}

interface Open {
  readonly call: Call
  /** Made where the call was. Its stack is captured at once, but becomes text only when it is read. Not of a pipe's pieces: 10 µs each. */
  readonly place: Error | undefined
  readonly resolve: (value: HostValue) => void
  readonly reject: (error: unknown) => void
}

const open = new SafeMap<number, Open>()
let lastNumber = 0

/** Unique in the sandbox. */
export function newHostCallNumber(): number {
  return ++lastNumber
}

/**
 * Asks the host for something in the name of the running invocation, or of `call`. `args` must be of our own making: it goes through
 * JSON.stringify. `body` is handed over: whoever calls must not keep it.
 *
 * @throws RangeError to the author when too many are open, or too much was sent in this slice
 */
export function startHostCall(op: string, argsText: string, body?: string | ArrayBuffer, call: Call = currentCall()): HostCallHandle {
  const number = newHostCallNumber()
  if (call.ended) return { number, settled: new SafePromise<HostValue>(() => {}) }
  call.hostCalls ??= new SafeSet()
  if (setSize(call.hostCalls) >= MAX_OPEN_HOST_CALLS) {
    throw new SafeRangeError(
      `Cannot start more: an invocation may have ${MAX_OPEN_HOST_CALLS} requests to the platform open at once (fixed for all functions)`,
    )
  }
  post('call', call.number, `{"op":${jsonStringify(op)},"args":${argsText}}`, number, body)
  setAdd(call.hostCalls, number)
  const place = isOfPipe(op) ? undefined : new SafeError()
  const settled = new SafePromise<HostValue>((resolve, reject) => {
    mapSet(open, number, { call, place, resolve, reject })
  })
  return { number, settled }
}

/** The same, when nothing but the answer is wanted. */
export function hostCall(op: string, argsText: string, body?: string | ArrayBuffer, call?: Call): Promise<HostValue> {
  return startHostCall(op, argsText, body, call).settled
}

/** Nobody waits for it any more. Its promise stays pending for ever. */
export function cancelHostCall(number: number): void {
  const found = mapGet(open, number)
  if (found === undefined) return
  forget(number, found)
  post('uncall', found.call.number, undefined, number)
}

/** The host has answered. */
export function settleHostCall(call: Call, number: number, text: string, body: ArrayBuffer | undefined): void {
  const found = mapGet(open, number)
  if (found === undefined || found.call !== call) return
  forget(number, found)
  const reply = jsonParse(text) as HostReply
  if (reply.ok) found.resolve({ value: reply.value, body })
  else found.reject(refusalAt(found.place, reply.name, reply.message))
}

function isOfPipe(op: string): boolean {
  return op === 'read' || op === 'write' || op === 'end' || op === 'cancel'
}

/** Drops what a call leaves behind; the worker forgets its side by itself. */
export function dropHostCalls(call: Call): void {
  if (call.hostCalls === undefined) return
  setForEach(call.hostCalls, (number) => mapDelete(open, number))
  call.hostCalls = undefined
}

function forget(number: number, { call }: Open): void {
  mapDelete(open, number)
  if (call.hostCalls !== undefined) setDelete(call.hostCalls, number)
}

/** The same as `hostError`, with the stack of the place in the author's code that asked. */
function refusalAt(place: Error | undefined, name: string, message: string): unknown {
  const error = hostError(name, message)
  if (place === undefined) return error
  const frames = callersFrames(stackOf(place))
  if (frames !== '') define(error as object, 'stack', cut(`${name}: ${message}\n${frames}`, MAX_STACK_CHARS), false)
  return error
}

/** Reading it runs the author's Error.prepareStackTrace, which may throw or give anything. */
function stackOf(error: Error): string {
  try {
    const stack: unknown = error.stack
    return typeof stack === 'string' ? cut(stack, MAX_STACK_CHARS) : ''
  } catch {
    return ''
  }
}

/** The error that a refusal is to the author. */
export function hostError(name: string, message: string): unknown {
  switch (name) {
    case 'TypeError':
      return new SafeTypeError(message)
    case 'RangeError':
      return new SafeRangeError(message)
    case 'Error':
      return new SafeError(message)
    default:
      return new DOMException(message, name)
  }
}
