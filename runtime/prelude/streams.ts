import { ReadableStream, ReadableStreamDefaultReader } from 'web-streams-polyfill'
import { append, type List, newList } from './list.ts'
import {
  objectGetOwnPropertyDescriptor,
  reflectApply,
  SafeTypeError,
  SafeUint8Array,
  typedArrayByteLength,
  typedArrayName,
  typedArraySet,
} from './primordials.ts'

const getReader = ReadableStream.prototype.getReader
const { read, cancel } = ReadableStreamDefaultReader.prototype
const isLocked = objectGetOwnPropertyDescriptor(ReadableStream.prototype, 'locked')?.get as () => boolean

/** Brand check and lock in one; `undefined` when it is not a stream of ours. */
export function streamLock(value: object): boolean | undefined {
  try {
    return reflectApply(isLocked, value, [])
  } catch {
    return undefined
  }
}

/** Whether anything was read from it; the library keeps this for us, the standard shows it to nobody. */
export function isDisturbed(stream: ReadableStream): boolean {
  return (stream as unknown as { _disturbed?: unknown })._disturbed === true
}

/** A stream of one chunk, made only when it is asked for. */
export function streamOfBytes(bytes: () => Uint8Array): ReadableStream {
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      const chunk = bytes()
      if (chunk.byteLength > 0) controller.enqueue(chunk as Uint8Array<ArrayBuffer>)
      controller.close()
      controller.byobRequest?.respond(0)
    },
  })
}

export function brokenStream(reason: unknown): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.error(reason)
    },
  })
}

/**
 * All bytes of a stream. `undefined`, and the stream is cancelled, once there are more than `maxBytes`.
 * Throws what the stream throws, and a TypeError at a chunk that is no Uint8Array.
 */
export async function drain(stream: ReadableStream, maxBytes: number): Promise<Uint8Array | undefined> {
  const reader = reflectApply(getReader, stream, []) as ReadableStreamDefaultReader
  const parts: List<Uint8Array> = newList()
  let total = 0
  for (;;) {
    const { done, value } = (await reflectApply(read, reader, [])) as { done: boolean; value?: unknown }
    if (done) return concat(parts, total)
    if (typedArrayName(value) !== 'Uint8Array') {
      const wrong = new SafeTypeError(`Cannot read the body: a stream must give Uint8Array chunks, got ${value === null ? 'null' : typeof value}`)
      giveUp(reader, wrong)
      throw wrong
    }
    total += typedArrayByteLength(value as Uint8Array)
    if (total > maxBytes) {
      giveUp(reader, new SafeTypeError(`The body is larger than ${maxBytes} bytes`))
      return undefined
    }
    append(parts, value as Uint8Array)
  }
}

async function giveUp(reader: ReadableStreamDefaultReader, reason: unknown): Promise<void> {
  try {
    await reflectApply(cancel, reader, [reason])
  } catch {
    // The source's own trouble; whoever reads has been told why already.
  }
}

function concat(parts: List<Uint8Array>, total: number): Uint8Array {
  const all = new SafeUint8Array(total)
  for (let part = 0, at = 0; part < parts.length; part++) {
    const bytes = parts[part] as Uint8Array
    typedArraySet(all, bytes, at)
    at += typedArrayByteLength(bytes)
  }
  return all
}
