import { readFileSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import type { HostReply } from '../../runtime/contract/messages.ts'

/** Where the tests believe they were loaded from. */
export const TEST_ORIGIN = 'https://web-platform.test'

/**
 * Answers a function's `fetch` as the worker would: with a file of WPT, whole. Nothing here stands in for WPT's server:
 * whatever is no file, and every other origin, cannot be reached.
 *
 * @param text a HostCall
 */
export function serveFile(root: string, text: string): { readonly reply: HostReply; readonly body: ArrayBuffer | undefined } {
  const { args } = JSON.parse(text) as { args: { method: string; url: string } }
  const { origin, pathname } = new URL(args.url)
  const file = posix.join(root, posix.normalize(decodeURIComponent(pathname)))
  const isScript = pathname.endsWith('.py')
  const isThere = origin === TEST_ORIGIN && args.method === 'GET' && !isScript && statSync(file, { throwIfNoEntry: false })?.isFile() === true
  if (!isThere) return { reply: { ok: false, name: 'TypeError', message: `Cannot reach ${args.url} in these tests` }, body: undefined }
  const value = { status: 200, statusText: 'OK', headers: [], url: args.url, redirected: false, done: true }
  return { reply: { ok: true, value }, body: new Uint8Array(readFileSync(file)).buffer }
}
