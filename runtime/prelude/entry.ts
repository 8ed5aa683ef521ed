import type { ReadableStream } from 'web-streams-polyfill'
import { MAX_BUFFERED_BODY_BYTES } from '../contract/limits.ts'
import type { EventHead, GuestEntry } from '../contract/messages.ts'
import { abortCallSignal } from './abort.ts'
import { type Call, endCall, enterCall, findCall, openCall } from './call.ts'
import { cellCaller, settleCellCall } from './cell-call.ts'
import { copyBytes } from './encoding.ts'
import { type EventBytes, eventArgs, streamedBody } from './event-args.ts'
import { dropHostCalls, settleHostCall } from './host-call.ts'
import { type LoadedFunction, load } from './load.ts'
import { dateNow, jsonParse, mathMin, reflectApply, SafeError, SafeRangeError } from './primordials.ts'
import { isThenable, react } from './promise.ts'
import { answer, fail } from './reply.ts'
import { responseParts } from './response.ts'
import { drain } from './streams.ts'
import { calleeOf } from './styles.ts'
import { dropTimers, fireTimer } from './timers.ts'
import { beginSliceMeter } from './wall.ts'

let loaded: LoadedFunction | undefined

/** The one way in. Everything it may be called with is in contract/messages.ts; it never throws and returns nothing. */
export function entry(kind: keyof GuestEntry, number: number, text?: string, body?: string | ArrayBuffer, extra?: unknown): void {
  // What the cell itself has answered goes on with the same slice, and with calls that have answered.
  const caller = kind === 'settle' ? cellCaller(extra) : undefined
  if (caller === undefined) beginSliceMeter()
  const isNew = kind === 'load' || kind === 'invoke'
  const call = isNew ? openCall(number) : (caller ?? findCall(number))
  if (call === undefined) return
  enterCall(call)
  try {
    enter(kind, call, text, body, extra)
  } catch (error) {
    fail(call, error)
  }
}

function enter(kind: keyof GuestEntry, call: Call, text: string | undefined, body: string | ArrayBuffer | undefined, extra: unknown): void {
  switch (kind) {
    case 'load':
      loaded = load(call, text as string, body as ArrayBuffer, extra)
      return
    case 'invoke':
      invoke(call, jsonParse(text as string) as EventHead, body)
      return
    case 'timer':
      fireTimer(call, extra as number)
      return
    case 'abort':
      abort(call, text ?? 'The invocation was ended')
      return
    case 'settle':
      if (!settleCellCall(extra as number, text as string, body as ArrayBuffer | undefined))
        settleHostCall(call, extra as number, text as string, body as ArrayBuffer | undefined)
      return
    default:
      kind satisfies never
  }
}

function invoke(call: Call, head: EventHead, body: EventBytes): void {
  call.id = head.id
  // It may have waited long for this: its own time begins now.
  call.deadlineAt = head.timeoutMs === undefined ? head.deadlineAt : mathMin(head.deadlineAt, dateNow() + head.timeoutMs)
  if (loaded === undefined) throw new SafeError('Cannot invoke: the function is not loaded')
  const readsItself = loaded.handler.style === 'fetch' && head.door !== 'scheduled'
  const stream = readsItself ? undefined : streamedBody(head)
  if (stream === undefined) run(call, loaded, head, body)
  else void runWithWhole(call, loaded, head, stream)
}

/** Handlers that take values get them whole. */
async function runWithWhole(call: Call, to: LoadedFunction, head: EventHead, stream: ReadableStream): Promise<void> {
  try {
    const bytes = await drain(stream, MAX_BUFFERED_BODY_BYTES)
    if (bytes === undefined) throw new SafeRangeError(`The request's body is larger than ${MAX_BUFFERED_BODY_BYTES} bytes`)
    run(call, to, head, copyBytes(bytes).buffer)
  } catch (error) {
    fail(call, error)
  }
}

function run(call: Call, { handler, info }: LoadedFunction, head: EventHead, body: EventBytes): void {
  const { run, self } = calleeOf(handler, head.door)
  const result = reflectApply(run, self, eventArgs(handler, head, body, call, info))
  // A Response first: it needs no waiting, and asking for its `then` would ask Object.prototype.
  if (responseParts(result) !== undefined || !isThenable(result)) {
    answer(call, handler, head.door, result)
    return
  }
  void react(
    result,
    (value) => answer(call, handler, head.door, value),
    (error) => fail(call, error),
  )
}

/** The call is over for the host: its code is told, and whatever it answers from now on is dropped. */
function abort(call: Call, reason: string): void {
  call.abortReason = reason
  endCall(call)
  abortCallSignal(call, reason)
  dropTimers(call)
  dropHostCalls(call)
}
