import { createHash } from 'node:crypto'
import { join } from 'node:path'

/** Bundles up to this size live in the store beside their record; larger ones are files. */
export const MAX_STORED_ARTIFACT_BYTES = 64 * 1024

/** Source maps above this are not kept: the places in such a bundle's stacks stay the bundle's. */
export const MAX_SOURCE_MAP_BYTES = 4 * 1024 * 1024

/** A bundle whose code cache would be larger has none. */
export const MAX_CODE_CACHE_BYTES = 2 * 1024 * 1024

/** Under what name a bundle runs: what its frames are called in a stack. */
export const SCRIPT_NAME = 'file:///function.js'

/** In a bundle, what comes before the name of a CommonJS module's own function: `upload:lib/greet.cjs`. */
export const MODULE_NAMESPACE = 'upload'

/** Store key of a small artifact. */
export function artifactKey(sha256: string): string {
  return `isolane:artifact:${sha256}`
}

/** File of a large artifact: two-level, so that no folder grows without bound. */
export function artifactPath(dataDir: string, sha256: string): string {
  return join(dataDir, 'artifacts', sha256.slice(0, 2), sha256)
}

/** What a code cache is good for. Never for another tenant: a bundle that gets the better of the compiler harms its own only. */
export interface CodeCacheName {
  readonly tenant: string
  readonly sha256: string
  /** Whatever must be the same where the cache is used: V8, its flags, the snapshot. */
  readonly engine: string
}

/** Folder of an artifact's code caches, to be removed with it. */
export function codeCacheFolder(dataDir: string, sha256: string): string {
  return join(dataDir, 'code-caches', sha256.slice(0, 2), sha256)
}

/** File of a code cache: `<tenant, hashed>.<engine, hashed>`. */
export function codeCachePath(dataDir: string, { tenant, sha256, engine }: CodeCacheName): string {
  const [tenantPart, enginePart] = [tenant, engine].map((part) => createHash('sha256').update(part).digest('hex').slice(0, 32))
  return join(codeCacheFolder(dataDir, sha256), `${tenantPart}.${enginePart}`)
}
