import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** A helper that could not be started is tried again; more often would not help. */
const ATTEMPTS = 5

/**
 * Ends everything that still runs under a jailed child's own uid: what escaped code has forked outlives the process that
 * is killed. Returns how many processes there were. Only for a uid that no live child has, and never for the caller's own.
 *
 * `kill -1` from under that very uid: the kernel signals all of them at once, so that a process that forks without end
 * has no moment to get away in, and nothing but them, because that uid may signal nobody else.
 */
export async function endLeftovers(uid: number): Promise<number> {
  if (uid <= 0 || uid === process.getuid?.()) throw new RangeError(`Cannot end the processes of uid ${uid}: it is not a jailed child's`)
  let found = 0
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const left = await processesOf(uid)
    if (left === 0) return found
    found = Math.max(found, left)
    // Its own shell is hit as well: that is how it ends.
    await run('setpriv', [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--', 'sh', '-c', 'kill -KILL -1']).catch(() => {})
  }
  throw new Error(`Cannot end the processes of uid ${uid}: some are still there`)
}

/** Read from `status`: a process that may not be dumped shows as root's by its owner. Zombies run no more. */
async function processesOf(uid: number): Promise<number> {
  const own = new RegExp(`^Uid:\\t(${uid}\\t|\\d+\\t${uid}\\t)`, 'm')
  let count = 0
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue
    const status = await readFile(`/proc/${name}/status`, 'latin1').catch(() => '')
    if (own.test(status) && !/^State:\t[ZX]/m.test(status)) count++
  }
  return count
}
