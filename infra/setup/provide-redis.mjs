import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { findRedis } from './find-redis.mjs'
import { redisInstallPlan } from './redis-install-plan.mjs'
import { redisMissing } from './redis-wanted.mjs'
import { runChild } from './run-child.mjs'
import { Interrupted, SetupError } from './setup-error.mjs'

/**
 * Finds a Redis server, or installs one where that is allowed without asking.
 *
 * @param {{ command: string, linkFolder: string, cwd: string, say: (line: string) => void }} options
 * @returns {Promise<string>} path of the server's program
 */
export async function provideRedis({ command, linkFolder, cwd, say }) {
  const found = findRedis(process.env.PATH, linkFolder)
  if (found.path !== undefined) return found.path

  const known = redisInstallPlan({ has, rights: rights(), aptListsEmpty: aptListsEmpty() })
  let failure
  if (known?.may) {
    say(`Installing a Redis server with ${known.plan.manager} (no service is started) …`)
    failure = await runFirstThatWorks(known.plan.attempts, cwd)
    const installed = findRedis(process.env.PATH, linkFolder)
    if (installed.path !== undefined) return installed.path
    found.tooOld = installed.tooOld
  }
  throw new SetupError(redisMissing({ command, byHand: known?.plan.byHand, tooOld: found.tooOld, failure }))
}

/**
 * @param {readonly string[][][]} attempts
 * @param {string} cwd
 * @returns {Promise<string | undefined>} what the last one said when all failed
 */
async function runFirstThatWorks(attempts, cwd) {
  let said
  for (const commands of attempts) {
    said = await firstFailure(commands, cwd)
    if (said === undefined) return undefined
  }
  return said
}

/**
 * @param {readonly string[][]} commands
 * @param {string} cwd
 */
async function firstFailure(commands, cwd) {
  for (const [program, ...args] of commands) {
    const end = await runChild(String(program), args, { cwd, env: process.env, output: 'collect' })
    if (end.interruptedBy) throw new Interrupted(end.interruptedBy)
    if (end.code !== 0) return end.output
  }
  return undefined
}

/** @param {string} program */
function has(program) {
  return spawnSync('sh', ['-c', 'command -v "$0"', program]).status === 0
}

/** @returns {'root' | 'sudo' | 'none'} */
function rights() {
  if (process.getuid?.() === 0) return 'root'
  return has('sudo') && spawnSync('sudo', ['-n', 'true']).status === 0 ? 'sudo' : 'none'
}

/** Slim images are shipped without package lists. */
function aptListsEmpty() {
  try {
    return !readdirSync('/var/lib/apt/lists').some((name) => name.includes('_Packages'))
  } catch {
    return true
  }
}
