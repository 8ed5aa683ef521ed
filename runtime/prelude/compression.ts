import { ReadableStream, type WritableStream } from 'web-streams-polyfill'
import { codecStream, type Ends } from './codec-stream.ts'
import { Codec, type Format } from './compression-codec.ts'
import { SafeTypeError, typedArrayByteLength } from './primordials.ts'
import { StreamSource } from './stream-source.ts'
import { toText } from './text.ts'

/** Compresses what is written to `writable`; the Compression Standard's class. */
export class CompressionStream {
  readonly #ends: Ends

  constructor(format: unknown) {
    this.#ends = codecStream('compress', toFormat(format))
  }

  get readable(): ReadableStream {
    return this.#ends.readable
  }
  get writable(): WritableStream {
    return this.#ends.writable
  }
}

/** Decompresses what is written to `writable`; data that is corrupt, cut off or too long is a TypeError at both ends. */
export class DecompressionStream {
  readonly #ends: Ends

  constructor(format: unknown) {
    this.#ends = codecStream('decompress', toFormat(format))
  }

  get readable(): ReadableStream {
    return this.#ends.readable
  }
  get writable(): WritableStream {
    return this.#ends.writable
  }
}

function toFormat(value: unknown): Format {
  const format = toText(value)
  switch (format) {
    case 'gzip':
    case 'deflate':
    case 'deflate-raw':
    case 'brotli':
      return format
    default:
      throw new SafeTypeError(`There is no compression format '${format}': wanted gzip, deflate, deflate-raw or brotli`)
  }
}

/** The content of a body that was sent under a Content-Encoding; an error of either is an error of what comes out. */
export function decompressed(stream: ReadableStream, encoding: 'gzip' | 'deflate' | 'br'): ReadableStream {
  const source = new StreamSource(stream)
  let codec: Codec | undefined
  let closed = false
  /** `undefined` at the end. */
  const next = async (): Promise<Uint8Array | undefined> => {
    for (;;) {
      const piece = await codec?.next()
      if (piece !== undefined || closed) return piece
      const input = await source.next()
      if (input === undefined) {
        closed = true
        codec?.close()
      } else if (typedArrayByteLength(input) > 0) {
        codec ??= new Codec('decompress-body', formatOf(encoding, input))
        codec.push(input)
      }
    }
  }
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const piece = await next()
          if (piece === undefined) controller.close()
          else controller.enqueue(piece)
        } catch (error) {
          codec?.cancel()
          source.cancel(error)
          throw error
        }
      },
      cancel(reason) {
        codec?.cancel()
        return source.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}

/** Many servers send bare deflate data under the name that means zlib's wrapping of it: told by the first byte. */
function formatOf(encoding: 'gzip' | 'deflate' | 'br', start: Uint8Array): Format {
  if (encoding === 'br') return 'brotli'
  if (encoding === 'gzip') return 'gzip'
  return ((start[0] as number) & 0x0f) === 8 ? 'deflate' : 'deflate-raw'
}
