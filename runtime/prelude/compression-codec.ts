import { MAX_CHUNK_BYTES } from '../contract/messages.ts'
import { type Call, currentCall } from './call.ts'
import { cellCall } from './cell-call.ts'
import { copyBytes, view } from './encoding.ts'
import { type HostValue, newHostCallNumber } from './host-call.ts'
import { append, type List, newList } from './list.ts'
import { mapDelete, mapForEach, mapSet, mapSize, SafeMap, SafeUint8Array, typedArrayByteLength } from './primordials.ts'

export type Format = 'gzip' | 'deflate' | 'deflate-raw' | 'brotli'
/** `decompress-body`: as HTTP has it, several gzip members in a row are one body. */
export type Direction = 'compress' | 'decompress' | 'decompress-body'

/** Above this many, those that ended calls have left behind are closed before another is opened. */
const TIDY_ABOVE = 8

/** The contexts that the cell holds for this sandbox, and who opened them. */
const open = new SafeMap<number, Call>()

/**
 * One compression or decompression, which the cell carries out piece by piece: nothing is unpacked before it is asked
 * for. Methods are called one at a time; each rejects with a TypeError when the data is not what it should be.
 */
export class Codec {
  readonly #number = newHostCallNumber()
  readonly #opened: Promise<HostValue>
  #input: Uint8Array = new SafeUint8Array(0)
  #closing = false
  /** The cell has been told so. */
  #closed = false
  #more = false

  constructor(direction: Direction, format: Format) {
    if (mapSize(open) > TIDY_ABOVE) closeAbandoned()
    mapSet(open, this.#number, currentCall())
    this.#opened = cellCall('zlib.open', `{"context":${this.#number},"direction":"${direction}","format":"${format}"}`)
    ignoreRejection(this.#opened)
  }

  /** More input, which is not copied. Only when `next` has said that it has no piece left. */
  push(input: Uint8Array): void {
    this.#input = input
  }

  /** No more input comes. */
  close(): void {
    this.#closing = true
  }

  /** Whether all input is worked off, and all that it makes is given. */
  get isIdle(): boolean {
    return !this.#more && typedArrayByteLength(this.#input) === 0 && (this.#closed || !this.#closing)
  }

  /** The next piece of output; `undefined` when it takes more input to make one, or when nothing comes any more. */
  async next(): Promise<Uint8Array | undefined> {
    await this.#opened
    while (!this.isIdle) {
      const { value, body } = await this.#step()
      this.#more = value === true
      if (!this.#more && this.#closed) mapDelete(open, this.#number)
      if (body !== undefined) return new SafeUint8Array(body)
    }
    return undefined
  }

  #step(): Promise<HostValue> {
    if (this.#more) return cellCall('zlib.pull', `{"context":${this.#number},"close":${this.#closed}}`)
    const left = typedArrayByteLength(this.#input)
    const size = left > MAX_CHUNK_BYTES ? MAX_CHUNK_BYTES : left
    const chunk = copyBytes(view(this.#input, 0, size))
    this.#input = view(this.#input, size, left - size)
    this.#closed = this.#closing && size === left
    return cellCall('zlib.push', `{"context":${this.#number},"close":${this.#closed}}`, chunk.buffer)
  }

  /** Nobody wants the rest. */
  cancel(): void {
    closeContext(this.#number)
  }
}

function closeAbandoned(): void {
  const abandoned: List<number> = newList()
  mapForEach(open, (call, number) => {
    if (call.ended) append(abandoned, number)
  })
  for (let at = 0; at < abandoned.length; at++) closeContext(abandoned[at] as number)
}

function closeContext(number: number): void {
  if (mapDelete(open, number)) ignoreRejection(cellCall('zlib.close', `{"context":${number}}`))
}

async function ignoreRejection(promise: Promise<unknown>): Promise<void> {
  try {
    await promise
  } catch {
    // Whoever asks for a piece is told.
  }
}
