import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mountPointsBelowRoot } from './mount-points.ts'

/**
 * The process wall: how a child that will run other people's code is started.
 *
 *     unshare → choom → a root of its own → setpriv → prlimit → node …        each replaces itself by the next: one process in the end
 *
 * Started as root the child loads what it needs and then drops to a uid of its own (drop.ts), before it reads a single
 * byte of a tenant: a child under the parent's uid could read the parent's memory and environment, and one started
 * under a foreign uid could not read a checkout inside a 0700 home.
 */
export type Wall = 'uid' | 'netns' | 'ipcns' | 'rootfs' | 'nnp' | 'caps' | 'rlimit' | 'oom'

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
  /** Largest file it may write, in bytes (RLIMIT_FSIZE); absent: no limit. Pipes and sockets are no files. */
  readonly fileBytes?: number
  /**
   * Everything it reads, node and the system's libraries aside. Given, it gets a root directory of its own: the machine's
   * file system read-only, without /proc, /dev, /dev/shm and whatever else is mounted that it does not need.
   */
  readonly reads?: readonly string[]
}

/**
 * A bind mount of `/`, which takes no other mounts with it, and a chroot into it. In a mount namespace of the child's own,
 * so that nobody else sees it and nothing is left behind. A process in a chroot can make no user namespace either, in
 * which it would have all capabilities again. $1: where to put it; up to `--`: mount points to take along.
 */
const ROOT_SCRIPT = `root=$1; shift
mount --bind -o ro,nosuid / "$root" || exit 1
while [ "$1" != -- ]; do mount --bind -o ro,nosuid "$1" "$root$1" || exit 1; shift; done
shift
exec chroot "$root" "$@"`
/** Directories that are there on most systems, and empty on nearly all. */
const ROOT_PLACES = ['/mnt', '/srv', '/media', '/opt']

function holds(command: readonly string[], program: readonly string[] = ['true']): boolean {
  try {
    execFileSync(command[0] as string, [...command.slice(1), ...program], { stdio: 'ignore', env: { PATH: process.env.PATH }, timeout: 5_000 })
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
  // First to go when the machine runs out of memory. Before /proc is out of sight.
  add(['choom', '-n', '1000', '--'], 'oom')
  if (needs.reads !== undefined) {
    const paths = [process.execPath, ...needs.reads]
    const place = ROOT_PLACES.find((place) => existsSync(place) && !paths.some((path) => path.startsWith(`${place}/`)))
    const command = ['unshare', '--mount', '--', 'sh', '-c', ROOT_SCRIPT, 'sh', place ?? '', ...mountPointsBelowRoot(paths), '--']
    if (place !== undefined && holds([...prefix, ...command], ['ls', '--', ...paths])) add(command, 'rootfs')
  }
  // setuid and setgid stay reachable: the child needs them for its drop, and loses them by it.
  // Trimming the bounding set needs CAP_SETPCAP, which a container's root seldom has: its own set is small already.
  const trimmed = root && add(['setpriv', '--no-new-privs', '--bounding-set=-all,+setuid,+setgid', '--'], 'nnp', 'caps')
  if (!trimmed) add(['setpriv', '--no-new-privs', '--'], 'nnp')
  const data = needs.dataBytes === undefined ? [] : [`--data=${needs.dataBytes}`]
  const file = needs.fileBytes === undefined ? [] : [`--fsize=${needs.fileBytes}`]
  // RLIMIT_NPROC counts a whole uid: only where the child has one of its own may it be small.
  const processes = root ? [`--nproc=${needs.processes}`] : []
  add(['prlimit', '--core=0', `--nofile=${needs.openFiles}`, ...processes, ...data, ...file], 'rlimit')
  return { walls: root ? ['uid', ...walls] : walls, prefix }
}
