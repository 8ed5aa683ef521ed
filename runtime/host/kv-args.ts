import {
  KV_SCOPES,
  type KvKeyArgs,
  type KvListArgs,
  type KvScope,
  MAX_KV_EXPIRATION,
  MAX_KV_KEY_BYTES,
  MAX_KV_LIST_KEYS,
  MAX_KV_METADATA_BYTES,
} from '../contract/kv.ts'
import { HostError } from './operation.ts'

/** What to put, besides the value. */
export interface KvPut extends KvKeyArgs {
  readonly isStream: boolean
  /** Milliseconds since 1970; 0: never. */
  readonly expiresAt: number
  /** JSON text; empty: none. */
  readonly metadata: string
}

/** Where a list begins: after this key, or, when it is empty, with the first. */
export interface KvListing extends Omit<KvListArgs, 'cursor'> {
  readonly after: string
}

// What a function sent, as values. All of these throw a HostError of the name TypeError that says which argument is wrong.

export function parseKeyArgs(args: unknown): KvKeyArgs {
  const { scope, key } = record(args)
  return { scope: parseScope(scope), key: parseKey(key) }
}

/** `now`: ms since 1970. */
export function parsePutArgs(args: unknown, now: number): KvPut {
  const { stream, expirationTtl, expiration, metadata } = record(args)
  return {
    ...parseKeyArgs(args),
    isStream: stream === true,
    expiresAt: parseExpiry(expirationTtl, expiration, now),
    metadata: parseMetadata(metadata),
  }
}

export function parseListArgs(args: unknown): KvListing {
  const { scope, prefix, limit, cursor } = record(args)
  if (!isText(prefix) || Buffer.byteLength(prefix) > MAX_KV_KEY_BYTES) throw wrong('prefix', `a string of at most ${MAX_KV_KEY_BYTES} bytes`, prefix)
  if (!isIntegerFrom(limit, 1, MAX_KV_LIST_KEYS)) throw wrong('limit', `an integer from 1 to ${MAX_KV_LIST_KEYS}`, limit)
  return { scope: parseScope(scope), prefix, limit, after: cursor === undefined ? '' : parseCursor(cursor, prefix) }
}

/** `after`: the last key of the page before. */
export function cursorAfter(after: string): string {
  return Buffer.from(after).toString('base64url')
}

function parseCursor(cursor: unknown, prefix: string): string {
  const after = typeof cursor === 'string' ? Buffer.from(cursor, 'base64url').toString('utf8') : undefined
  if (after === undefined || !isKey(after) || cursorAfter(after) !== cursor || !after.startsWith(prefix)) {
    throw wrong('cursor', 'what an earlier list with the same prefix gave', cursor)
  }
  return after
}

function parseScope(scope: unknown): KvScope {
  if (!KV_SCOPES.includes(scope as KvScope)) throw wrong('scope', `one of ${KV_SCOPES.join(', ')}`, scope)
  return scope as KvScope
}

function parseKey(key: unknown): string {
  if (!isKey(key)) throw wrong('key', `a string of 1 to ${MAX_KV_KEY_BYTES} bytes in UTF-8, not "." or ".."`, key)
  return key
}

function isKey(key: unknown): key is string {
  return isText(key) && key !== '' && key !== '.' && key !== '..' && Buffer.byteLength(key) <= MAX_KV_KEY_BYTES
}

function parseExpiry(ttl: unknown, expiration: unknown, now: number): number {
  if (ttl !== undefined) {
    if (!isIntegerFrom(ttl, 1, MAX_KV_EXPIRATION)) throw wrong('expirationTtl', 'a whole number of seconds, at least 1', ttl)
    return Math.min(Math.floor(now) + ttl * 1_000, MAX_KV_EXPIRATION * 1_000)
  }
  if (expiration === undefined) return 0
  if (!isIntegerFrom(expiration, 1, MAX_KV_EXPIRATION) || expiration * 1_000 <= now)
    throw wrong('expiration', 'seconds since 1970, in the future', expiration)
  return expiration * 1_000
}

function parseMetadata(metadata: unknown): string {
  if (metadata === undefined) return ''
  if (!isText(metadata) || Buffer.byteLength(metadata) > MAX_KV_METADATA_BYTES || !isJson(metadata)) {
    throw wrong('metadata', `JSON of at most ${MAX_KV_METADATA_BYTES} bytes`, metadata)
  }
  return metadata
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** A lone surrogate has no bytes of its own in UTF-8: two such texts would become one key. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed()
}

function isIntegerFrom(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}

function record(args: unknown): Record<string, unknown> {
  if (typeof args !== 'object' || args === null) throw wrong('args', 'an object', args)
  return args as Record<string, unknown>
}

function wrong(name: string, wanted: string, value: unknown): HostError {
  const text = JSON.stringify(value) ?? String(value)
  return new HostError('TypeError', `Cannot use KV: ${name} must be ${wanted}, got ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`)
}
