/**
 * The launcher behind `npm start` and `npm test`. Plain JavaScript for Node 18 and newer, without dependencies: it runs before there are any.
 *
 * Sees to the dependencies (with them comes the Node that everything else runs on), sees to a Redis server, then runs the program.
 */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installDependencies } from './setup/install-dependencies.mjs'
import { provideRedis } from './setup/provide-redis.mjs'
import { wantsRedis } from './setup/redis-wanted.mjs'
import { endLike, runChild } from './setup/run-child.mjs'
import { Interrupted, SetupError } from './setup/setup-error.mjs'
import { stepEnvironment, stepsFor, USAGE } from './setup/steps.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [command = '', ...args] = process.argv.slice(2)

/** Progress goes to the error stream, so that the output of a `run` stays its own. @param {string} line */
const say = (line) => process.stderr.write(`${line}\n`)

try {
  process.exitCode = await main()
} catch (error) {
  if (error instanceof Interrupted) endLike({ code: null, signal: error.signal })
  if (!(error instanceof SetupError)) throw error
  say(`\n${error.message}`)
  process.exitCode = 1
}

async function main() {
  if (Number(process.versions.node.split('.')[0]) < 18) throw new SetupError(`Node.js 18 or newer is needed to start; this is ${process.version}.`)
  if (process.platform === 'win32') throw new SetupError('isolane runs on Linux and macOS. On Windows: inside WSL 2, or docker compose up --build')

  const cwd = command === 'test' ? root : process.cwd()
  const steps = stepsFor({ command, args, root, cwd, roles: process.env.ISOLANE_ROLES })
  if (steps === undefined) throw new SetupError(USAGE)

  const node = await installDependencies(root, say)
  const linkFolder = join(root, 'node_modules', '.isolane', 'bin')
  const redis = wantsRedis(command, process.env) ? await provideRedis({ command, linkFolder, cwd: root, say }) : undefined
  const env = stepEnvironment(command, process.env, redis)

  for (const { title, args, lifeline } of steps) {
    if (title !== undefined) say(`\n${title}`)
    const end = await runChild(node, args, { cwd, env, output: 'inherit', lifeline })
    if (end.signal !== null) endLike(end)
    if (end.code !== 0) return end.code ?? 1
  }
  return 0
}
