import { join } from 'node:path'

/** Bundles up to this size live in the store beside their record; larger ones are files. */
export const MAX_STORED_ARTIFACT_BYTES = 64 * 1024

/** Store key of a small artifact. */
export function artifactKey(sha256: string): string {
  return `isolane:artifact:${sha256}`
}

/** File of a large artifact: two-level, so that no folder grows without bound. */
export function artifactPath(dataDir: string, sha256: string): string {
  return join(dataDir, 'artifacts', sha256.slice(0, 2), sha256)
}
