import { mkdir, mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type RedisServer, spawnRedisServer } from '../platform/redis/redis-server.ts'
import type { ServerRole } from '../platform/redis/server-arguments.ts'

const NO_LOG = { info: () => {}, warn: () => {} }

/** A Redis that may die and come back: set up as the platform sets up its own, on files that stay. */
export class DurableRedis implements AsyncDisposable {
  /** Absolute path of its unix socket; the same in every life. */
  readonly url: string
  readonly #role: ServerRole
  readonly #folder: string
  #server: RedisServer

  private constructor(role: ServerRole, folder: string) {
    this.#role = role
    this.#folder = folder
    this.url = join(folder, 'redis.sock')
    this.#server = this.#spawn()
  }

  static async start(role: ServerRole = 'lane', parent: string = tmpdir()): Promise<DurableRedis> {
    await mkdir(parent, { recursive: true })
    const redis = new DurableRedis(role, await mkdtemp(join(parent, `isolane-${role}-`)))
    await redis.#server.ready()
    return redis
  }

  get pid(): number {
    return this.#server.pid
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    process.kill(this.#server.pid, 'SIGKILL')
    await this.#server.exited
  }

  /** Asks it to end; it writes everything first. */
  async stop(): Promise<void> {
    await this.#server.stop()
  }

  /** On the files the last life left. */
  async startAgain(): Promise<void> {
    this.#server = this.#spawn()
    await this.#server.ready()
  }

  /** Stands still for so long, alive. */
  async freeze(ms: number): Promise<void> {
    const { pid } = this.#server
    process.kill(pid, 'SIGSTOP')
    try {
      await pause(ms)
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  }

  /** Of a dead one: takes so much from the end of what it has written, as a crash of the machine would. Returns what it took. */
  async forget(bytes: number): Promise<number> {
    const path = await this.#lastFile()
    const { size } = await stat(path)
    const kept = Math.max(0, size - bytes)
    await truncate(path, kept)
    return size - kept
  }

  /** How much it has written since its files were last made anew. */
  async writtenBytes(): Promise<number> {
    return (await stat(await this.#lastFile())).size
  }

  async #lastFile(): Promise<string> {
    const folder = join(this.#folder, 'appendonlydir')
    const name = (await readdir(folder)).find((entry) => entry.endsWith('.incr.aof'))
    if (name === undefined) throw new Error(`There is no append-only file in ${folder}`)
    return join(folder, name)
  }

  #spawn(): RedisServer {
    const binary = process.env.ISOLANE_REDIS_BINARY
    if (!binary) throw new Error('Cannot start a Redis: ISOLANE_REDIS_BINARY is not set. `npm test` and `npm run chaos` find one')
    return spawnRedisServer(binary, { role: this.#role, folder: this.#folder, socket: this.url }, NO_LOG)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
