import { OLDEST_REDIS_MAJOR } from './redis-version.mjs'

/**
 * Does this command start a Redis server of its own? Tests always do: they must never touch one that somebody uses.
 *
 * @param {string} command `start`, `test` or `run`
 * @param {Readonly<Record<string, string | undefined>>} env
 */
export function wantsRedis(command, env) {
  if (command === 'test') return true
  return !env.REDIS_URL && env.ISOLANE_ROLES?.trim() !== 'worker'
}

/**
 * The message when there is no server and none may be installed.
 *
 * @param {{ command: string, byHand: string | undefined, tooOld: readonly string[], failure: string | undefined }} situation
 *   `byHand`: the install command of this system. `failure`: what the package manager said.
 */
export function redisMissing({ command, byHand, tooOld, failure }) {
  const older = tooOld.length === 0 ? '' : ` (${tooOld.join('; ')}: too old)`
  const install = byHand ?? 'with your package manager: valkey or redis'
  const ways =
    command === 'test'
      ? ['Install it, then run npm test again (no service has to run):', `     ${install}`]
      : [
          'Do one of these, then start again:',
          '  1. Install it (no service has to run):',
          `       ${install}`,
          '  2. Run it in Docker:',
          '       docker compose up -d redis',
          '       REDIS_URL=redis://localhost:6379 npm start',
          '  3. Use one you have:',
          '       REDIS_URL=redis://host:port npm start',
        ]
  const said =
    failure === undefined
      ? []
      : [
          'Installing it was tried and failed:',
          ...failure
            .trim()
            .split('\n')
            .slice(-5)
            .map((line) => `  ${line}`),
        ]
  return [`isolane needs a Redis server, version ${OLDEST_REDIS_MAJOR} or newer (Valkey too), and found none${older}.`, ...said, ...ways].join('\n')
}
