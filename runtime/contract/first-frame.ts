import { decodeFrame, type Frame } from './frame.ts'
import { GatheredBytes } from './gathered-bytes.ts'

/**
 * Reads the frame a byte stream begins with. What comes after it is not touched: `rest` is the part of it that had come
 * along, and the stream goes on from there.
 *
 * @throws RangeError for a frame over `maxBytes`, before it is buffered, and for a stream that ends within it
 */
export async function readFirstFrame(
  stream: NodeJS.ReadableStream & { read(): Buffer | string | null; destroyed?: boolean },
  maxBytes: number,
): Promise<{ readonly frame: Frame; readonly rest: Buffer }> {
  const gathered = new GatheredBytes()
  for (;;) {
    const piece = stream.read() as Buffer | null
    if (piece === null) {
      await readableAgain(stream)
      continue
    }
    gathered.add(piece)
    const held = gathered.bytes
    if (held.length < 4) continue
    const whole = held.readUInt32LE(0) + 4
    if (whole > maxBytes) throw new RangeError(`Cannot read a frame: ${whole} bytes, allowed are ${maxBytes}`)
    if (held.length < whole) continue
    return { frame: decodeFrame(held.subarray(0, whole)), rest: held.subarray(whole) }
  }
}

function readableAgain(stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => () => {
      stream.off('readable', readable).off('end', ended).off('close', ended).off('error', failed)
      then()
    }
    const readable = settle(resolve)
    const ended = settle(() => reject(new RangeError('Cannot read a frame: the stream ended before it did')))
    const failed = (error: Error): void => settle(() => reject(error))()
    stream.on('readable', readable).on('end', ended).on('close', ended).on('error', failed)
  })
}
