import type { IncomingMessage } from 'node:http'
import { GatheredBytes } from '../../runtime/contract/gathered-bytes.ts'
import { MAX_BUFFERED_BODY_BYTES, MAX_INLINE_BODY_BYTES, MAX_STREAMED_BODY_BYTES } from '../../runtime/contract/limits.ts'
import { ByteFlow } from '../invocations/byte-flow.ts'
import type { EventBody } from '../invocations/open-invocations.ts'
import { Problem } from '../problem.ts'
import type { HoldBytes } from './held-bodies.ts'
import { bodyTooLarge } from './request-body.ts'

const EMPTY = Buffer.alloc(0)
const STREAM_IT = `A function with a fetch handler takes up to ${MAX_STREAMED_BODY_BYTES} at its URL, as a stream`

/**
 * The whole body of a call.
 *
 * `wayOut`: a sentence for whoever has more to send.
 *
 * @throws Problem 413 as soon as it is known to be longer than MAX_BUFFERED_BODY_BYTES, 400 when it is cut, 503 when there is no room for it
 */
export function readWholeBody(incoming: IncomingMessage, hold: HoldBytes, wayOut = STREAM_IT): Buffer | Promise<Buffer> {
  if (hasNoBody(incoming)) return EMPTY
  if (declaredLength(incoming) > MAX_BUFFERED_BODY_BYTES) throw bodyTooLarge(MAX_BUFFERED_BODY_BYTES, wayOut)
  return collect(incoming, MAX_BUFFERED_BODY_BYTES, hold).then(({ bytes, ended }) => {
    if (!ended) throw bodyTooLarge(MAX_BUFFERED_BODY_BYTES, wayOut)
    return bytes
  })
}

/**
 * The body of a call to a function that reads streams: whole while it is small enough to go through the lane.
 *
 * @throws Problem 413 when more than MAX_STREAMED_BODY_BYTES are announced, 400 when it is cut, 503 when there is no room for it
 */
export function readStreamableBody(incoming: IncomingMessage, hold: HoldBytes): EventBody | Promise<EventBody> {
  if (hasNoBody(incoming)) return EMPTY
  const length = declaredLength(incoming)
  if (length > MAX_STREAMED_BODY_BYTES) throw bodyTooLarge(MAX_STREAMED_BODY_BYTES)
  if (length > MAX_INLINE_BODY_BYTES) return new ByteFlow(incoming, { length, maxBytes: MAX_STREAMED_BODY_BYTES })
  return collect(incoming, MAX_INLINE_BODY_BYTES, hold).then(({ bytes, ended }) =>
    ended ? bytes : new ByteFlow(incoming, { first: [bytes], maxBytes: MAX_STREAMED_BODY_BYTES }),
  )
}

function hasNoBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] === undefined && headers['transfer-encoding'] === undefined
}

/** 0 where none is declared. */
function declaredLength({ headers }: IncomingMessage): number {
  return Number(headers['content-length'] ?? 0)
}

/** Reads until it ends, or until it is over `maxBytes`; then it stands still. */
function collect(incoming: IncomingMessage, maxBytes: number, hold: HoldBytes): Promise<{ bytes: Buffer; ended: boolean }> {
  return new Promise((resolve, reject) => {
    const gathered = new GatheredBytes()
    const stop = (): void => {
      incoming.off('data', take).off('end', end).off('close', cut)
    }
    const take = (piece: Buffer): void => {
      try {
        hold(piece.length)
      } catch (problem) {
        stop()
        incoming.pause()
        reject(problem)
        return
      }
      gathered.add(piece)
      if (gathered.length <= maxBytes) return
      stop()
      incoming.pause()
      resolve({ bytes: gathered.bytes, ended: false })
    }
    const end = (): void => {
      stop()
      resolve({ bytes: gathered.bytes, ended: true })
    }
    const cut = (): void => {
      stop()
      reject(new Problem({ status: 400, code: 'body_cut', detail: 'Cannot read the request body: the connection ended before it did' }))
    }
    incoming.on('data', take).on('end', end).on('close', cut)
  })
}
