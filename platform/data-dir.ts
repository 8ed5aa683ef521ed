import { accessSync, constants, mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { StartError } from './start-error.ts'

const WAY_OUT = 'Set ISOLANE_DATA_DIR to a folder that this user can write to.'

/**
 * Makes the data directory unless it is there: for its owner only, since it holds every tenant's code and the admin key. One that
 * exists keeps its mode: in containers several users share it through a group.
 *
 * @returns its absolute path
 * @throws {StartError} when it cannot be made or written to
 */
export function createDataDir(dataDir: string): string {
  const path = resolve(dataDir)
  // Node's recursive mkdir never comes back from there.
  if (/^\/(proc|sys)(\/|$)/.test(path)) throw new StartError(`Cannot use the data directory ${path}: nothing can be kept there. ${WAY_OUT}`)
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return path
  } catch (error) {
    throw new StartError(`Cannot use the data directory ${path}: ${reason(error as NodeJS.ErrnoException)}. ${WAY_OUT}`)
  }
}

function reason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EACCES':
    case 'EPERM':
      return 'this user may not write there'
    case 'EROFS':
      return 'the file system is read-only'
    case 'ENOSPC':
      return 'the disk is full'
    case 'EEXIST':
    case 'ENOTDIR':
      return 'a file of that name, or on the way to it, is no folder'
    default:
      return error.message
  }
}
