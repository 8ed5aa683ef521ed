/**
 * Key-value state (`env.KV`): what the guest, the worker and the registry agree on. How records lie in the store is in
 * kv-records.lua beside this file; values above MAX_CHUNK_BYTES are files of the data directory.
 */

/** Whose keys: those of the running function, or those shared by all functions of its tenant. */
export const KV_SCOPES = ['function', 'tenant'] as const
export type KvScope = (typeof KV_SCOPES)[number]

/** In UTF-8. Keys are never empty, "." or "..". */
export const MAX_KV_KEY_BYTES = 512
export const MAX_KV_VALUE_BYTES = 1024 * 1024
/** As JSON, in UTF-8. */
export const MAX_KV_METADATA_BYTES = 1024
export const MAX_KV_LIST_KEYS = 1_000
/** Seconds: the last moment a Date can tell. */
export const MAX_KV_EXPIRATION = 8_640_000_000_000
export const MAX_KV_OPERATIONS = 1_000
/** Of one tenant, over all its functions. */
export const KV_QUOTA_BYTES = 64 * 1024 * 1024
/** What a key counts besides its own bytes, its value and its metadata: about what its place in the indexes takes. */
export const KV_KEY_OVERHEAD_BYTES = 256

/** Args of `kv.get` and `kv.delete`. */
export interface KvKeyArgs {
  readonly scope: KvScope
  readonly key: string
}

/** Answer of `kv.get`; null: no such key. The value is the body, or, above MAX_CHUNK_BYTES, is read from the pipe with the call's number. */
export interface KvFound {
  readonly size: number
  /** JSON text. */
  readonly metadata?: string
}

/** Args of `kv.put`. The value is the body, or, with `stream`, is written to the pipe with the call's number. */
export interface KvPutArgs extends KvKeyArgs {
  readonly stream?: true
  /** Seconds from now. */
  readonly expirationTtl?: number
  /** Seconds since 1970. */
  readonly expiration?: number
  /** JSON text. */
  readonly metadata?: string
}

export interface KvListArgs {
  readonly scope: KvScope
  readonly prefix: string
  readonly limit: number
  readonly cursor?: string
}

export interface KvPage {
  /** In the order of their bytes. */
  readonly keys: readonly KvListed[]
  /** Where the next page begins; absent on the last. */
  readonly cursor?: string
}

export interface KvListed {
  readonly name: string
  /** Seconds since 1970. */
  readonly expiration?: number
  /** JSON text. */
  readonly metadata?: string
}

/** How kv-records.lua names a scope. Function names have neither ":" nor "/". */
export function kvScopeName(scope: KvScope, functionName: string): string {
  return scope === 'tenant' ? 'tenant' : `function/${functionName}`
}

/** The store's set of the files that records point to: any other file is nobody's. */
export const KV_BLOBS_KEY = 'isolane:kv-blobs'

const BLOB_ID = /^[0-9a-f]{64}$/

/** The name of a value's file: random hex, so nothing in a path is of a tenant's making. */
export function isKvBlobId(text: string): boolean {
  return BLOB_ID.test(text)
}

export function kvBlobFolder(dataDir: string): string {
  return `${dataDir}/kv`
}

/** Two-level, so that no folder grows without bound. */
export function kvBlobPath(dataDir: string, id: string): string {
  return `${kvBlobFolder(dataDir)}/${id.slice(0, 2)}/${id}`
}
