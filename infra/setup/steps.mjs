import { join, resolve } from 'node:path'

/**
 * @typedef {{ title?: string, args: string[], lifeline: boolean }} Step
 * One run of Node: `title` is printed before it, `args` are Node's, `lifeline` as in run-child.mjs.
 */

export const USAGE = `Usage:
  npm start                     everything on this machine
  npm test                      types, lint and all tests
  npm test -- tests/unit        only the tests under a path (or any other arguments of vitest)
  node infra/setup.mjs run tests/bench/<file>.ts [arguments]`

/**
 * What to run for a command, in order; the first that fails ends it.
 *
 * @param {{ command: string | undefined, args: readonly string[], root: string, cwd: string, roles: string | undefined }} call
 *   `roles`: ISOLANE_ROLES
 * @returns {Step[] | undefined} undefined: no such command
 */
export function stepsFor({ command, args, root, cwd, roles }) {
  const [file, ...rest] = args
  switch (command) {
    case 'start': {
      const main = roles?.trim() === 'worker' ? 'runtime/main.ts' : 'platform/main.ts'
      return [{ args: [join(root, main), ...args], lifeline: true }]
    }
    case 'run':
      return file === undefined ? undefined : [{ args: [resolve(cwd, file), ...rest], lifeline: true }]
    case 'test': {
      const tool = (/** @type {string} */ path) => join(root, 'node_modules', path)
      const tests = { args: [tool('vitest/vitest.mjs'), 'run', ...args], lifeline: false }
      if (args.length > 0) return [tests]
      return [
        { title: 'Types', args: [tool('typescript/bin/tsc'), '-p', root], lifeline: false },
        { title: 'Types of the prelude', args: [tool('typescript/bin/tsc'), '-p', join(root, 'runtime/prelude')], lifeline: false },
        { title: 'Lint', args: [tool('@biomejs/biome/bin/biome'), 'check', root], lifeline: false },
        { title: 'Tests', ...tests },
      ]
    }
    default:
      return undefined
  }
}

/**
 * @param {string} command
 * @param {Readonly<Record<string, string | undefined>>} env
 * @param {string | undefined} redisBinary
 * @returns {Record<string, string | undefined>} what the program gets: tests see no setting of the person who runs them, and no Redis of theirs
 */
export function stepEnvironment(command, env, redisBinary) {
  const isSetting = (/** @type {string} */ name) => /^(ISOLANE_.*|REDIS_URL|DATABASE_URL)$/.test(name)
  const kept = command === 'test' ? Object.fromEntries(Object.entries(env).filter(([name]) => !isSetting(name))) : { ...env }
  return redisBinary === undefined ? kept : { ...kept, ISOLANE_REDIS_BINARY: redisBinary }
}
