import { type KvScope, MAX_KV_KEY_BYTES, MAX_KV_METADATA_BYTES } from '../contract/kv.ts'
import { dateNow, isObject, jsonStringify, mathTrunc, numberIsInteger, numberToString, SafeTypeError, stringToWellFormed } from './primordials.ts'
import { cut, utf8Length } from './text.ts'

// Arguments as JSON text. The host checks all of it again; here an error has the author's own line in its stack.

export function keyArgs(scope: KvScope, key: unknown): string {
  return `{${keyFields(scope, key)}}`
}

/** Without the closing brace. */
export function putArgs(scope: KvScope, key: unknown, options: unknown): string {
  const { expirationTtl, expiration, metadata } = record(options, 'put')
  let fields = keyFields(scope, key)
  // Of both, as on Workers, the first counts.
  if (isGiven(expirationTtl)) fields += `,"expirationTtl":${seconds(expirationTtl, 'expirationTtl', 1, 'a number of seconds, at least 1')}`
  else if (isGiven(expiration)) {
    fields += `,"expiration":${seconds(expiration, 'expiration', mathTrunc(dateNow() / 1_000) + 1, 'seconds since 1970, in the future')}`
  }
  return isGiven(metadata) ? `{${fields},"metadata":${jsonStringify(metadataText(metadata))}` : `{${fields}`
}

export function listArgs(scope: KvScope, options: unknown, maxKeys: number): string {
  const { prefix, limit, cursor } = record(options, 'list')
  if (isGiven(prefix) && typeof prefix !== 'string') throw wrong('list', 'prefix', 'a string', prefix)
  if (isGiven(cursor) && typeof cursor !== 'string') throw wrong('list', 'cursor', 'a string', cursor)
  const most = isGiven(limit) ? limit : maxKeys
  if (!numberIsInteger(most) || (most as number) < 1 || (most as number) > maxKeys)
    throw wrong('list', 'limit', `an integer from 1 to ${maxKeys}`, limit)
  const from = isGiven(cursor) && cursor !== '' ? `,"cursor":${jsonStringify(cursor)}` : ''
  return `{"scope":"${scope}","prefix":${jsonStringify(stringToWellFormed((prefix ?? '') as string))},"limit":${numberToString(most as number)}${from}}`
}

export function wrong(method: string, name: string, wanted: string, got: unknown): unknown {
  const shown =
    typeof got === 'string'
      ? (jsonStringify(cut(got, 80)) as string)
      : typeof got === 'number'
        ? numberToString(got)
        : got === null
          ? 'null'
          : typeof got
  return new SafeTypeError(`Cannot ${method}: ${name} must be ${wanted}, got ${shown}`)
}

function keyFields(scope: KvScope, key: unknown): string {
  if (typeof key !== 'string') throw wrong('use KV', 'the key', 'a string', key)
  const text = stringToWellFormed(key)
  const bytes = utf8Length(text)
  if (bytes === 0 || bytes > MAX_KV_KEY_BYTES) throw wrong('use KV', 'the key', `1 to ${MAX_KV_KEY_BYTES} bytes in UTF-8`, bytes)
  if (text === '.' || text === '..') throw wrong('use KV', 'the key', 'other than "." and ".."', text)
  return `"scope":"${scope}","key":${jsonStringify(text)}`
}

function seconds(value: unknown, name: string, least: number, wanted: string): string {
  const whole = typeof value === 'number' ? mathTrunc(value) : undefined
  if (whole === undefined || !numberIsInteger(whole) || whole < least) throw wrong('put', name, wanted, value)
  return numberToString(whole)
}

function metadataText(metadata: unknown): string {
  const text = jsonStringify(metadata) as string | undefined
  if (text === undefined) throw wrong('put', 'metadata', 'something that JSON can say', metadata)
  const bytes = utf8Length(text)
  if (bytes > MAX_KV_METADATA_BYTES) throw wrong('put', 'metadata', `at most ${MAX_KV_METADATA_BYTES} bytes of JSON`, bytes)
  return text
}

function record(options: unknown, method: string): Record<string, unknown> {
  if (!isGiven(options)) return { __proto__: null } as unknown as Record<string, unknown>
  if (!isObject(options)) throw wrong(method, 'the options', 'an object', options)
  return options as Record<string, unknown>
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}
