import { type ReadableByteStreamController, ReadableStream, ReadableStreamDefaultReader, type UnderlyingByteSource } from 'web-streams-polyfill'
import { MAX_CHUNK_BYTES } from '../contract/messages.ts'
import { type Call, currentCall } from './call.ts'
import { copyBytes, view } from './encoding.ts'
import { hostCall } from './host-call.ts'
import {
  arrayBufferByteLength,
  mathMin,
  numberToString,
  reflectApply,
  SafePromise,
  SafeTypeError,
  SafeUint8Array,
  typedArrayByteLength,
  typedArrayName,
} from './primordials.ts'
import { hasRoom, nextSlice } from './room.ts'

const { getReader } = ReadableStream.prototype
const { read, cancel } = ReadableStreamDefaultReader.prototype

/** Pieces of one pipe on their way at once: so many that each does not cost a round trip, so few that little is held. */
const MAX_UNSETTLED_WRITES = 4

/** Breaks a readable pipe off: whoever reads gets `reason`, and the host is told. */
export type BreakPipe = (reason: unknown) => void

/**
 * What comes out of a pipe. A byte stream that asks for nothing before somebody reads. With `length` (bytes that were
 * announced) fewer are an error for whoever reads, not an end. `breakable` is given, at once, the means to break it off.
 * The pipe is that of the call it was made in, whoever reads it.
 */
export function readablePipe(number: number, length?: number, breakable?: (breakOff: BreakPipe) => void): ReadableStream<Uint8Array> {
  const call = currentCall()
  let came = 0
  let open = true
  const source: UnderlyingByteSource & { __proto__: null } = {
    __proto__: null,
    type: 'bytes',
    start(controller) {
      breakable?.((reason) => {
        if (!open) return
        open = false
        controller.error(reason)
        cancelPipe(number, call)
      })
    },
    async pull(controller) {
      let body: ArrayBuffer | undefined
      try {
        body = (await hostCall('read', pipeArgs(number), undefined, call)).body
      } catch (error) {
        open = false
        throw error
      }
      if (!open) return
      if (body !== undefined) {
        came += enqueue(controller, body)
        return
      }
      open = false
      if (length !== undefined && came < length) throw new SafeTypeError(`The body ended early: ${came} of ${length} bytes came`)
      controller.close()
      controller.byobRequest?.respond(0)
    },
    cancel() {
      if (!open) return
      open = false
      cancelPipe(number, call)
    },
  }
  return new ReadableStream(source, { __proto__: null, highWaterMark: 0 } as { highWaterMark: number })
}

function enqueue(controller: ReadableByteStreamController, body: ArrayBuffer): number {
  const bytes = new SafeUint8Array(body)
  const length = typedArrayByteLength(bytes)
  controller.enqueue(bytes)
  return length
}

/**
 * Empties a stream into a pipe and ends it. `too-large`: there was more than `maxBytes`; stream and pipe are cancelled.
 * Throws what the stream throws, a TypeError at a chunk that is no Uint8Array, and what the host has against a piece; the
 * pipe is cancelled then, so that whoever receives does not take the part for the whole. `breakable`: as of readablePipe.
 */
export async function writePipe(
  number: number,
  stream: ReadableStream,
  maxBytes: number,
  breakable?: (breakOff: BreakPipe) => void,
  call: Call = currentCall(),
): Promise<'done' | 'too-large'> {
  const reader = reflectApply(getReader, stream, []) as ReadableStreamDefaultReader
  const writing = new PipeWriting(number, call, (reason) => {
    void quietly(() => reflectApply(cancel, reader, [reason]) as Promise<unknown>)
  })
  breakable?.((reason) => writing.fail(reason))
  let total = 0
  try {
    for (;;) {
      const { done, value } = (await reflectApply(read, reader, [])) as { done: boolean; value?: unknown }
      if (writing.failure !== undefined) throw writing.failure.reason
      if (done) break
      if (typedArrayName(value) !== 'Uint8Array') {
        throw new SafeTypeError(`Cannot send the body: a stream must give Uint8Array chunks, got ${value === null ? 'null' : typeof value}`)
      }
      const chunk = value as Uint8Array
      const length = typedArrayByteLength(chunk)
      total += length
      if (total > maxBytes) {
        writing.fail(new SafeTypeError(`The body is larger than ${maxBytes} bytes`))
        return 'too-large'
      }
      for (let at = 0; at < length; at += MAX_CHUNK_BYTES)
        await writing.send(copyBytes(view(chunk, at, mathMin(MAX_CHUNK_BYTES, length - at))).buffer)
    }
    await writing.end()
    return 'done'
  } catch (error) {
    writing.fail(error)
    throw error
  }
}

/** Nobody reads or writes on. */
export function cancelPipe(number: number, call = currentCall()): void {
  void quietly(() => hostCall('cancel', pipeArgs(number), undefined, call))
}

/** The pieces of one pipe that are under way. */
class PipeWriting {
  readonly #number: number
  readonly #call: Call
  readonly #stop: (reason: unknown) => void
  #unsettled = 0
  #wake: (() => void) | undefined
  #over = false
  failure: { readonly reason: unknown } | undefined

  constructor(number: number, call: Call, stop: (reason: unknown) => void) {
    this.#number = number
    this.#call = call
    this.#stop = stop
  }

  /** Resolves when the next piece may come. */
  async send(piece: ArrayBuffer): Promise<void> {
    while (!hasRoom(arrayBufferByteLength(piece))) await nextSlice()
    void this.#follow(hostCall('write', pipeArgs(this.#number), piece, this.#call))
    await this.#below(MAX_UNSETTLED_WRITES)
  }

  async end(): Promise<void> {
    void this.#follow(hostCall('end', pipeArgs(this.#number), undefined, this.#call))
    await this.#below(1)
    this.#over = true
  }

  /** Our side gives up: the stream is stopped and the pipe cancelled. */
  fail(reason: unknown): void {
    if (this.#over) return
    this.#stopFor(reason)
    cancelPipe(this.#number, this.#call)
  }

  /** The first reason counts. */
  #stopFor(reason: unknown): void {
    if (this.#over) return
    this.#over = true
    this.failure = { reason }
    this.#stop(reason)
    this.#wake?.()
  }

  async #follow(sent: Promise<unknown>): Promise<void> {
    this.#unsettled++
    try {
      await sent
    } catch (error) {
      // The host's side gave up, and knows. Not cancelled: what comes back through the same pipe may still be read.
      this.#stopFor(error)
    }
    this.#unsettled--
    this.#wake?.()
  }

  async #below(count: number): Promise<void> {
    while (this.failure === undefined && this.#unsettled >= count) {
      await new SafePromise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.failure !== undefined) throw this.failure.reason
  }
}

function pipeArgs(number: number): string {
  return `{"pipe":${numberToString(number)}}`
}

/** What goes wrong while something is given up is nobody's concern any more. */
async function quietly(giveUp: () => Promise<unknown>): Promise<void> {
  try {
    await giveUp()
  } catch {
    // See above.
  }
}
