import { MAX_SUBREQUESTS } from '../contract/messages.ts'
import { type HostContext, HostError } from './operation.ts'

/**
 * Counts one more request to the outside or to another function; every hop of a redirect is one.
 *
 * @param failure how a message about it begins
 * @throws HostError TypeError when the invocation has made all it may
 */
export function countSubrequest({ spent }: HostContext, failure: string): void {
  if (spent.subrequests >= MAX_SUBREQUESTS) {
    const limit = `this invocation has made ${MAX_SUBREQUESTS} requests, redirects and calls of other functions included, which is all it may make`
    throw new HostError('TypeError', `${failure}: ${limit} (fixed for all functions)`)
  }
  spent.subrequests++
}
