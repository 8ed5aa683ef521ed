import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../platform/main.ts', import.meta.url))

/** The controller role in a process of its own, on a Redis that is there already. */
export interface ControllerProcess extends AsyncDisposable {
  kill(signal: NodeJS.Signals): void
  readonly ended: Promise<unknown>
}

export async function startController(redisUrl: string): Promise<ControllerProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), 'isolane-test-'))
  const child = spawn(process.execPath, [MAIN], {
    env: {
      ...{ PATH: process.env.PATH, HOME: process.env.HOME, ISOLANE_ROLES: 'controller', REDIS_URL: redisUrl, ISOLANE_DATA_DIR: dataDir },
      ...{ ISOLANE_METRICS_PORT: '0', ISOLANE_LOG_LEVEL: 'warn', ISOLANE_ADMIN_KEY: 'a-key-for-tests' },
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit')
  let output = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (output.includes('isolane runs here as controller')) resolve()
    })
    child.once('exit', () => reject(new Error(`The controller ended before it was ready:\n${output}`)))
  })
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
