import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EmbeddedRedis, startEmbeddedRedis } from '../../platform/redis/embedded-redis.ts'
import { endOrphan } from '../../platform/redis/end-orphan.ts'
import { serverArguments } from '../../platform/redis/server-arguments.ts'

const binary = process.env.ISOLANE_REDIS_BINARY ?? ''
if (binary === '') throw new Error('ISOLANE_REDIS_BINARY is not set: start the tests with `npm test -- tests/lane`, which finds a Redis server.')

const OWNER = fileURLToPath(new URL('./embedded-redis-owner.ts', import.meta.url))

interface Started {
  readonly laneUrl: string
  readonly storeUrl: string
  readonly pids: { readonly lane: number; readonly store: number }
}

let dataDir: string
let cleanup: AsyncDisposableStack

beforeEach(() => {
  cleanup = new AsyncDisposableStack()
  const fresh = mkdtempSync(join(tmpdir(), 'isl-redis-'))
  cleanup.defer(() => rmSync(fresh, { recursive: true, force: true }))
  dataDir = fresh
})

afterEach(() => cleanup.disposeAsync())

describe('the embedded servers', () => {
  it('answer on two private sockets, with the durability of their roles', async () => {
    const redis = await start()
    const lane = open(redis.laneUrl)
    const store = open(redis.storeUrl)

    expect(await lane.ping()).toBe('PONG')
    expect(await lane.config('GET', 'appendfsync')).toEqual(['appendfsync', 'everysec'])
    expect(await lane.config('GET', 'auto-aof-rewrite-min-size')).toEqual(['auto-aof-rewrite-min-size', String(1024 ** 3)])
    expect(await store.config('GET', 'appendfsync')).toEqual(['appendfsync', 'always'])
    for (const client of [lane, store]) {
      expect(await client.config('GET', 'port')).toEqual(['port', '0'])
      expect(await client.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction'])
      expect(await client.config('GET', 'save')).toEqual(['save', ''])
    }
    for (const socket of [redis.laneUrl, redis.storeUrl]) {
      expect(statSync(socket).mode & 0o777).toBe(0o700)
      expect(statSync(dirname(socket)).mode & 0o777).toBe(0o700)
    }
  })

  it('leave no process, no socket and no record behind when stopped, and the data directory free', async () => {
    const redis = await start()
    await Promise.all([redis.stop(), redis.stop()])

    expect(isRunning(redis.pids.lane)).toBe(false)
    expect(isRunning(redis.pids.store)).toBe(false)
    expect(readdirSync(join(dataDir, 'redis')).sort()).toEqual(['lane', 'lock', 'owner.pid', 'store'])
    await (await start()).stop()
  })

  it('keep what was written over a clean stop', async () => {
    const first = await start()
    await open(first.laneUrl).set('kept', 'lane')
    await open(first.storeUrl).set('kept', 'store')
    await first.stop()

    const second = await start()
    expect(await open(second.laneUrl).get('kept')).toBe('lane')
    expect(await open(second.storeUrl).get('kept')).toBe('store')
  })

  it('keep what was acknowledged over a kill -9 of everything', async () => {
    const owner = await startOwner()
    await open(owner.laneUrl).set('kept', 'lane')
    await open(owner.storeUrl).set('kept', 'store')
    for (const pid of [owner.process.pid, owner.pids.lane, owner.pids.store]) process.kill(Number(pid), 'SIGKILL')
    await once(owner.process, 'close')

    const redis = await start()
    expect(await open(redis.laneUrl).get('kept')).toBe('lane')
    expect(await open(redis.storeUrl).get('kept')).toBe('store')
  })

  it('start on a log that ends in the middle of a command, without that command', async () => {
    const first = await start()
    await open(first.storeUrl).set('kept', 'whole')
    await first.stop()
    const logs = join(dataDir, 'redis/store/appendonlydir')
    const log = readdirSync(logs).find((name) => name.endsWith('.incr.aof')) ?? ''
    appendFileSync(join(logs, log), '*3\r\n$3\r\nSET\r\n$4\r\nke')

    const second = await start()
    expect(await open(second.storeUrl).get('kept')).toBe('whole')
  })

  it('start after a kill -9 of their owner alone, once the old ones have ended', async () => {
    const owner = await startOwner()
    await open(owner.laneUrl).set('kept', 'lane')
    owner.process.kill('SIGKILL')
    await once(owner.process, 'close')

    const redis = await start()
    expect(isRunning(owner.pids.lane)).toBe(false)
    expect(isRunning(owner.pids.store)).toBe(false)
    expect(await open(redis.laneUrl).get('kept')).toBe('lane')
  })

  it('end a server that nobody ended with its owner, and take over its data', async () => {
    const orphan = await startOrphan()
    await open(orphan.socket).set('kept', 'by the orphan')

    const redis = await start()
    expect(isRunning(orphan.pid)).toBe(false)
    expect(await open(redis.laneUrl).get('kept')).toBe('by the orphan')
  })

  it('end an orphan that no longer reacts', async () => {
    const orphan = await startOrphan()
    process.kill(orphan.pid, 'SIGSTOP')

    await endOrphan({ role: 'lane', folder: orphan.folder, socket: orphan.socket }, orphan.pid, 100)
    expect(isRunning(orphan.pid)).toBe(false)
  })

  it('leave a process alone that was given the recorded process id and works elsewhere', async () => {
    const folder = join(dataDir, 'elsewhere')
    mkdirSync(folder)

    const bystander = spawn('cat', { stdio: 'pipe' })
    cleanup.defer(() => end(bystander))
    await once(bystander, 'spawn')

    await endOrphan({ role: 'lane', folder, socket: join(folder, 'lane.sock') }, bystander.pid, 100)
    bystander.stdin.write('still here')
    expect(String((await once(bystander.stdout, 'data'))[0])).toBe('still here')
  })

  it('report a server that ends by itself, and no server that was stopped', async () => {
    const redis = await start()
    const exits: string[] = []
    const seen = Promise.withResolvers<void>()
    redis.onExit(({ role, signal }) => {
      exits.push(`${role} ${signal}`)
      seen.resolve()
    })
    process.kill(redis.pids.lane, 'SIGKILL')
    await seen.promise
    await redis.stop()

    expect(exits).toEqual(['lane SIGKILL'])
  })

  it('say why when a server cannot start, and leave nothing running', async () => {
    const first = await start()
    await first.stop()
    const manifest = join(dataDir, 'redis/lane/appendonlydir/appendonly.aof.manifest')
    appendFileSync(manifest, 'nonsense\n')

    await expect(start()).rejects.toThrow(/the lane ended while starting[\s\S]*manifest[\s\S]*redis-check-aof --fix/)
    expect(existsSync(join(dataDir, 'redis/store.sock'))).toBe(false)
    expect(existsSync(join(dataDir, 'redis/running.json'))).toBe(false)
  })

  it('say why when the program does not exist', async () => {
    await expect(startEmbeddedRedis({ binary: join(dataDir, 'no-such-server'), dataDir, log: quiet })).rejects.toThrow(/no-such-server/)
  })
})

describe('a data directory', () => {
  it('is refused to a second platform, which is told who has it and the way out', async () => {
    const owner = await startOwner()
    const second = await startOwner()

    expect(second.refused).toContain(`in use by another isolane, process ${owner.process.pid}.`)
    expect(second.refused).toContain('ISOLANE_DATA_DIR')
    expect(await open(owner.laneUrl).ping()).toBe('PONG')
  })

  it('is refused to a second platform in the same process', async () => {
    await start()
    await expect(start()).rejects.toThrow(`process ${process.pid}`)
  })

  it('is free again after a kill -9 of its owner', async () => {
    const owner = await startOwner()
    owner.process.kill('SIGKILL')
    await once(owner.process, 'close')

    expect(await open((await start()).laneUrl).ping()).toBe('PONG')
  })

  it('with a path too long for a socket gets its sockets in a private temporary folder, which goes with the servers', async () => {
    dataDir = join(dataDir, 'long-'.repeat(20))
    mkdirSync(dataDir)
    const redis = await start()
    const folder = dirname(redis.laneUrl)

    expect(redis.laneUrl.length).toBeLessThanOrEqual(100)
    expect(folder.startsWith(dataDir)).toBe(false)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(await open(redis.laneUrl).ping()).toBe('PONG')
    await redis.stop()
    expect(existsSync(folder)).toBe(false)
  })

  it('with a path too long for a socket leaves no temporary folder after a kill -9 and another start', async () => {
    dataDir = join(dataDir, 'long-'.repeat(20))
    mkdirSync(dataDir)
    const owner = await startOwner()
    for (const pid of [owner.process.pid, owner.pids.lane, owner.pids.store]) process.kill(Number(pid), 'SIGKILL')
    await once(owner.process, 'close')
    expect(existsSync(dirname(owner.laneUrl))).toBe(true)

    await start()
    expect(existsSync(dirname(owner.laneUrl))).toBe(false)
  })
})

const quiet = { info() {}, warn() {} }

async function start(): Promise<EmbeddedRedis> {
  return cleanup.use(await startEmbeddedRedis({ binary, dataDir, log: quiet }))
}

/** The servers of another process, as after `npm start`; `refused` when it could not start. */
async function startOwner(): Promise<Started & { process: ChildProcess; refused?: string }> {
  const child = spawn(process.execPath, [OWNER, binary, dataDir], { stdio: ['pipe', 'pipe', 'inherit'] })
  cleanup.defer(() => end(child))
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { ...JSON.parse(line), process: child }
}

/** A server that no kernel ends with its owner, as a kill -9 leaves it where there is no setpriv. */
async function startOrphan(): Promise<{ pid: number; socket: string; folder: string }> {
  const folder = join(dataDir, 'redis/lane')
  const socket = join(dataDir, 'redis/lane.sock')
  mkdirSync(folder, { recursive: true })
  const child = spawn(binary, serverArguments({ role: 'lane', folder, socket }), { stdio: 'ignore' })
  cleanup.defer(() => end(child))
  await once(child, 'spawn')
  const client = new Redis({ path: socket, maxRetriesPerRequest: null, retryStrategy: () => 10 })
  client.on('error', () => {})
  await client.ping()
  client.disconnect()
  return { pid: Number(child.pid), socket, folder }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

function open(path: string): Redis {
  const client = new Redis({ path, retryStrategy: () => null })
  client.on('error', () => {})
  cleanup.defer(() => client.disconnect())
  return client
}

/** A process that has ended but that nobody has waited for yet does not run. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
