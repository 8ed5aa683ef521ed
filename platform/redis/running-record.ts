import { readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SERVER_ROLES, type ServerRole } from './server-arguments.ts'
import { socketPath } from './socket-folder.ts'

/** What a start leaves in the data directory so that the next one can clear up after a kill -9. */
export interface RunningRecord {
  readonly socketFolder: string
  readonly isTemporary: boolean
  /** Empty until the servers have been started. */
  readonly pids: Readonly<Partial<Record<ServerRole, number>>>
}

export function writeRunningRecord(folder: string, record: RunningRecord): void {
  const path = recordPath(folder)
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** @returns undefined: the last run ended cleanly, or there was none */
export function readRunningRecord(folder: string): RunningRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordPath(folder), 'utf8')) as RunningRecord
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Removes the sockets, their temporary folder and the record. Only once no server uses them. */
export function clearRunningRecord(folder: string, { socketFolder, isTemporary }: RunningRecord): void {
  for (const role of SERVER_ROLES) rmSync(socketPath(socketFolder, role), { force: true })
  if (isTemporary) removeEmptyFolder(socketFolder)
  rmSync(recordPath(folder), { force: true })
}

function removeEmptyFolder(path: string): void {
  try {
    // Not recursive: the path was read from a file.
    rmdirSync(path)
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

function recordPath(folder: string): string {
  return join(folder, 'running.json')
}
