import { GatheredBytes } from '../../runtime/contract/gathered-bytes.ts'
import { Problem } from '../problem.ts'
import type { HoldBytes } from './held-bodies.ts'

/**
 * The whole body, never holding more than `maxBytes` of it.
 *
 * @throws Problem 413 naming the cap, as soon as it is known to be exceeded; 415 for a compressed body; what `hold` throws
 */
export async function readBody(request: Request, maxBytes: number, hold?: HoldBytes): Promise<Buffer> {
  const encoding = request.headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    throw new Problem({ status: 415, code: 'encoding_unsupported', detail: `Cannot read a body with Content-Encoding ${encoding}: send it as it is` })
  }
  if (Number(request.headers.get('content-length')) > maxBytes) throw bodyTooLarge(maxBytes)
  if (request.body === null) return Buffer.alloc(0)
  const gathered = new GatheredBytes()
  // Cancelling it would cut the connection, and with it the answer: the rest is dropped after that (rest-of-body.ts).
  for await (const chunk of request.body.values({ preventCancel: true })) {
    if (gathered.length + chunk.byteLength > maxBytes) throw bodyTooLarge(maxBytes)
    hold?.(chunk.byteLength)
    gathered.add(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  }
  return gathered.bytes
}

/** A small JSON object, as the routes under `/v1` take it. An empty body is an empty object. */
export async function readJsonObject(request: Request, maxBytes = 64 * 1024): Promise<Record<string, unknown>> {
  const text = (await readBody(request, maxBytes)).toString().trim()
  if (text === '') return {}
  return parseJsonObject(text, 'the body')
}

export function parseJsonObject(text: string, what: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Problem({ status: 400, code: 'json_invalid', detail: `Cannot read ${what}: it is not JSON (${(error as Error).message})` })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Problem({ status: 400, code: 'json_invalid', detail: `Cannot read ${what}: wanted a JSON object, got ${text.slice(0, 80)}` })
  }
  return value as Record<string, unknown>
}

/** `wayOut`: a sentence for whoever has more to send. */
export function bodyTooLarge(maxBytes: number, wayOut?: string): Problem {
  return new Problem({
    status: 413,
    code: 'body_too_large',
    detail: `Cannot take this body: it is over ${maxBytes} bytes, the most allowed here${wayOut === undefined ? '' : `. ${wayOut}`}`,
    extra: { maxBytes },
  })
}
