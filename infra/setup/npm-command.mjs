import { basename, delimiter, join } from 'node:path'

// What `npm start --flag` leaves in the environment and would change which packages a nested `npm ci` installs, or where.
const MISLEADING = new Set(
  [
    'prefix local_prefix global_prefix global location workspace workspaces include_workspace_root',
    'omit include only also dev production optional package_lock package_lock_only shrinkwrap',
    'dry_run ignore_scripts bin_links install_strategy install_links global_style legacy_bundling',
    'legacy_peer_deps strict_peer_deps engine_strict force os cpu libc if_present json parseable',
    'loglevel silent quiet foreground_scripts user_agent npm_version node_gyp argv',
  ].flatMap((line) => line.split(' ').map((name) => `npm_config_${name}`)),
)

/**
 * The environment for a nested npm: registry, proxy, certificate and cache settings stay, whatever the outer `npm start` or
 * `npm test` said about itself goes.
 *
 * @param {Readonly<Record<string, string | undefined>>} env
 * @param {string} root the project's folder
 * @returns {Record<string, string>}
 */
export function npmEnvironment(env, root) {
  /** @type {Record<string, string>} */
  const kept = {}
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || name === 'INIT_CWD' || name === 'NODE_ENV') continue
    if (/^npm_(lifecycle|package)_|^npm_(command|execpath|node_execpath)$/.test(name)) continue
    if (MISLEADING.has(name.toLowerCase().replaceAll('-', '_'))) continue
    kept[name] = value
  }
  // npm runs scripts with our own .bin first, which has the very Node that `npm ci` is about to delete.
  const ownBin = join(root, 'node_modules', '.bin')
  kept.PATH = (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== ownBin)
    .join(delimiter)
  return kept
}

/**
 * How to call npm: the one that runs us with the Node that runs it, else the one on PATH (another package manager, or none, started us).
 *
 * @param {Readonly<Record<string, string | undefined>>} env
 * @param {string} root the project's folder
 * @returns {{ command: string, args: string[] }}
 */
export function npmCi(env, root) {
  const args = [
    'ci',
    `--prefix=${root}`,
    '--include=dev',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
    // The user's Node may be older than our packages want: they run on the Node that this install brings.
    '--engine-strict=false',
    '--loglevel=error',
    // Without its script the `node` package has no program. Which packages may run one is listed in package.json.
    '--ignore-scripts=false',
    '--dry-run=false',
    // Defaults of 10 s and 60 s would keep somebody without a network waiting for more than a minute.
    '--fetch-retry-mintimeout=1000',
    '--fetch-retry-maxtimeout=5000',
  ]
  const { npm_execpath: npm, npm_node_execpath: node } = env
  if (npm && node && basename(npm) === 'npm-cli.js') return { command: node, args: [npm, ...args] }
  return { command: 'npm', args }
}
