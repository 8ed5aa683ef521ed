import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Idempotency } from '../../runtime/lane/submission.ts'
import { headerProblem } from './header-problem.ts'

const IDEMPOTENCY_HEADER = 'Idempotency-Key'

/** As itself, or in quotes, as draft-ietf-httpapi-idempotency-key-header has it: the same key either way. */
const KEY = /^("?)([\x21\x23-\x7e]{1,255})\1$/

/**
 * The key under which this request is to run once; undefined: it has none.
 *
 * @throws Problem 400
 */
export function idempotencyKeyOf({ headers }: IncomingMessage): string | undefined {
  const text = headers[IDEMPOTENCY_HEADER.toLowerCase()] as string | undefined
  if (text === undefined) return undefined
  const key = KEY.exec(text)?.[2]
  if (key !== undefined) return key
  throw headerProblem(IDEMPOTENCY_HEADER, text, '1 to 255 visible ASCII characters, with or without quotes around them and none within')
}

/** Everything by which a repeated request is told from another one. */
export interface AskedFor {
  readonly tenant: string
  readonly name: string
  readonly door: 'url' | 'rpc'
  readonly method: string
  /** Query included. */
  readonly path: string
  /** Of the door `rpc`: version or alias. */
  readonly qualifier?: string | undefined
  /** What the function gets to see. One user's answer is not for another who has guessed the key: credentials count. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
}

/** What a body means, and whatever a function may know its user by: many take a header of their own for that. */
const COUNTED_HEADER = /^content-type$|auth|cookie|token|secret|session|credential|password|api-?key/

export function idempotencyOf(key: string, { tenant, name, door, method, path, qualifier = '', headers, body }: AskedFor): Idempotency {
  const counted = headers.filter(([header]) => COUNTED_HEADER.test(header))
  return {
    hash: shortHash(JSON.stringify([tenant, name, key])),
    fingerprint: shortHash(JSON.stringify([door, method, path, qualifier, counted]), body),
  }
}

/** 128 bits, as hexadecimal. JSON has no line breaks within: the first part ends where it seems to. */
function shortHash(text: string, body?: Buffer): string {
  const hash = createHash('sha256').update(text)
  if (body !== undefined) hash.update('\n').update(body)
  return hash.digest('hex').slice(0, 32)
}
