import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { EGRESS_ALLOW_WANTED, type EgressEntry, parseEgressAllow } from '../runtime/contract/egress-allow.ts'
import { isRedisUrl, LANES_WANTED, type LaneSetting, parseLanes, REDIS_URL_WANTED } from '../runtime/contract/lanes.ts'
import { parseSecretsKey, SECRETS_KEY_WANTED, type SecretsKey } from '../runtime/contract/secrets-key.ts'
import { StartError } from './start-error.ts'

export const ROLES = ['gateway', 'controller', 'worker'] as const
export type Role = (typeof ROLES)[number]

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** Every setting of the platform process. Nothing else in `platform/` reads the environment. */
export interface PlatformConfig {
  /** ISOLANE_HOST, default 127.0.0.1. */
  readonly host: string
  /** ISOLANE_PORT, default 8080; 0 takes a free one. */
  readonly port: number
  /** ISOLANE_METRICS_PORT, default 9464, or any free one when that is taken; 0 takes a free one. */
  readonly metricsPort: number
  readonly metricsPortIsDefault: boolean
  /** ISOLANE_DATA_DIR, default .isolane; absolute. */
  readonly dataDir: string
  /** ISOLANE_ADMIN_KEY: a key with every right. Default: generated once. */
  readonly adminKey: string | undefined
  /** ISOLANE_SECRETS_KEY: what functions' secrets are sealed with. Default: generated once. */
  readonly secretsKey: SecretsKey | undefined
  /** ISOLANE_EGRESS_ALLOW: where callbacks may go beside the public Internet. Workers read it for themselves, for functions. */
  readonly egressAllow: readonly EgressEntry[]
  /** ISOLANE_ROLES, default all three. */
  readonly roles: ReadonlySet<Role>
  /** ISOLANE_LANES, default `main` alone. */
  readonly lanes: readonly LaneSetting[]
  /** ISOLANE_MIN_WORKERS of each lane, default 1. */
  readonly minWorkers: number
  /** ISOLANE_MAX_WORKERS of each lane; default: one for each core, shared out over the lanes, and one at least. */
  readonly maxWorkers: number
  /** ISOLANE_LOG_LEVEL, default warn: what a person at a terminal wants to hear of. */
  readonly logLevel: (typeof LOG_LEVELS)[number]
  /** REDIS_URL: where every lane is that has no Redis of its own. Absent: two private servers of our own. */
  readonly redisUrl: string | undefined
  /** ISOLANE_STORE_URL, default REDIS_URL. */
  readonly storeUrl: string | undefined
  /** The server to embed; found by the launcher. */
  readonly redisBinary: string | undefined
}

const MAX_WORKERS = 256

/** Defaults → parse → check → freeze. Says everything that is wrong at once. */
export function readConfig(env: NodeJS.ProcessEnv, cores = cpus().length): PlatformConfig {
  const problems: string[] = []
  const wanted = (name: string, what: string): void => void problems.push(`${name} must be ${what}; current value is ${JSON.stringify(env[name])}`)
  const set = (name: string): string | undefined => (env[name] === undefined || env[name] === '' ? undefined : env[name])

  const integer = (name: string, fallback: number, min: number, max: number): number => {
    const text = set(name)
    if (text === undefined) return fallback
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    wanted(name, `an integer from ${min} to ${max}`)
    return fallback
  }
  const url = (name: string): string | undefined => {
    const text = set(name)
    if (text !== undefined && !isRedisUrl(text)) wanted(name, REDIS_URL_WANTED)
    return text
  }

  const roleWords = (set('ISOLANE_ROLES') ?? ROLES.join(','))
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
  if (roleWords.length === 0 || !roleWords.every((word) => ROLES.includes(word as Role)))
    wanted('ISOLANE_ROLES', `one or more of ${ROLES.join(', ')}, separated by commas`)
  const logLevel = set('ISOLANE_LOG_LEVEL') ?? 'warn'
  if (!(LOG_LEVELS as readonly string[]).includes(logLevel)) wanted('ISOLANE_LOG_LEVEL', `one of ${LOG_LEVELS.join(', ')}`)
  const adminKey = set('ISOLANE_ADMIN_KEY')
  if (adminKey !== undefined && !/^[\x21-\x7e]{8,200}$/.test(adminKey))
    problems.push('ISOLANE_ADMIN_KEY must be 8 to 200 visible characters without spaces')

  const secretsKeyText = set('ISOLANE_SECRETS_KEY')
  const secretsKey = secretsKeyText === undefined ? undefined : parseSecretsKey(secretsKeyText)
  if (secretsKeyText !== undefined && secretsKey === undefined) problems.push(`ISOLANE_SECRETS_KEY must be ${SECRETS_KEY_WANTED}`)

  // Workers read it too: checked here, a mistake ends this start and not theirs, one after the other.
  const parsedAllow = parseEgressAllow(set('ISOLANE_EGRESS_ALLOW') ?? '')
  const egressAllow = 'problem' in parsedAllow ? [] : parsedAllow
  if ('problem' in parsedAllow) wanted('ISOLANE_EGRESS_ALLOW', `${EGRESS_ALLOW_WANTED}: ${parsedAllow.problem}`)

  const parsedLanes = parseLanes(set('ISOLANE_LANES') ?? '')
  const lanes = 'problem' in parsedLanes ? [] : parsedLanes
  if ('problem' in parsedLanes) problems.push(`ISOLANE_LANES must be ${LANES_WANTED}; ${parsedLanes.problem}`)

  const maxWorkers = integer('ISOLANE_MAX_WORKERS', Math.max(1, Math.floor(cores / Math.max(1, lanes.length))), 1, MAX_WORKERS)
  const minWorkers = integer('ISOLANE_MIN_WORKERS', Math.min(1, maxWorkers), 0, MAX_WORKERS)
  if (minWorkers > maxWorkers)
    problems.push(`ISOLANE_MIN_WORKERS must not be above ISOLANE_MAX_WORKERS; current values are ${minWorkers} and ${maxWorkers}`)
  const redisUrl = url('REDIS_URL')
  const storeUrl = url('ISOLANE_STORE_URL')
  if (redisUrl === undefined && storeUrl !== undefined)
    problems.push('ISOLANE_STORE_URL needs REDIS_URL beside it: the embedded servers come as a pair')
  const roles = new Set(roleWords as Role[])
  if (redisUrl === undefined && roles.size < ROLES.length)
    problems.push('REDIS_URL must be set where ISOLANE_ROLES leaves a role out: the parts meet in that Redis')
  const config: PlatformConfig = {
    host: set('ISOLANE_HOST') ?? '127.0.0.1',
    port: integer('ISOLANE_PORT', 8080, 0, 65_535),
    metricsPort: integer('ISOLANE_METRICS_PORT', 9464, 0, 65_535),
    metricsPortIsDefault: set('ISOLANE_METRICS_PORT') === undefined,
    dataDir: resolve(set('ISOLANE_DATA_DIR') ?? '.isolane'),
    adminKey,
    secretsKey,
    egressAllow,
    roles,
    lanes,
    minWorkers,
    maxWorkers,
    logLevel: logLevel as PlatformConfig['logLevel'],
    redisUrl,
    storeUrl,
    redisBinary: set('ISOLANE_REDIS_BINARY'),
  }
  if (problems.length > 0) throw new StartError(`Cannot start:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
  return Object.freeze(config)
}
