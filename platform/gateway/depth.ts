import type { IncomingMessage } from 'node:http'
import { MAX_INVOKE_DEPTH } from '../../runtime/contract/data.ts'
import { DEPTH_HEADER } from '../../runtime/contract/depth-header.ts'
import { TOO_DEEP } from '../invocations/nested-invoke.ts'
import { Problem } from '../problem.ts'

/**
 * How many functions stand behind a request: 0 from outside.
 *
 * @throws Problem 508 when they are too many
 */
export function depthOf(incoming: IncomingMessage): number {
  const text = incoming.headers[DEPTH_HEADER]
  if (text === undefined) return 0
  const depth = Number(text)
  if (Number.isInteger(depth) && depth >= 0 && depth <= MAX_INVOKE_DEPTH) return depth
  throw new Problem({ status: 508, code: 'invoke_too_deep', detail: TOO_DEEP })
}
