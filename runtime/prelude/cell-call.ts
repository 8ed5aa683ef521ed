import { MAX_BUFFERED_BODY_BYTES } from '../contract/limits.ts'
import type { HostReply } from '../contract/messages.ts'
import { type Call, currentCall } from './call.ts'
import { type HostValue, hostError, newHostCallNumber } from './host-call.ts'
import { arrayBufferByteLength, jsonParse, jsonStringify, mapDelete, mapGet, mapSet, mapSize, SafeMap, SafePromise } from './primordials.ts'
import { postCellCall } from './wall.ts'

interface CellCall {
  readonly call: Call
  readonly number: number
  readonly text: string
  readonly body: ArrayBuffer | undefined
  readonly resolve: (value: HostValue) => void
  readonly reject: (error: unknown) => void
  next: CellCall | undefined
}

/** Sent and not settled. The cell refuses far more than the prelude sends at once; the rest waits here. */
const MAX_OPEN = 64
const open = new SafeMap<number, CellCall>()
let openBytes = 0
let firstWaiting: CellCall | undefined
let lastWaiting: CellCall | undefined

/**
 * Asks the cell for something it answers within the same slice: `crypto.*`, `zlib.*`. So a function may start as many as
 * it likes; they do not count as requests, and go on after the answer and at a module's top level. As host-call.ts else:
 * `argsText` is JSON of our own making, `body` is handed over.
 */
export function cellCall(op: string, argsText: string, body?: ArrayBuffer): Promise<HostValue> {
  const call = currentCall()
  const number = newHostCallNumber()
  const text = `{"op":${jsonStringify(op)},"args":${argsText}}`
  return new SafePromise<HostValue>((resolve, reject) => {
    const asked: CellCall = { call, number, text, body, resolve, reject, next: undefined }
    if (lastWaiting === undefined) firstWaiting = asked
    else lastWaiting.next = asked
    lastWaiting = asked
    sendWaiting()
  })
}

/** Whose call it is, if it is one of these. */
export function cellCaller(number: unknown): Call | undefined {
  return mapGet(open, number as number)?.call
}

/** The cell has answered. False when it is not one of these. */
export function settleCellCall(number: number, text: string, body: ArrayBuffer | undefined): boolean {
  const found = mapGet(open, number)
  if (found === undefined) return false
  mapDelete(open, number)
  openBytes -= sizeOf(found)
  sendWaiting()
  const reply = jsonParse(text) as HostReply
  if (reply.ok) found.resolve({ __proto__: null, value: reply.value, body } as unknown as HostValue)
  else found.reject(hostError(reply.name, reply.message))
  return true
}

function sendWaiting(): void {
  while (firstWaiting !== undefined) {
    const size = sizeOf(firstWaiting)
    if (mapSize(open) > 0 && (mapSize(open) >= MAX_OPEN || openBytes + size > MAX_BUFFERED_BODY_BYTES)) return
    const { call, number, text, body, next }: CellCall = firstWaiting
    mapSet(open, number, firstWaiting)
    openBytes += size
    firstWaiting = next
    if (next === undefined) lastWaiting = undefined
    postCellCall(call.number, text, number, body)
  }
}

function sizeOf({ body }: CellCall): number {
  return body === undefined ? 0 : arrayBufferByteLength(body)
}
