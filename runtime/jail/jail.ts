import { execFileSync } from 'node:child_process'

/**
 * The process wall: how a child that will run other people's code is started.
 *
 *     unshare → setpriv → prlimit → choom → node …        each replaces itself by the next: one process in the end
 *
 * Started as root the child loads what it needs and then drops to a uid of its own (drop.ts), before it reads a single
 * byte of a tenant: a child under the parent's uid could read the parent's memory and environment, and one started
 * under a foreign uid could not read a checkout inside a 0700 home.
 */
export type Wall = 'uid' | 'netns' | 'ipcns' | 'nnp' | 'caps' | 'rlimit' | 'oom'

export interface Jail {
  /** Which walls hold on this machine, found out by trying. */
  readonly walls: readonly Wall[]
  /** Words in front of the child's own command. */
  readonly prefix: readonly string[]
}

export interface JailNeeds {
  /** Most open files. */
  readonly openFiles: number
  /** Most processes and threads under the child's uid. */
  readonly processes: number
  /** Most bytes of private writable memory (RLIMIT_DATA); absent: no limit. Useless where isolates are: each maps 514 MB. */
  readonly dataBytes?: number
}

function holds(command: readonly string[]): boolean {
  try {
    execFileSync(command[0] as string, [...command.slice(1), 'true'], { stdio: 'ignore', env: { PATH: process.env.PATH }, timeout: 5_000 })
    return true
  } catch {
    return false
  }
}

/** Tries each wall once, by itself and on top of the ones that held, and keeps those that do. */
export function probeJail(needs: JailNeeds): Jail {
  const walls: Wall[] = []
  const prefix: string[] = []
  const add = (command: readonly string[], ...names: Wall[]): boolean => {
    if (!holds([...prefix, ...command])) return false
    prefix.push(...command)
    walls.push(...names)
    return true
  }
  const root = process.getuid?.() === 0
  add(['unshare', '--net', '--'], 'netns')
  add(['unshare', '--ipc', '--'], 'ipcns')
  // setuid and setgid stay reachable: the child needs them for its drop, and loses them by it.
  // Trimming the bounding set needs CAP_SETPCAP, which a container's root seldom has: its own set is small already.
  const trimmed = root && add(['setpriv', '--no-new-privs', '--bounding-set=-all,+setuid,+setgid', '--'], 'nnp', 'caps')
  if (!trimmed) add(['setpriv', '--no-new-privs', '--'], 'nnp')
  const data = needs.dataBytes === undefined ? [] : [`--data=${needs.dataBytes}`]
  // RLIMIT_NPROC counts a whole uid: only where the child has one of its own may it be small.
  const processes = root ? [`--nproc=${needs.processes}`] : []
  add(['prlimit', '--core=0', `--nofile=${needs.openFiles}`, ...processes, ...data], 'rlimit')
  // First to go when the machine runs out of memory.
  add(['choom', '-n', '1000', '--'], 'oom')
  return { walls: root ? ['uid', ...walls] : walls, prefix }
}
