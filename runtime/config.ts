import { cpus, totalmem } from 'node:os'
import { resolve } from 'node:path'
import { EGRESS_ALLOW_WANTED, type EgressEntry, parseEgressAllow } from './contract/egress-allow.ts'
import { isRedisUrl, LANES_WANTED, type LaneAddress, laneAddresses, MAIN_LANE, parseLanes, REDIS_URL_WANTED } from './contract/lanes.ts'
import { parseSecretsKey, SECRETS_KEY_WANTED, type SecretsKey } from './contract/secrets-key.ts'

/** Every setting of a worker process. Nothing else in `runtime/` reads the environment. */
export interface WorkerConfig {
  /** Unique among live workers; made up when a worker is started by hand. */
  readonly workerId: string
  /** ISOLANE_LANE: the one it serves. Default `main`. */
  readonly lane: string
  /** Where that is: REDIS_URL, unless ISOLANE_LANES says otherwise. */
  readonly laneUrl: string
  readonly storeUrl: string
  /** Every Redis of the deployment: what functions may not reach. */
  readonly redisUrls: readonly string[]
  readonly dataDir: string
  readonly logLevel: LogLevel
  /** Resident memory the worker keeps its cells within. */
  readonly memoryBudgetMb: number
  /** ISOLANE_SECRETS_KEY: what functions' secrets are sealed with. Default: the key in the data directory. */
  readonly secretsKey: SecretsKey | undefined
  /** What functions may reach besides public addresses. */
  readonly egressAllow: readonly EgressEntry[]
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const WORKER_ID = /^w[a-z0-9-]{1,40}$/

export function readWorkerConfig(env: NodeJS.ProcessEnv, pid: number): WorkerConfig {
  const workerId = env.ISOLANE_WORKER_ID ?? `w-${pid.toString(36)}-${Date.now().toString(36)}`
  if (!WORKER_ID.test(workerId)) throw wanted('ISOLANE_WORKER_ID', '"w" and up to 40 of a-z, 0-9 and "-"', workerId)
  const commonUrl = env.REDIS_URL
  if (commonUrl === undefined)
    throw wanted('REDIS_URL', 'the Redis that gateway and controller use too: redis://host:port, rediss://… or the path of a unix socket', undefined)
  const logLevel = env.ISOLANE_LOG_LEVEL ?? 'info'
  if (!LOG_LEVELS.includes(logLevel as LogLevel)) throw wanted('ISOLANE_LOG_LEVEL', `one of ${LOG_LEVELS.join(', ')}`, logLevel)
  const dataDir = env.ISOLANE_DATA_DIR ?? '.isolane'
  const storeUrl = checkUrl('ISOLANE_STORE_URL', env.ISOLANE_STORE_URL ?? commonUrl)
  const lanes = allLanes(env.ISOLANE_LANES ?? '', checkUrl('REDIS_URL', commonUrl))
  const lane = laneNamed(env.ISOLANE_LANE ?? MAIN_LANE, lanes)
  return Object.freeze({
    workerId,
    lane: lane.name,
    laneUrl: lane.url,
    storeUrl,
    redisUrls: [...new Set([commonUrl, storeUrl, ...lanes.map(({ url }) => url)])],
    dataDir: resolve(dataDir),
    logLevel: logLevel as LogLevel,
    secretsKey: secretsKey(env.ISOLANE_SECRETS_KEY ?? ''),
    egressAllow: egressAllow(env.ISOLANE_EGRESS_ALLOW ?? ''),
    memoryBudgetMb: memoryBudgetMb(totalmem() / 1_048_576, cpus().length),
  })
}

/** Six tenths of the machine, shared by one worker per core; never so little that nothing fits, never more than one core can use. */
export function memoryBudgetMb(machineMb: number, cores: number): number {
  return Math.round(Math.min(4_096, Math.max(256, (machineMb * 0.6) / Math.max(1, cores))))
}

function allLanes(text: string, commonUrl: string): readonly LaneAddress[] {
  const parsed = parseLanes(text)
  if ('problem' in parsed) throw new RangeError(`Cannot start the worker: ISOLANE_LANES must be ${LANES_WANTED}; ${parsed.problem}`)
  return laneAddresses(parsed, commonUrl)
}

function laneNamed(name: string, lanes: readonly LaneAddress[]): LaneAddress {
  const lane = lanes.find((it) => it.name === name)
  if (lane === undefined) throw wanted('ISOLANE_LANE', `one of the lanes in ISOLANE_LANES (${lanes.map((it) => it.name).join(', ')})`, name)
  return lane
}

function egressAllow(text: string): readonly EgressEntry[] {
  const parsed = parseEgressAllow(text)
  if ('problem' in parsed) throw wanted('ISOLANE_EGRESS_ALLOW', `${EGRESS_ALLOW_WANTED}: ${parsed.problem}`, text)
  return parsed
}

/** What came is not said: it may be all but the key. */
function secretsKey(text: string): SecretsKey | undefined {
  const key = text === '' ? undefined : parseSecretsKey(text)
  if (text !== '' && key === undefined) throw new RangeError(`Cannot start the worker: ISOLANE_SECRETS_KEY must be ${SECRETS_KEY_WANTED}`)
  return key
}

function checkUrl(name: string, url: string): string {
  if (!isRedisUrl(url)) throw wanted(name, REDIS_URL_WANTED, url)
  return url
}

function wanted(name: string, what: string, got: string | undefined): RangeError {
  return new RangeError(`Cannot start the worker: ${name} must be ${what}; current value is ${got === undefined ? 'not set' : JSON.stringify(got)}`)
}
