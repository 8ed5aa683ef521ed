import { asInteger, asObject } from '../contract/parse.ts'
import type { CryptoKey, KeyCache } from './key-cache.ts'
import { findKey } from './key-record.ts'

/** Dictionaries inside dictionaries: an algorithm, its hash, nothing deeper. */
const MAX_DEPTH = 6
const MAX_PARTS = 16

/**
 * Arguments of a `crypto.*` call with their bytes and keys in place. In the text, `{ bytes: i }` stands for the i-th part
 * of the body, whose lengths are in `parts`, and `{ key: … }` for a key. What comes out is made of text, numbers,
 * booleans, byte arrays, keys and records that inherit nothing; Node's own Web Crypto checks what they mean.
 */
export function readArguments(keys: KeyCache, args: Record<string, unknown>, body: Uint8Array<ArrayBuffer>): Record<string, unknown> {
  const parts = cutParts(args.parts, body)
  const read: Record<string, unknown> = Object.create(null)
  for (const [name, value] of Object.entries(args)) if (name !== 'parts') read[name] = readValue(keys, value, parts, 0)
  return read
}

function cutParts(lengths: unknown, body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  if (!Array.isArray(lengths) || lengths.length > MAX_PARTS) throw new TypeError(`Cannot read parts: wanted at most ${MAX_PARTS} lengths`)
  const parts: Uint8Array<ArrayBuffer>[] = []
  let at = 0
  for (const length of lengths) {
    asInteger(length, 'parts', 0, body.length - at)
    parts.push(body.subarray(at, at + length))
    at += length
  }
  return parts
}

function readValue(keys: KeyCache, value: unknown, parts: readonly Uint8Array<ArrayBuffer>[], depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) throw new TypeError(`Cannot read the call: it is deeper than ${MAX_DEPTH}`)
  if (Array.isArray(value)) return value.map((item) => readValue(keys, item, parts, depth + 1))
  const record = value as Record<string, unknown>
  if (Object.hasOwn(record, 'bytes')) return partOf(parts, record.bytes)
  if (Object.hasOwn(record, 'key')) return readKey(keys, asObject(record.key, 'key'), parts)
  const read: Record<string, unknown> = Object.create(null)
  for (const [name, member] of Object.entries(record)) read[name] = readValue(keys, member, parts, depth + 1)
  return read
}

function readKey(keys: KeyCache, key: Record<string, unknown>, parts: readonly Uint8Array<ArrayBuffer>[]): CryptoKey {
  return findKey(keys, key, partOf(parts, key.part))
}

function partOf(parts: readonly Uint8Array<ArrayBuffer>[], index: unknown): Uint8Array<ArrayBuffer> {
  return parts[asInteger(index, 'part', 0, parts.length - 1)] as Uint8Array<ArrayBuffer>
}
