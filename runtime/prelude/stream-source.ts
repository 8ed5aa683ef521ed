import { ReadableStream, ReadableStreamDefaultReader } from 'web-streams-polyfill'
import { reflectApply, SafeTypeError, typedArrayName } from './primordials.ts'

const { getReader } = ReadableStream.prototype
const { read, cancel } = ReadableStreamDefaultReader.prototype

/** A stream of bytes, read piece by piece. It is locked from here on. */
export class StreamSource {
  readonly #reader: ReadableStreamDefaultReader

  constructor(stream: ReadableStream) {
    this.#reader = reflectApply(getReader, stream, []) as ReadableStreamDefaultReader
  }

  /** `undefined` at the end. Throws what the stream throws, and a TypeError at a chunk that is no Uint8Array. */
  async next(): Promise<Uint8Array | undefined> {
    const { done, value } = (await reflectApply(read, this.#reader, [])) as { done: boolean; value?: unknown }
    if (done) return undefined
    if (typedArrayName(value) !== 'Uint8Array') throw new SafeTypeError('Cannot read the stream: it must give Uint8Array chunks')
    return value as Uint8Array
  }

  /** Never rejects: what the source thinks of it changes nothing. */
  async cancel(reason: unknown): Promise<void> {
    try {
      await reflectApply(cancel, this.#reader, [reason])
    } catch {
      // The source's own trouble.
    }
  }
}
