import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface TestRedis extends AsyncDisposable {
  /** Absolute path of its unix socket. */
  readonly url: string
  stop(): Promise<void>
}

/** A Redis of its own for one test file: on a unix socket in a fresh folder, in memory only. */
export async function startRedis(): Promise<TestRedis> {
  const binary = process.env.ISOLANE_REDIS_BINARY
  if (!binary)
    throw new Error('Cannot start a Redis for this test: ISOLANE_REDIS_BINARY is not set. `npm test` finds one; by hand, name a redis-server ≥ 7')
  const folder = await mkdtemp(join(tmpdir(), 'isolane-redis-'))
  const url = join(folder, 'redis.sock')
  const server = spawn(binary, ['--port', '0', '--unixsocket', url, '--unixsocketperm', '700', '--save', '', '--appendonly', 'no', '--dir', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = async () => {
    if (server.exitCode === null && server.signalCode === null && server.pid !== undefined) {
      server.kill('SIGKILL')
      await once(server, 'exit')
    }
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await readiness(server, binary)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, stop, [Symbol.asyncDispose]: stop }
}

async function readiness(server: ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> }, binary: string): Promise<void> {
  const lines: string[] = []
  const ready = Promise.withResolvers<void>()
  server.once('error', ready.reject)
  server.once('exit', (code) => ready.reject(new Error(`Cannot start ${binary}: it ended with ${code}\n${lines.join('\n')}`)))
  createInterface({ input: server.stdout }).on('line', (line) => {
    lines.push(line)
    // Redis 7 says "Ready to accept connections unix", Valkey and older ones put it a little differently.
    if (/ready to accept connections/i.test(line)) ready.resolve()
  })
  await ready.promise
}
