// The platform process: Redis, controller, gateway, in the order they need each other, and back again. Which of them run
// here is for ISOLANE_ROLES to say. SIGTERM or Ctrl-C: finish what was accepted, then end.
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { type LaneAddress, laneAddresses } from '../runtime/contract/lanes.ts'
import { LaneView, type WorkerState } from '../runtime/lane/lane-view.ts'
import { banner } from './banner.ts'
import { type PlatformConfig, readConfig } from './config.ts'
import { openControllerRole } from './controller-role.ts'
import { createDataDir } from './data-dir.ts'
import { openGateway } from './gateway/gateway.ts'
import { startEmbeddedRedis } from './redis/embedded-redis.ts'
import { sweepArtifactFiles, sweepCodeCaches } from './registry/artifact-files.ts'
import { ensureFirstKey, type FirstKey } from './registry/first-key.ts'
import { sweepKvFiles } from './registry/kv-files.ts'
import { openStore } from './registry/open-store.ts'
import { ensureSecretsKey } from './registry/secrets-key-file.ts'
import { StartError } from './start-error.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { serveMetrics } from './telemetry/metrics-server.ts'

const SAY_AFTER_MS = 2_000

let ended = (): void => {}

const stopping = new AbortController()
const stop = (): void => stopping.abort()
process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', stop)
// The launcher is gone, in whatever way: so is the platform.
process.on('disconnect', stop)

try {
  await main(readConfig(process.env))
  ended()
  // Nothing is left to do; a handle that somebody else forgot shall not keep the process.
  process.exit(0)
} catch (error) {
  if (!(error instanceof StartError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}

async function main(config: PlatformConfig): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const log = pino({ level: config.logLevel })
  const dataDir = createDataDir(config.dataDir)
  await using running = new AsyncDisposableStack()

  let { redisUrl, storeUrl } = config
  if (redisUrl === undefined) {
    if (config.redisBinary === undefined)
      throw new StartError('Cannot start Redis: no server was found. Start with "npm start", which finds or installs one, or set REDIS_URL.')
    say('Starting Redis …')
    const redis = running.use(await startEmbeddedRedis({ binary: config.redisBinary, dataDir, log }))
    redis.onExit(({ role }) => {
      log.fatal({ role }, 'A Redis server ended by itself: the platform ends with it')
      stop()
    })
    redisUrl = redis.laneUrl
    storeUrl = redis.storeUrl
  } else if (storeUrl === undefined) {
    say('One Redis for lane and store: deployments are as durable as its append-only file is set to be (ISOLANE_STORE_URL names another for them).')
  }
  const commonUrl = redisUrl
  const lanes = laneAddresses(config.lanes, commonUrl)
  const store = running.adopt(await openStore(storeUrl ?? commonUrl).catch(asStartError), (it) => it.disconnect())
  const env = {
    ...process.env,
    REDIS_URL: commonUrl,
    ISOLANE_STORE_URL: storeUrl ?? commonUrl,
    ISOLANE_DATA_DIR: dataDir,
    ISOLANE_LOG_LEVEL: config.logLevel,
  }

  const onLaneError = (error: Error): void => log.debug({ err: error }, 'Lane connection')
  const openView = ({ name, url }: LaneAddress): LaneView => new LaneView({ url, lane: name, onError: onLaneError })
  const views = new Map(lanes.map((lane) => [lane.name, running.adopt(openView(lane), (it) => it.close())]))
  const metrics = createMetrics(views)
  const metricsServer = running.adopt(
    await serveMetrics({ host: config.host, port: config.metricsPort, anyPortWillDo: config.metricsPortIsDefault, registry: metrics.registry }),
    (it) => it.close(),
  )

  const secretsKey = config.secretsKey ?? (await ensureSecretsKey(dataDir).catch(withoutStack))
  let firstKey: FirstKey = { origin: 'existing' }
  if (config.roles.has('controller')) {
    firstKey = await ensureFirstKey({ store, dataDir, adminKey: config.adminKey })
    await sweepArtifactFiles(store, dataDir, Date.now())
    await sweepCodeCaches(store, dataDir)
    await sweepKvFiles(store, dataDir, Date.now())
    const { minWorkers, maxWorkers } = config
    if (config.roles.has('worker'))
      say(`Starting workers (${minWorkers} to ${maxWorkers}${lanes.length === 1 ? '' : ` in each of ${lanes.length} lanes`}) …`)
    running.use(await openControllerRole({ config, lanes, views, store, storeUrl: storeUrl ?? commonUrl, dataDir, secretsKey, env, metrics, log }))
  }
  const gateway = config.roles.has('gateway')
    ? running.adopt(
        await openGateway({
          host: config.host,
          port: config.port,
          lanes,
          store,
          dataDir,
          secretsKey,
          minWorkers: config.minWorkers,
          remoteWorkers: !config.roles.has('worker'),
          metrics,
          log,
        }),
        (it) => it.close(),
      )
    : undefined
  running.defer(noteWhere(dataDir, { url: gateway?.url, metricsPort: metricsServer.port }))

  if (gateway !== undefined && (await ready(() => gateway.notReady(), say))) {
    const workers = (await Promise.all([...views.values()].map((lane) => lane.workers().catch(() => [])))).flat()
    const facts = { url: gateway.url, firstKey, dataDir, metricsUrl: `http://${config.host}:${metricsServer.port}/metrics`, cwd: process.cwd() }
    say(banner({ ...facts, workers: workers.filter(({ state }) => state === 'ready').length, walls: wallsOf(workers) }))
  } else if (gateway === undefined) {
    say(`isolane runs here as ${[...config.roles].join(' and ')}; metrics on port ${metricsServer.port}`)
  }
  await untilAborted(stopping.signal)
  say('Ending: answering what was accepted …')
  ended = () => say('Ended.')
}

/** Waits for readiness, and says what for when it takes long. */
async function ready(notReady: () => Promise<string[]>, say: (line: string) => void): Promise<boolean> {
  const startedAt = performance.now()
  let said = ''
  while (!stopping.signal.aborted) {
    const reasons = (await notReady()).join(', ')
    if (reasons === '') return true
    if (performance.now() - startedAt > SAY_AFTER_MS && reasons !== said) {
      said = reasons
      say(`Waiting: ${reasons} …`)
    }
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return false
}

/** The walls that hold around every worker's cells. */
function wallsOf(workers: readonly WorkerState[]): readonly string[] | undefined {
  const [first, ...others] = workers
  return first?.walls.filter((wall) => others.every(({ walls }) => walls.includes(wall)))
}

/** `platform.json` in the data directory: where this platform is, for scripts. */
function noteWhere(dataDir: string, where: { url: string | undefined; metricsPort: number }): () => void {
  const path = join(dataDir, 'platform.json')
  writeFileSync(`${path}.${process.pid}`, `${JSON.stringify({ pid: process.pid, ...where })}\n`, { mode: 0o600 })
  renameSync(`${path}.${process.pid}`, path)
  return () => rmSync(path, { force: true })
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function withoutStack(error: Error): never {
  throw new StartError(error.message)
}

function asStartError(error: Error): never {
  throw new StartError(`${error.message}\nREDIS_URL and ISOLANE_STORE_URL say where Redis is; without them isolane starts its own.`)
}
