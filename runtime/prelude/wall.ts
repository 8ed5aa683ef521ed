import { type GuestPost, MAX_POSTS_PER_SLICE } from '../contract/messages.ts'
import { arrayBufferByteLength, SafeRangeError } from './primordials.ts'

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
export function post(
  kind: 'timer' | 'untimer' | 'log' | 'call' | 'uncall',
  call: number,
  text?: string,
  extra?: number,
  body?: string | ArrayBuffer,
): void {
  const size =
    (text === undefined ? 0 : text.length) + (body === undefined ? 0 : typeof body === 'string' ? body.length : arrayBufferByteLength(body))
  if (!mayPost(size)) {
    throw new SafeRangeError(
      `Cannot send more: a function may send ${MAX_POSTS_PER_SLICE} messages and ${MAX_POST_CHARS_PER_SLICE} characters (timers, log lines, requests) without awaiting in between`,
    )
  }
  posts++
  chars += size
  send(kind, call, text, body, extra)
}

/** Sends a call that the cell answers by itself; cell-call.ts bounds them. */
export function postCellCall(call: number, text: string, number: number, body: ArrayBuffer | undefined): void {
  send('call', call, text, body, number)
}

/** Sends what ends a call or its reply: at most a few each, so not metered. */
export function postAnswer(
  kind: 'loaded' | 'failed' | 'result' | 'done',
  call: number,
  text: string,
  body?: string | ArrayBuffer,
  extra?: number,
): void {
  send(kind, call, text, body, extra)
}
