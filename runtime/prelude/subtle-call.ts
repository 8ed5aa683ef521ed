import type { KeyRecord } from '../contract/key-record.ts'
import { MAX_BUFFERED_BODY_BYTES } from '../contract/limits.ts'
import { cellCall } from './cell-call.ts'
import { type CryptoKey, createCryptoKey } from './crypto-key.ts'
import { DOMException } from './dom-exception.ts'
import { copyBytes, view } from './encoding.ts'
import type { HostValue } from './host-call.ts'
import { SafeArrayBuffer, SafeUint8Array } from './primordials.ts'
import type { Parts } from './subtle-parts.ts'

/** One call to the cell's Web Crypto. `argsText`: members of an object as JSON, without its braces. */
export function subtleCall(operation: string, argsText: string, parts: Parts): Promise<HostValue> {
  if (parts.total > MAX_BUFFERED_BODY_BYTES) {
    throw new DOMException(`One operation takes at most ${MAX_BUFFERED_BODY_BYTES} bytes, got ${parts.total}`, 'OperationError')
  }
  return cellCall(`crypto.${operation}`, `{"parts":${parts.lengthsText},${argsText}}`, parts.body())
}

/** The same, when the answer is bytes. */
export async function bytesCall(operation: string, argsText: string, parts: Parts): Promise<ArrayBuffer> {
  const { body } = await subtleCall(operation, argsText, parts)
  return body ?? new SafeArrayBuffer(0)
}

/** The same, when the answer is a key. */
export async function keyCall(operation: string, argsText: string, parts: Parts): Promise<CryptoKey> {
  const { value, body } = await subtleCall(operation, argsText, parts)
  return keyOf(value as KeyRecord, body as ArrayBuffer, 0)
}

/** A key as the cell describes it; its bytes begin at `from` in the answer's body. */
export function keyOf({ handle, spec, bytes }: KeyRecord, body: ArrayBuffer, from: number): CryptoKey {
  return createCryptoKey({ handle, spec, material: copyBytes(view(new SafeUint8Array(body), from, bytes)) })
}
