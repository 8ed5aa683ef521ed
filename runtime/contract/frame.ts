import { GatheredBytes } from './gathered-bytes.ts'

/**
 * The one byte layout that gateway, lane, worker and cell share:
 *
 *     u32 total   bytes after this field
 *     u32 head    length of the head
 *     u32 text    length of the text
 *     head        JSON, for whoever receives the frame
 *     text        UTF-8, carried through unopened to the one it is for
 *     body        the rest: raw bytes
 *
 * Nobody on the way re-encodes an event or a reply: each wall writes a small head of its own around the same bytes.
 */
const PREFIX_BYTES = 12

export interface Frame {
  readonly head: unknown
  readonly text: Buffer
  readonly body: Buffer
}

const EMPTY = Buffer.alloc(0)

export function encodeFrame(head: unknown, text: Buffer | string = EMPTY, body: Buffer | string = EMPTY): Buffer {
  const headText = JSON.stringify(head)
  const headBytes = Buffer.byteLength(headText)
  const textBytes = typeof text === 'string' ? Buffer.byteLength(text) : text.length
  const bodyBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + headBytes + textBytes + bodyBytes)
  frame.writeUInt32LE(frame.length - 4, 0)
  frame.writeUInt32LE(headBytes, 4)
  frame.writeUInt32LE(textBytes, 8)
  frame.write(headText, PREFIX_BYTES)
  place(frame, text, PREFIX_BYTES + headBytes)
  place(frame, body, PREFIX_BYTES + headBytes + textBytes)
  return frame
}

function place(frame: Buffer, part: Buffer | string, at: number): void {
  if (typeof part === 'string') frame.write(part, at)
  else part.copy(frame, at)
}

/** Reads one whole frame. The parts are views: copy what must outlive `frame`. */
export function decodeFrame(frame: Buffer): Frame {
  if (frame.length < PREFIX_BYTES || frame.readUInt32LE(0) !== frame.length - 4) {
    throw new RangeError(`Cannot read a frame: its length does not match its ${frame.length} bytes`)
  }
  const textAt = PREFIX_BYTES + frame.readUInt32LE(4)
  const bodyAt = textAt + frame.readUInt32LE(8)
  if (bodyAt > frame.length) throw new RangeError('Cannot read a frame: its parts are longer than the whole')
  return {
    head: JSON.parse(frame.toString('utf8', PREFIX_BYTES, textAt)),
    text: frame.subarray(textAt, bodyAt),
    body: frame.subarray(bodyAt),
  }
}

/** Cuts a byte stream into frames. Refuses one over `maxBytes`, before it is buffered. */
export class FrameSplitter {
  readonly #maxBytes: number
  /** The beginning of a frame, and how much it takes to go on. */
  #held = new GatheredBytes()
  #wanted = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The whole frames that end in this chunk, in order. */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = []
    this.#held.add(chunk)
    if (this.#held.length < this.#wanted) return frames
    let rest = this.#held.bytes
    while (rest.length >= 4) {
      const length = rest.readUInt32LE(0)
      if (length < PREFIX_BYTES - 4 || length > this.#maxBytes) {
        throw new RangeError(`Cannot read a frame: ${length} bytes, allowed are ${PREFIX_BYTES - 4} to ${this.#maxBytes}`)
      }
      if (rest.length < length + 4) break
      frames.push(decodeFrame(rest.subarray(0, length + 4)))
      rest = rest.subarray(length + 4)
    }
    this.#held = new GatheredBytes()
    this.#held.add(rest)
    this.#wanted = rest.length < 4 ? 4 : rest.readUInt32LE(0) + 4
    return frames
  }
}
