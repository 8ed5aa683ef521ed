/**
 * @typedef {{
 *   manager: string,
 *   attempts: string[][][],
 *   byHand: string,
 * }} InstallPlan
 * `attempts`: lists of commands, each a program and its arguments; the first list that runs without an error is enough.
 * `byHand`: what a person would type.
 */

/**
 * How to get a Redis server from this system's package manager, without leaving a service behind: redis-tools brings no unit file, and
 * apk, dnf and brew install one but start and enable nothing.
 *
 * @param {{
 *   has: (program: string) => boolean,
 *   rights: 'root' | 'sudo' | 'none',
 *   aptListsEmpty: boolean,
 * }} system `sudo`: `sudo -n` works without a password
 * @returns {{ plan: InstallPlan, may: boolean } | undefined} `may`: it can be run here and now; undefined: no package manager that we know
 */
export function redisInstallPlan({ has, rights, aptListsEmpty }) {
  const may = rights !== 'none'
  /** @param {string[]} command */
  const asRoot = (...command) => (rights === 'sudo' ? ['sudo', '-n', ...command] : command)
  const sudo = rights === 'root' ? '' : 'sudo '

  if (has('apt-get')) {
    const options = ['-o', 'DPkg::Lock::Timeout=120']
    const install = asRoot('env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', 'install', '-y', '--no-install-recommends', ...options, 'redis-tools')
    const update = asRoot('apt-get', 'update', ...options)
    return {
      plan: {
        manager: 'apt-get',
        attempts: aptListsEmpty ? [[update, install]] : [[install], [update, install]],
        byHand: `${sudo}apt-get update && ${sudo}apt-get install -y --no-install-recommends redis-tools`,
      },
      may,
    }
  }
  if (has('apk')) return { plan: { manager: 'apk', attempts: [[asRoot('apk', 'add', 'redis')]], byHand: `${sudo}apk add redis` }, may }
  if (has('dnf')) {
    const install = (/** @type {string} */ name) => [asRoot('dnf', 'install', '-y', name)]
    return { plan: { manager: 'dnf', attempts: [install('valkey'), install('redis')], byHand: `${sudo}dnf install -y valkey` }, may }
  }
  // Homebrew installs for the user and refuses root.
  if (has('brew'))
    return { plan: { manager: 'brew', attempts: [[['brew', 'install', 'valkey']]], byHand: 'brew install valkey' }, may: rights !== 'root' }
  return undefined
}
