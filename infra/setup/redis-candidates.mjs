import { delimiter, join } from 'node:path'

/** Where package managers put servers that a user's PATH may leave out. */
const USUAL_FOLDERS = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin', '/usr/sbin', '/usr/local/sbin', '/snap/bin']

/**
 * Where a Redis server may be, best first. Debian's redis-tools has the server without the name: `redis-check-rdb` is the same program and
 * becomes the server when it is started under that name.
 *
 * @param {string | undefined} pathVariable
 * @returns {{ path: string, rename: boolean }[]} `rename`: is a server only under the name redis-server
 */
export function redisCandidates(pathVariable) {
  const onPath = (pathVariable ?? '').split(delimiter).filter((folder) => folder.startsWith('/'))
  const folders = [...new Set([...onPath, ...USUAL_FOLDERS])]
  /** @param {string[]} names @param {boolean} rename */
  const named = (names, rename) => folders.flatMap((folder) => names.map((name) => ({ path: join(folder, name), rename })))
  return [...named(['valkey-server', 'redis-server'], false), ...named(['redis-check-rdb'], true)]
}
