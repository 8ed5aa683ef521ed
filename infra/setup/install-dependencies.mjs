import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { explainInstallFailure } from './install-failure.mjs'
import { takeInstallLock } from './install-lock.mjs'
import { installMark } from './install-mark.mjs'
import { npmCi, npmEnvironment } from './npm-command.mjs'
import { runChild } from './run-child.mjs'
import { Interrupted, SetupError } from './setup-error.mjs'

/**
 * Runs `npm ci` unless what lies in `node_modules` is what the lockfile asks for.
 *
 * @param {string} root the project's folder
 * @param {(line: string) => void} say
 * @returns {Promise<string>} the Node that came with the dependencies
 */
export async function installDependencies(root, say) {
  const node = join(root, 'node_modules', '.bin', 'node')
  const markPath = join(root, 'node_modules', '.isolane-installed')
  const mark = installMark({
    packageJson: readFileSync(join(root, 'package.json'), 'utf8'),
    lock: readFileSync(join(root, 'package-lock.json'), 'utf8'),
    platform: process.platform,
    arch: process.arch,
  })
  const isInstalled = () => existsSync(node) && existsSync(markPath) && readFileSync(markPath, 'utf8').trim() === mark
  if (isInstalled()) return node

  const lock = await takeInstallLock(join(root, '.isolane-install.lock'), (pid) =>
    say(`Another start (process ${pid}) is installing the dependencies; waiting for it …`),
  ).catch((error) => {
    throw new SetupError(explainInstallFailure(String(error), { root, proxy: undefined }))
  })
  try {
    if (isInstalled()) return node
    say('Installing dependencies (about 20 s) …')
    rmSync(markPath, { force: true })
    await runNpmCi(root, lock.alsoHeldBy)
    checkNode(node, root)
    writeFileSync(markPath, `${mark}\n`)
    return node
  } catch (error) {
    // npm puts this Node first on the PATH of its scripts: one that does not run would keep even this launcher from starting again.
    rmSync(node, { force: true })
    throw error
  } finally {
    lock.release()
  }
}

/**
 * @param {string} root
 * @param {(pid: number) => void} onStart
 */
async function runNpmCi(root, onStart) {
  const { command, args } = npmCi(process.env, root)
  const env = npmEnvironment(process.env, root)
  const npm = await runChild(command, args, { cwd: root, env, output: 'collect', onStart }).catch((error) => {
    throw new SetupError(`npm cannot be started: ${error.message}\nInstall it beside Node.js (https://nodejs.org), then run the same command again.`)
  })
  if (npm.interruptedBy) throw new Interrupted(npm.interruptedBy)
  if (npm.code === 0) return
  const proxy = env.npm_config_https_proxy ?? env.npm_config_proxy ?? env.HTTPS_PROXY ?? env.https_proxy ?? env.HTTP_PROXY ?? env.http_proxy
  throw new SetupError(`${npm.output.trimEnd()}\n\n${explainInstallFailure(npm.output, { root, proxy })}`)
}

/**
 * @param {string} node
 * @param {string} root
 */
function checkNode(node, root) {
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' })
  if (version.status === 0) return
  const said = version.error?.message ?? version.stderr.trim()
  if (/shared libraries/.test(said)) throw new SetupError(explainInstallFailure(said, { root, proxy: undefined }))
  throw new SetupError(
    `The Node.js that came with the dependencies does not run here (${said}).\n` +
      'It needs Linux with glibc (Debian, Ubuntu, Fedora …; not Alpine) or macOS. Anywhere else: docker compose up --build',
  )
}
