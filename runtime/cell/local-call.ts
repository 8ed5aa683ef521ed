import { isCellCall } from '../contract/messages.ts'
import type { Post } from './sandbox.ts'

/** A host call that this process answers by itself, inside the slice that made it. */
export interface LocalCall {
  /** Its number in the sandbox, to settle it by. */
  readonly number: number
  /** The invocation that made it. */
  readonly call: number
  /** A HostCall as the guest wrote it: nothing in it is believed yet. */
  readonly text: string
  readonly op: string
  readonly body: Uint8Array<ArrayBuffer>
}

/** How the prelude writes every HostCall. One that is written differently goes to the worker, which knows no such call. */
const START = '{"op":"'
const LONGEST_OP = 40

/** Cheap enough to be asked of every message: the text is looked at only as far as the name goes. */
export function isLocalCall(kind: string, text: string): boolean {
  return kind === 'call' && text.startsWith(START) && isCellCall(opOf(text))
}

export function asLocalCall(post: Post): LocalCall | undefined {
  if (!isLocalCall(post.kind, post.text)) return undefined
  const body = post.body instanceof ArrayBuffer ? new Uint8Array(post.body) : new Uint8Array(0)
  return { number: post.extra, call: post.call, text: post.text, op: opOf(post.text), body }
}

function opOf(text: string): string {
  const end = text.indexOf('"', START.length)
  return end === -1 || end - START.length > LONGEST_OP ? '' : text.slice(START.length, end)
}
