import type { Transform } from 'node:stream'
import zlib from 'node:zlib'
import { MAX_CHUNK_BYTES } from '../contract/messages.ts'

export const FORMATS = ['gzip', 'deflate', 'deflate-raw', 'brotli'] as const
export type Format = (typeof FORMATS)[number]

/** A part of the output; `more` says that another can be asked for before more input is given. */
export interface Piece {
  readonly bytes: Uint8Array | undefined
  readonly more: boolean
}

const STREAM = { chunkSize: MAX_CHUNK_BYTES } as const
/** Anything after the end of the compressed data is an error. */
const STRICT = { ...STREAM, rejectGarbageAfterEnd: true } as const
/** Node's own defaults would take tens of megabytes and a second for every one of text. */
const BROTLI = { ...STREAM, params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5, [zlib.constants.BROTLI_PARAM_LGWIN]: 18 } } as const

const COMPRESSORS: Readonly<Record<Format, () => Transform>> = {
  gzip: () => zlib.createGzip(STREAM),
  deflate: () => zlib.createDeflate(STREAM),
  'deflate-raw': () => zlib.createDeflateRaw(STREAM),
  brotli: () => zlib.createBrotliCompress(BROTLI),
}
const DECOMPRESSORS: Readonly<Record<Format, () => Transform>> = {
  gzip: () => zlib.createGunzip(STRICT),
  deflate: () => zlib.createInflate(STRICT),
  'deflate-raw': () => zlib.createInflateRaw(STRICT),
  brotli: () => zlib.createBrotliDecompress(STRICT),
}
/** As HTTP has it: several gzip members in a row are one body. */
const LENIENT_DECOMPRESSORS: Readonly<Record<Format, () => Transform>> = { ...DECOMPRESSORS, gzip: () => zlib.createGunzip(STREAM) }

export type Direction = 'compress' | 'decompress' | 'decompress-body'

const MAKERS: Readonly<Record<Direction, Readonly<Record<Format, () => Transform>>>> = {
  compress: COMPRESSORS,
  decompress: DECOMPRESSORS,
  'decompress-body': LENIENT_DECOMPRESSORS,
}

/**
 * One compression or decompression: bytes in, pieces out, and no piece made before it is asked for.
 *
 * What the stream makes is taken where it pushes it, and not from its own buffer: that is dropped when the stream fails,
 * and what was unpacked before is still to be read. A push that answers false stops it until the next `_read`.
 */
export class ZlibContext {
  readonly #stream: Transform
  readonly #made: Buffer[] = []
  #error: Error | undefined
  #ended = false
  #closing = false
  /** Whether the last input is not worked off yet. */
  #pending = false
  #pulling = false
  #wake: () => void = () => {}

  constructor(direction: Direction, format: Format) {
    this.#stream = MAKERS[direction][format]()
    this.#stream.push = (piece: Buffer | null) => {
      if (piece === null) this.#ended = true
      else this.#made.push(piece)
      this.#wake()
      return false
    }
    this.#stream.on('error', (error) => {
      this.#error = error
      this.#wake()
    })
  }

  /** Gives more input, or closes it, and takes the first piece of output. Only once the last input is worked off. */
  async push(input: Uint8Array, close: boolean): Promise<Piece> {
    if (this.#pending || this.#pulling || this.#closing) throw new TypeError('Cannot take more input: the last is not worked off')
    if (input.length > 0) {
      this.#pending = true
      this.#stream.write(input, () => {
        this.#pending = false
        this.#wake()
      })
    }
    if (close) {
      this.#closing = true
      this.#stream.end()
    }
    return await this.pull()
  }

  async pull(): Promise<Piece> {
    if (this.#pulling) throw new TypeError('Cannot give two pieces at once')
    this.#pulling = true
    try {
      return await this.#next()
    } finally {
      this.#pulling = false
    }
  }

  /** Whether it makes more without being given more. */
  get #isBusy(): boolean {
    return !this.#ended && (this.#pending || this.#closing)
  }

  async #next(): Promise<Piece> {
    if (this.#made.length === 0) this.#stream._read(0)
    for (;;) {
      const bytes = this.#made.shift()
      if (bytes !== undefined) return { bytes, more: this.#made.length > 0 || this.#error !== undefined || this.#isBusy }
      if (this.#error !== undefined) throw new TypeError(`Cannot go on with the compressed data: ${this.#error.message}`)
      if (!this.#isBusy) return { bytes: undefined, more: false }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Whoever waits for a piece is told. */
  close(): void {
    this.#stream.destroy()
    this.#error ??= new Error('the stream was closed')
    this.#wake()
  }
}
