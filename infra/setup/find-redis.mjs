import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { redisCandidates } from './redis-candidates.mjs'
import { OLDEST_REDIS_MAJOR, parseServerVersion } from './redis-version.mjs'
import { SetupError } from './setup-error.mjs'

/**
 * Looks for a Redis or Valkey server that is new enough.
 *
 * @param {string | undefined} pathVariable
 * @param {string} linkFolder of our own, for a server that needs another name
 * @returns {{ path: string | undefined, tooOld: string[] }} `tooOld`: what was found and passed over, in words
 */
export function findRedis(pathVariable, linkFolder) {
  const tooOld = []
  for (const candidate of redisCandidates(pathVariable)) {
    if (!isExecutable(candidate.path)) continue
    const path = candidate.rename ? linkAsServer(candidate.path, linkFolder) : candidate.path
    const server = parseServerVersion(spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 }).stdout ?? '')
    if (server === undefined) continue
    if (server.major >= OLDEST_REDIS_MAJOR) return { path, tooOld }
    tooOld.push(`${candidate.path} is ${server.name} ${server.version}`)
  }
  return { path: undefined, tooOld }
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * @param {string} program
 * @param {string} folder
 */
function linkAsServer(program, folder) {
  const link = join(folder, 'redis-server')
  const fresh = `${link}.${process.pid}`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    symlinkSync(program, fresh)
    renameSync(fresh, link)
  } catch (error) {
    throw new SetupError(
      `The Redis server needs a link in ${folder}, which cannot be made: ${/** @type {Error} */ (error).message}\nMake that folder writable.`,
    )
  }
  return link
}
