import { ReadableStream, type ReadableStreamDefaultController, WritableStream, type WritableStreamDefaultController } from 'web-streams-polyfill'
import { Codec, type Direction, type Format } from './compression-codec.ts'
import { copyOfSource, isBufferSource } from './encoding.ts'
import { SafePromise, SafeTypeError } from './primordials.ts'

/** The two ends of a codec. */
export interface Ends {
  readonly readable: ReadableStream
  readonly writable: WritableStream
}

/** What is written and not worked off, or nothing when the writer is done. */
interface Written {
  readonly bytes: Uint8Array | undefined
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

/**
 * A pair of streams with backpressure down to the piece: a write is over when its output has been read, and nothing is
 * unpacked that nobody has asked for. (A TransformStream would enqueue all the output of a chunk at once.)
 */
export function codecStream(direction: Direction, format: Format): Ends {
  const codec = new Codec(direction, format)
  let reading: ReadableStreamDefaultController<Uint8Array>
  let writing: WritableStreamDefaultController
  let written: Written | undefined
  let onWritten = () => {}
  let failed = false

  /** Ends both ends with the same error. */
  const fail = (error: unknown) => {
    if (failed) return
    failed = true
    codec.cancel()
    reading.error(error)
    writing.error(error)
    written?.failed(error)
    onWritten()
  }
  const give = (bytes: Uint8Array | undefined) =>
    new SafePromise<void>((resolve, reject) => {
      written = { bytes, done: resolve, failed: reject }
      if (bytes === undefined) codec.close()
      else codec.push(bytes)
      onWritten()
    })
  /** One piece, or the end; waits for the writer when the codec has nothing to give. */
  const pull = async () => {
    for (let given = false; !given && !failed; ) {
      if (written === undefined) {
        await new SafePromise<void>((resolve) => {
          onWritten = resolve
        })
        continue
      }
      const piece = await codec.next()
      if (failed) return
      if (piece !== undefined) reading.enqueue(piece)
      given = piece !== undefined
      if (!codec.isIdle) continue
      const { bytes, done } = written as Written
      written = undefined
      done()
      if (bytes !== undefined) continue
      reading.close()
      return
    }
  }

  const readable = new ReadableStream(
    {
      start(controller) {
        reading = controller
      },
      async pull() {
        try {
          await pull()
        } catch (error) {
          fail(error)
        }
      },
      cancel: fail,
    },
    { highWaterMark: 0 },
  )
  const writable = new WritableStream({
    start(controller) {
      writing = controller
    },
    async write(chunk) {
      if (!isBufferSource(chunk)) {
        const wrong = new SafeTypeError('Cannot take the chunk: it must be an ArrayBuffer or a view of one')
        fail(wrong)
        throw wrong
      }
      await give(copyOfSource(chunk))
    },
    async close() {
      await give(undefined)
    },
    abort: fail,
  })
  return { readable, writable }
}
