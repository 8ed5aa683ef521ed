import type { ReplyHead } from './messages.ts'
import { asInteger, asObject, asString, ContractError } from './parse.ts'

/**
 * The data connection: what is too large for the lane, or never ends. Plain HTTP/1.1 from the worker to the gateway that
 * accepted the invocation; its flow control is the backpressure, its end is the caller's end. Bearer: the gateway's secret.
 *
 *     GET  /invocations/{id}/{attempt}/request   → 200, the request's body as it comes in. 404: no such invocation (any more)
 *     POST /invocations/{id}/{attempt}/reply     ← a frame: head DataReplyHead, text ReplyHead; after it the reply's bytes
 *                                                → 204 when the caller has them all; cut when the caller has left
 *     POST /invoke                               ← a frame: head NestedInvocation, text EventHead, body the event's bytes
 *                                                → 200, a frame: head NestedReply; after it the reply's bytes
 *
 * Whoever cannot finish cuts the connection: a body that ended cleanly is whole.
 */

/** Where a gateway takes data connections; kept in Redis under `dataAddressKey`, refreshed while it lives. */
export interface DataAddress {
  /** Which machine the socket path is good on (`machineId`). */
  readonly machine: string
  readonly socketPath: string
  /** `host:port`, where workers may be on other machines. */
  readonly tcp?: string
  readonly secret: string
}

export interface DataReplyHead {
  /** The call goes on after its reply (`waitUntil`): the caller is not kept waiting for the lane's word on it. */
  readonly open: boolean
  readonly start: 'cold' | 'warm'
}

/** A function calls another one of its tenant. The gateway resolves, admits and submits it like any other. */
export interface NestedInvocation {
  /** The caller's invocation, which the gateway is waiting for: its tenant and depth are the gateway's own record. */
  readonly id: string
  readonly attempt: number
  readonly name: string
  readonly qualifier?: string
  readonly door: 'url' | 'rpc'
  /** What is left of the caller's own time. */
  readonly leftMs: number
}

/** `failed`: refused, or ended without a reply; in the words of the HTTP problem that an owner calling from outside would get. */
export type NestedReply =
  | { readonly kind: 'returned'; readonly head: ReplyHead }
  | { readonly kind: 'failed'; readonly code: string; readonly detail: string }

/** Longest chain of functions calling functions. */
export const MAX_INVOKE_DEPTH = 8

/** `prefix`: of the lane (lane/scripts.ts). */
export function dataAddressKey(prefix: string, gatewayId: string): string {
  return `${prefix}data:${gatewayId}`
}

export function parseDataAddress(value: unknown): DataAddress {
  const record = asObject(value, 'data address')
  return {
    machine: asString(record.machine, 'machine'),
    socketPath: asString(record.socketPath, 'socketPath'),
    secret: asString(record.secret, 'secret'),
    ...(record.tcp === undefined ? {} : { tcp: asString(record.tcp, 'tcp') }),
  }
}

export function parseDataReplyHead(value: unknown): DataReplyHead {
  const head = asObject(value, 'data reply')
  if (head.start !== 'cold' && head.start !== 'warm') throw new ContractError('start', head.start, '"cold" or "warm"')
  return { open: head.open === true, start: head.start }
}

export function parseNestedInvocation(value: unknown): NestedInvocation {
  const head = asObject(value, 'nested invocation')
  if (head.door !== 'url' && head.door !== 'rpc') throw new ContractError('door', head.door, '"url" or "rpc"')
  return {
    id: asString(head.id, 'id'),
    attempt: asInteger(head.attempt, 'attempt', 1, 1_000_000),
    name: asString(head.name, 'name'),
    ...(head.qualifier === undefined ? {} : { qualifier: asString(head.qualifier, 'qualifier') }),
    door: head.door,
    leftMs: asInteger(head.leftMs, 'leftMs', 0, 2 ** 31),
  }
}
