import { type GuestPost, MAX_POSTS_PER_SLICE } from '../contract/messages.ts'
import { SafeRangeError } from './primordials.ts'

export type PostKind = keyof GuestPost
export type Post = (kind: PostKind, call: number, text?: string, body?: string | ArrayBuffer, extra?: number) => void

/** Text of one slice's messages, in UTF-16 units; answers are bounded by themselves and not counted. */
const MAX_POST_CHARS_PER_SLICE = 1024 * 1024

let send: Post = () => {
  throw new SafeRangeError('Cannot send a message: the sandbox is not attached yet')
}
let posts = 0
let chars = 0

export function attachPost(post: Post): void {
  send = post
}

/** Starts the count anew; called first thing in every slice. */
export function beginSliceMeter(): void {
  posts = 0
  chars = 0
}

/** Whether one more message of this size may still leave in this slice. */
export function mayPost(size: number): boolean {
  return posts < MAX_POSTS_PER_SLICE && chars + size <= MAX_POST_CHARS_PER_SLICE
}

/** Sends a metered message. Throws a RangeError to the author when the slice has sent too many or too much. */
export function post(kind: 'timer' | 'untimer' | 'log', call: number, text?: string, extra?: number): void {
  const size = text === undefined ? 0 : text.length
  if (!mayPost(size)) {
    throw new SafeRangeError(
      `Cannot send more: a function may send ${MAX_POSTS_PER_SLICE} messages and ${MAX_POST_CHARS_PER_SLICE} characters (timers, log lines) without awaiting in between`,
    )
  }
  posts++
  chars += size
  send(kind, call, text, undefined, extra)
}

/** Sends the answer of a call: at most one each, so not metered. */
export function postAnswer(kind: 'loaded' | 'failed' | 'result', call: number, text: string, body?: string | ArrayBuffer): void {
  send(kind, call, text, body)
}
