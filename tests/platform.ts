import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

export interface PlatformOptions {
  /** Kept by the caller when given; else a temporary one that goes with the platform. */
  readonly dataDir?: string
  readonly env?: Readonly<Record<string, string>>
}

/** A whole platform in processes of its own, on free ports, as a user would have it. */
export interface Platform extends AsyncDisposable {
  readonly url: string
  readonly key: string
  readonly dataDir: string
  readonly pid: number
  /** Everything it printed so far. */
  output(): string
  /** With the admin key, unless the headers say otherwise. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  json<T = Record<string, unknown>>(path: string, init?: RequestInit): Promise<T>
  /** Uploads a module; throws with the answer's text unless it is accepted. */
  deploy(name: string, source: string, query?: string): Promise<Record<string, unknown>>
  workers(): Promise<{ id: string; pid: number; state: string }[]>
  /** Asks it to end and waits until everything it started has; how it ended: an exit code, or the signal that did it. */
  stop(): Promise<number | NodeJS.Signals>
  /** SIGKILL to the platform process alone. */
  kill(): Promise<void>
}

export async function startPlatform({ dataDir, env = {} }: PlatformOptions = {}): Promise<Platform> {
  const binary = process.env.ISOLANE_REDIS_BINARY
  if (binary === undefined) throw new Error('ISOLANE_REDIS_BINARY is not set: run the tests with "npm test", which finds a Redis server')
  const own = dataDir === undefined
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'isolane-test-')))
  const child = spawn(process.execPath, [join(ROOT, 'platform/main.ts')], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ISOLANE_REDIS_BINARY: binary,
      ISOLANE_DATA_DIR: folder,
      ISOLANE_PORT: '0',
      ISOLANE_METRICS_PORT: '0',
      ISOLANE_LOG_LEVEL: 'warn',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const ended = new Promise<number | NodeJS.Signals>((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code ?? 'SIGKILL')))
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const hear = (text: string): void => {
      output += text
      if (output.includes('isolane is ready on')) resolve()
    }
    child.stdout?.setEncoding('utf8').on('data', hear)
    child.stderr?.setEncoding('utf8').on('data', hear)
    child.once('exit', (code, signal) => reject(new Error(`The platform ended (${signal ?? code}) before it was ready:\n${output}`)))
  })
  const url = /isolane is ready on (\S+)/.exec(output)?.[1] as string
  const key = env.ISOLANE_ADMIN_KEY ?? (await readFile(join(folder, 'admin-key'), 'utf8')).trim()
  return handle({ child, ended, folder, own, url, key, output: () => output })
}

interface Parts {
  readonly child: ChildProcess
  readonly ended: Promise<number | NodeJS.Signals>
  readonly folder: string
  readonly own: boolean
  readonly url: string
  readonly key: string
  readonly output: () => string
}

function handle({ child, ended, folder, own, url, key, output }: Parts): Platform {
  const call = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(url + path, { ...init, headers: { authorization: `Bearer ${key}`, ...(init.headers as Record<string, string>) } })
  const end = async (signal: NodeJS.Signals): Promise<number | NodeJS.Signals> => {
    child.kill(signal)
    return await ended
  }
  const platform: Platform = {
    url,
    key,
    dataDir: folder,
    pid: child.pid as number,
    output,
    fetch: call,
    async json<T>(path: string, init?: RequestInit) {
      return (await (await call(path, init)).json()) as T
    },
    async deploy(name, source, query = '') {
      const response = await call(`/v1/functions/${name}${query === '' ? '' : `?${query}`}`, { method: 'PUT', body: source })
      const text = await response.text()
      if (response.status !== 201) throw new Error(`Cannot deploy ${name}: ${response.status} ${text}`)
      return JSON.parse(text) as Record<string, unknown>
    },
    async workers() {
      return (await platform.json<{ workers: { id: string; pid: number; state: string }[] }>('/v1/workers')).workers
    },
    async stop() {
      const how = await end('SIGTERM')
      if (own) await rm(folder, { recursive: true, force: true })
      return how
    },
    async kill() {
      await end('SIGKILL')
    },
    async [Symbol.asyncDispose]() {
      await platform.stop()
    },
  }
  return platform
}
