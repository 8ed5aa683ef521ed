import { spawnSync } from 'node:child_process'

/**
 * Wraps a command so that the kernel sends it SIGTERM when this process dies in whatever way, where the system can do that (Linux with
 * util-linux). Elsewhere the command as it is: the next start then ends what was left behind.
 */
export function endWithParent(command: string, args: readonly string[]): { readonly command: string; readonly args: readonly string[] } {
  const probe = spawnSync('setpriv', ['--pdeathsig', 'TERM', 'true'], { stdio: 'ignore' })
  if (probe.status !== 0) return { command, args }
  return { command: 'setpriv', args: ['--pdeathsig', 'TERM', '--', command, ...args] }
}
