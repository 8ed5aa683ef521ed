import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'

const LOOK_EVERY_MS = 200

/** No install takes this long; an older lock was left behind, and its process ids may belong to somebody else by now. */
export const LONGEST_INSTALL_MS = 15 * 60_000

/**
 * @param {{ pids: readonly number[], ageMs: number, isAlive: (pid: number) => boolean }} lock
 * @returns {boolean} true: whoever wrote it is gone
 */
export function isStale({ pids, ageMs, isAlive }) {
  return ageMs > LONGEST_INSTALL_MS || !pids.some(isAlive)
}

/**
 * Waits until no other start installs into the same folder, then keeps others from it.
 *
 * The file holds a process id per line. It is made and changed by link and rename, never written in place, so a reader sees all of it or none.
 *
 * @param {string} path of the lock file
 * @param {(pid: number) => void} onWait called once, with the process waited for
 * @returns {Promise<{ alsoHeldBy(pid: number): void, release(): void }>} `alsoHeldBy`: npm goes on when this process alone is killed, and then
 *   holds the lock by itself. Rejects when the file cannot be written.
 */
export async function takeInstallLock(path, onWait) {
  const own = `${path}.${process.pid}`
  for (let waited = false; ; ) {
    writeFileSync(own, `${process.pid}\n`)
    const taken = linkUnlessThere(own, path)
    rmSync(own)
    if (taken) break

    const lock = readLock(path)
    if (lock === undefined) continue
    if (isStale({ ...lock, isAlive })) {
      removeStale(path, own, lock.text)
      continue
    }
    if (!waited) onWait(/** @type {number} */ (lock.pids[0]))
    waited = true
    await wait(LOOK_EVERY_MS)
  }
  return {
    alsoHeldBy(pid) {
      writeFileSync(own, `${process.pid}\n${pid}\n`)
      renameSync(own, path)
    },
    release: () => rmSync(path, { force: true }),
  }
}

/**
 * @param {string} path
 * @returns {{ text: string, pids: number[], ageMs: number } | undefined} undefined: released meanwhile
 */
function readLock(path) {
  try {
    const text = readFileSync(path, 'utf8')
    return { text, pids: text.split('\n').filter(Boolean).map(Number), ageMs: Date.now() - statSync(path).mtimeMs }
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Two starts may find the same stale lock; the slower one must not remove the lock that the faster one has taken since.
 *
 * @param {string} path
 * @param {string} aside
 * @param {string} staleText
 */
function removeStale(path, aside, staleText) {
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (readFileSync(aside, 'utf8') !== staleText) linkUnlessThere(aside, path)
  rmSync(aside)
}

/**
 * @param {string} from
 * @param {string} to
 */
function linkUnlessThere(from, to) {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false
    throw error
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}
