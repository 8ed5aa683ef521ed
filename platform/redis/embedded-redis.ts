import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { endOrphan } from './end-orphan.ts'
import { lockDataDir } from './lock-data-dir.ts'
import { type RedisLog, type RedisServer, type ServerExit, spawnRedisServer } from './redis-server.ts'
import { clearRunningRecord, readRunningRecord, writeRunningRecord } from './running-record.ts'
import { SERVER_ROLES, type ServerPlace, type ServerRole } from './server-arguments.ts'
import { chooseSocketFolder, socketPath } from './socket-folder.ts'

export interface EmbeddedRedisOptions {
  /** Path of a redis-server or valkey-server, version 7 or newer. */
  readonly binary: string
  readonly dataDir: string
  readonly log: RedisLog
}

/** The two private servers of a platform that was given none. */
export interface EmbeddedRedis extends AsyncDisposable {
  /** Absolute paths of unix sockets. */
  readonly laneUrl: string
  readonly storeUrl: string
  readonly pids: Readonly<Record<ServerRole, number>>
  /** Called when a server ends without having been asked to. It is not started again. */
  onExit(listener: (exit: ServerExit) => void): void
  /** Writes everything to disk, ends both, frees the data directory. May be called again. */
  stop(): Promise<void>
}

/**
 * Takes the data directory, ends what a killed platform left running in it, and starts both servers on the files that are there.
 *
 *     redis/lock, owner.pid       who has the directory
 *     redis/running.json          what to clear up after a kill -9
 *     redis/lane/, redis/store/   append-only files
 *     redis/lane.sock, store.sock unless that path is too long for a socket
 *
 * @throws {StartError} when another platform has the directory, or a server does not start
 */
export async function startEmbeddedRedis({ binary, dataDir, log }: EmbeddedRedisOptions): Promise<EmbeddedRedis> {
  await using releases = new AsyncDisposableStack()
  const folder = join(resolve(dataDir), 'redis')
  releases.use(lockDataDir(resolve(dataDir)))

  await endLastRun(folder)

  const { path: socketFolder, isTemporary } = chooseSocketFolder(folder)
  const record = { socketFolder, isTemporary, pids: {} }
  writeRunningRecord(folder, record)
  releases.defer(() => clearRunningRecord(folder, record))

  const spawned = SERVER_ROLES.map((role) => {
    const server = spawnRedisServer(binary, makePlace(folder, socketFolder, role), log)
    releases.defer(() => server.stop())
    return server
  })
  const [lane, store] = spawned as [RedisServer, RedisServer]
  const pids = { lane: lane.pid, store: store.pid }
  writeRunningRecord(folder, { ...record, pids })
  await Promise.all(spawned.map((server) => server.ready()))

  const running = releases.move()
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= running.disposeAsync()
    return stopped
  }
  return {
    laneUrl: lane.socket,
    storeUrl: store.socket,
    pids,
    onExit(listener) {
      for (const server of spawned) server.exited.then((exit) => running.disposed || listener(exit))
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function endLastRun(folder: string): Promise<void> {
  const last = readRunningRecord(folder)
  const socketFolder = last?.socketFolder ?? folder
  await Promise.all(SERVER_ROLES.map((role) => endOrphan(makePlace(folder, socketFolder, role), last?.pids[role])))
  if (last !== undefined) clearRunningRecord(folder, last)
}

function makePlace(folder: string, socketFolder: string, role: ServerRole): ServerPlace {
  const place = { role, folder: join(folder, role), socket: socketPath(socketFolder, role) }
  mkdirSync(place.folder, { recursive: true, mode: 0o700 })
  return place
}
