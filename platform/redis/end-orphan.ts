import { spawnSync } from 'node:child_process'
import { readlinkSync, realpathSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { StartError } from '../start-error.ts'
import { askServer } from './ask-server.ts'
import type { ServerPlace } from './server-arguments.ts'

const LOOK_EVERY_MS = 20

/**
 * Ends a server that a killed platform left behind and that still holds this folder; does nothing when there is none.
 * Two servers on one append-only file would destroy it, so this returns only once the old one is gone.
 *
 * A process counts as that server only when the folder is its working directory: a process id read from a file may have been given to
 * another program, and a data directory may have been copied while its platform ran.
 *
 * @param place folder and socket of the server that is about to start
 * @param recordedPid what the killed platform wrote down, if it came to that
 * @param patienceMs for a clean shutdown (SIGTERM writes everything to disk) before SIGKILL
 */
export async function endOrphan(place: ServerPlace, recordedPid: number | undefined, patienceMs = 10_000): Promise<void> {
  const folder = realpathSync(place.folder)
  const answering = /process_id:(\d+)/.exec((await askServer(place.socket, 'INFO server')) ?? '')?.[1]
  const pids = new Set([recordedPid, answering === undefined ? undefined : Number(answering)].filter((pid) => pid !== undefined))
  for (const pid of pids) {
    if (!(await endProcess(pid, folder, patienceMs)))
      throw new StartError(`Redis process ${pid} of an earlier run still uses ${folder} and cannot be ended. End it by hand: kill -9 ${pid}`)
  }
}

async function endProcess(pid: number, folder: string, patienceMs: number): Promise<boolean> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (workingDirectory(pid) !== folder) return true
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true
      return false
    }
    if (await leaves(pid, folder, patienceMs)) return true
  }
  return false
}

async function leaves(pid: number, folder: string, patienceMs: number): Promise<boolean> {
  for (const endMs = performance.now() + patienceMs; performance.now() < endMs; await wait(LOOK_EVERY_MS)) {
    if (workingDirectory(pid) !== folder) return true
  }
  return false
}

/** @returns undefined: there is no such process (a zombie has no working directory either), or it is somebody else's */
function workingDirectory(pid: number): string | undefined {
  if (process.platform !== 'linux') {
    return /^n(.+)$/m.exec(spawnSync('lsof', ['-a', '-p', String(pid), '-d', 'cwd', '-Fn'], { encoding: 'utf8' }).stdout ?? '')?.[1]
  }
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}
