import { SafeTypeError } from './primordials.ts'

/** Present so that code which only might call it loads. */
export async function fetch(): Promise<never> {
  throw new SafeTypeError('Cannot fetch: outbound requests are not available on this platform yet')
}
