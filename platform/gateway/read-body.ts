import type { IncomingMessage } from 'node:http'
import { Problem } from './problem.ts'

const EMPTY = Buffer.alloc(0)

/** The whole body, or 413 as soon as it is known to be too long. */
export function readBody(incoming: IncomingMessage, maxBytes: number): Buffer | Promise<Buffer> {
  if (incoming.headers['content-length'] === undefined && incoming.headers['transfer-encoding'] === undefined) return EMPTY
  const declared = Number(incoming.headers['content-length'] ?? 0)
  if (declared > maxBytes) throw tooLarge(maxBytes)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    incoming
      .on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > maxBytes) {
          incoming.removeAllListeners('data')
          incoming.resume()
          reject(tooLarge(maxBytes))
          return
        }
        chunks.push(chunk)
      })
      .once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
      .once('error', reject)
      .once('aborted', () =>
        reject(new Problem({ status: 400, code: 'body_cut', detail: 'Cannot read the request body: the connection ended before it did' })),
      )
  })
}

function tooLarge(maxBytes: number): Problem {
  return new Problem({
    status: 413,
    code: 'body_too_large',
    detail: `Cannot take this request body: it may have up to ${maxBytes} bytes (${maxBytes / 1024} KiB)`,
    extra: { maxBytes },
  })
}
