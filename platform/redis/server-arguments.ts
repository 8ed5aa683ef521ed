/** The two servers: **lane** is hot and may lose its last second in a power cut, **store** answers only once it is on disk. */
export const SERVER_ROLES = ['lane', 'store'] as const
export type ServerRole = (typeof SERVER_ROLES)[number]

/** Where one server lives. Absolute paths. */
export interface ServerPlace {
  readonly role: ServerRole
  /** Its working directory: append-only files, process id. */
  readonly folder: string
  readonly socket: string
}

const DURABILITY: Readonly<Record<ServerRole, readonly string[]>> = {
  // Rewriting forks and copies; under load the lane's log grows by 64 MB, the default, every few seconds.
  lane: ['--appendfsync', 'everysec', '--auto-aof-rewrite-min-size', '1gb'],
  store: ['--appendfsync', 'always'],
}

/** Command line of one private server: no TCP port, one socket for this user, append-only file, nothing ever evicted. */
export function serverArguments({ role, folder, socket }: ServerPlace): string[] {
  return [
    ...['--port', '0', '--unixsocket', socket, '--unixsocketperm', '700'],
    ...['--dir', folder, '--daemonize', 'no', '--logfile', ''],
    ...['--appendonly', 'yes', '--save', '', ...DURABILITY[role]],
    // A kill -9 in the middle of a write leaves half a command at the end of the file: cut it off and go on.
    ...['--aof-load-truncated', 'yes'],
    ...['--maxmemory-policy', 'noeviction'],
  ]
}
