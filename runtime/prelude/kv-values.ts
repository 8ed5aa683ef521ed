import { utf8toStringLoose } from '@exodus/bytes/utf8.js'
import type { ReadableStream } from 'web-streams-polyfill'
import { MAX_KV_VALUE_BYTES } from '../contract/kv.ts'
import { MAX_CHUNK_BYTES } from '../contract/messages.ts'
import { blobBytes } from './blob.ts'
import { bytesOf, copyBytes, encodeUtf8, isBufferSource } from './encoding.ts'
import { cancelHostCall, hostCall, startHostCall } from './host-call.ts'
import { wrong } from './kv-args.ts'
import { type BreakPipe, readablePipe, writePipe } from './pipes.ts'
import { isObject, jsonParse, SafeTypeError, SafeUint8Array, stringToWellFormed, typedArrayBuffer, typedArrayByteLength } from './primordials.ts'
import { react } from './promise.ts'
import { hasRoom, nextSlice } from './room.ts'
import { drain, isDisturbed, streamLock, streamOfBytes } from './streams.ts'
import { utf8Length } from './text.ts'

export type ReadType = 'text' | 'json' | 'arrayBuffer' | 'stream'

/** `get(key, 'json')` or `get(key, { type: 'json' })`. */
export function readType(options: unknown): ReadType {
  const type = isObject(options) ? (options as { type?: unknown }).type : options
  if (type === undefined || type === null) return 'text'
  if (type === 'text' || type === 'json' || type === 'arrayBuffer' || type === 'stream') return type
  throw wrong('get', 'type', 'one of text, json, arrayBuffer, stream', type)
}

/** A value as the host gave it: up to MAX_CHUNK_BYTES in `body`, else in a pipe. */
export interface StoredBytes {
  readonly pipe: number
  readonly size: number
  readonly body: ArrayBuffer | undefined
}

/** The value in the form that was asked for. Throws a SyntaxError when it is not the JSON it should be. */
export async function storedAs(type: ReadType, { pipe, size, body }: StoredBytes): Promise<unknown> {
  const isPiped = size > MAX_CHUNK_BYTES
  const held = isPiped ? undefined : body === undefined ? new SafeUint8Array(0) : new SafeUint8Array(body)
  if (type === 'stream') return held === undefined ? readablePipe(pipe, size) : streamOfBytes(() => held)
  const bytes = held ?? ((await drain(readablePipe(pipe, size), MAX_KV_VALUE_BYTES)) as Uint8Array)
  if (type === 'arrayBuffer') return typedArrayBuffer(bytes)
  // Not as a body is read: what was put comes back, also a byte order mark.
  const text = utf8toStringLoose(bytes)
  return type === 'json' ? jsonParse(text) : text
}

/** `args`: JSON text of the other arguments, without its closing brace. */
export async function storeValue(args: string, value: unknown): Promise<void> {
  if (typeof value === 'string') {
    const text = stringToWellFormed(value)
    const size = checkedSize(utf8Length(text))
    if (size <= MAX_CHUNK_BYTES) await storeWhole(args, text, size)
    else
      await storeStream(
        args,
        streamOfBytes(() => encodeUtf8(text)),
      )
    return
  }
  const bytes = isBufferSource(value) ? bytesOf(value) : blobBytes(value)
  if (bytes !== undefined) {
    const size = checkedSize(typedArrayByteLength(bytes))
    const copy = copyBytes(bytes)
    if (size <= MAX_CHUNK_BYTES) await storeWhole(args, copy.buffer, size)
    else
      await storeStream(
        args,
        streamOfBytes(() => copy),
      )
    return
  }
  const isLocked = isObject(value) ? streamLock(value) : undefined
  if (isLocked === undefined) throw wrong('put', 'the value', 'a string, an ArrayBuffer or a view of one, a Blob or a ReadableStream', value)
  const stream = value as ReadableStream
  if (isLocked || isDisturbed(stream)) throw new SafeTypeError('Cannot put the stream: it is locked or has been read from')
  await storeStream(args, stream)
}

async function storeWhole(args: string, body: string | ArrayBuffer, size: number): Promise<void> {
  while (!hasRoom(size)) await nextSlice()
  await hostCall('kv.put', `${args}}`, body)
}

async function storeStream(args: string, stream: ReadableStream): Promise<void> {
  const { number, settled } = startHostCall('kv.put', `${args},"stream":true}`)
  let breakOff: BreakPipe | undefined
  // A refusal must not wait for a stream that may never go on.
  void react(
    settled,
    () => {},
    (reason) => breakOff?.(reason),
  )
  let written: 'done' | 'too-large'
  try {
    written = await writePipe(number, stream, MAX_KV_VALUE_BYTES, (it) => {
      breakOff = it
    })
  } catch (error) {
    cancelHostCall(number)
    throw error
  }
  if (written === 'too-large') {
    cancelHostCall(number)
    throw tooLarge(`more than ${MAX_KV_VALUE_BYTES}`)
  }
  await settled
}

function checkedSize(bytes: number): number {
  if (bytes > MAX_KV_VALUE_BYTES) throw tooLarge(`${bytes}`)
  return bytes
}

function tooLarge(bytes: string): unknown {
  return new SafeTypeError(`Cannot put: the value has ${bytes} bytes, allowed are ${MAX_KV_VALUE_BYTES} (fixed for all functions)`)
}
