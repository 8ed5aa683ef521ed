import { createHash } from 'node:crypto'

/**
 * What the installed dependencies follow from, as one hash. Written into `node_modules` after an install has finished, compared at every start:
 * an interrupted install, a changed lockfile and a folder copied from another kind of machine all show as a difference.
 *
 * @param {{ packageJson: string, lock: string, platform: string, arch: string }} from texts of the two files; `process.platform`, `process.arch`
 * @returns {string} 64 hexadecimal digits
 */
export function installMark({ packageJson, lock, platform, arch }) {
  // Scripts and descriptions may change without a new install; only these fields reach node_modules.
  const { dependencies, devDependencies, optionalDependencies, overrides, allowScripts } = JSON.parse(packageJson)
  const from = [dependencies, devDependencies, optionalDependencies, overrides, allowScripts, lock, platform, arch]
  return createHash('sha256')
    .update(JSON.stringify(from.map((part) => part ?? null)))
    .digest('hex')
}
