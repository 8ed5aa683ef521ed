import { join } from 'node:path'

/** Bundles up to this size live in the store beside their record; larger ones are files. */
export const MAX_STORED_ARTIFACT_BYTES = 64 * 1024

/** Source maps above this are not kept: the places in such a bundle's stacks stay the bundle's. */
export const MAX_SOURCE_MAP_BYTES = 4 * 1024 * 1024

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
