import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StartError } from '../start-error.ts'

const SQLITE_BUSY = 5

/** Held on to here: a lock that is garbage collected would be a lock released. */
const held = new Set<DatabaseSync>()

/**
 * Keeps a second platform off a data directory until disposed, or until this process ends in whatever way.
 *
 * The lock is the kernel's, on `redis/lock`: it cannot outlive its owner, so there is no stale one to recognise and no process id that
 * could have been given to somebody else, not even one of another container on a shared volume. Node has no call for file locks of its own;
 * an exclusive transaction of SQLite, in which nothing is written, takes exactly one. `redis/owner.pid` is there for the message only.
 *
 * @param dataDir absolute path; must exist
 * @throws {StartError} naming the process that has it
 */
export function lockDataDir(dataDir: string): Disposable {
  const folder = join(dataDir, 'redis')
  const ownerFile = join(folder, 'owner.pid')
  const lock = openLock(dataDir, folder)
  try {
    // Without a journal in memory an empty journal file would be left beside the lock.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw cannotLock(dataDir, error)
    throw new StartError(
      `The data directory ${dataDir} is in use by another isolane, process ${ownerOf(ownerFile)}. ` +
        'Stop that one, or start this one with ISOLANE_DATA_DIR set to another folder (and ISOLANE_PORT to another port).',
    )
  }
  writeFileSync(ownerFile, `${process.pid}\n`)
  held.add(lock)
  return {
    [Symbol.dispose]() {
      if (held.delete(lock)) lock.close()
    },
  }
}

function openLock(dataDir: string, folder: string): DatabaseSync {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return new DatabaseSync(join(folder, 'lock'))
  } catch (error) {
    throw cannotLock(dataDir, error)
  }
}

function cannotLock(dataDir: string, error: unknown): StartError {
  return new StartError(
    `Cannot lock the data directory ${dataDir}: ${(error as Error).message}. Set ISOLANE_DATA_DIR to a folder that this user can write to.`,
  )
}

function ownerOf(ownerFile: string): string {
  try {
    return readFileSync(ownerFile, 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
