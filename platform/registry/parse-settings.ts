import { HANDLER_STYLES, isHandlerStyle } from '../../runtime/contract/function-version.ts'
import { MAX_CONCURRENCY, MAX_TIMEOUT_MS, MEMORY_MB_CHOICES } from '../../runtime/contract/limits.ts'
import { isName, NAME_RULE } from '../../runtime/contract/names.ts'
import type { SettingsChange } from './settings.ts'

/** A setting came with a value, or a name, that it cannot have. */
export class SettingError extends RangeError {
  readonly field: string
  /** What there is to choose from, or in words what it may be. */
  readonly allowed: string | readonly unknown[]

  constructor(field: string, problem: string, allowed: string | readonly unknown[]) {
    super(`Cannot set ${field}: ${problem}`)
    this.name = 'SettingError'
    this.field = field
    this.allowed = allowed
  }
}

/** Name and value as they came, from a query (text) or from JSON; `query` only matters for what a log must not see. */
export interface SettingField {
  readonly name: string
  readonly value: unknown
  readonly from: 'query' | 'json'
}

const MAX_FUNCTION_CONCURRENCY = 100_000
export const MAX_RETRIES = 10
const MAX_ENV_NAMES = 100
const MAX_ENV_BYTES = 32 * 1024
export const ENV_NAME = /^[A-Z][A-Z0-9_]*$/
const ENV_NAME_RULE = 'an upper-case letter followed by A-Z, 0-9 and "_"'
/** The platform's own member of `env`. */
export const RESERVED_ENV_NAME = 'KV'
const SECRET_LOOKING = /(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)S?(?:_|$)/

const READERS: Readonly<Record<string, (value: unknown, field: string) => unknown>> = {
  memoryMb: (value, field) => oneOf(toNumber(value), MEMORY_MB_CHOICES, field),
  timeoutMs: (value, field) => integer(value, field, 1, MAX_TIMEOUT_MS),
  concurrency: (value, field) => integer(value, field, 1, MAX_CONCURRENCY),
  style: (value, field) => (isHandlerStyle(value) ? value : refuse(field, `one of ${HANDLER_STYLES.join(', ')}`, value, [...HANDLER_STYLES])),
  wasm: flag,
  access: (value, field) => oneOf(value, ['private', 'public'], field),
  maxConcurrency: (value, field) => integer(value, field, 0, MAX_FUNCTION_CONCURRENCY),
  idempotent: flag,
  retries: (value, field) => integer(value, field, 0, MAX_RETRIES),
  onSuccess: functionName,
  onFailure: functionName,
}
const OF_THE_FUNCTION = new Set(['access', 'maxConcurrency', 'idempotent', 'retries', 'onSuccess', 'onFailure'])

export const SETTING_NAMES: readonly string[] = [...Object.keys(READERS), 'env']

/**
 * Reads the settings of one request. The value `default` in a query, `null` in JSON, goes back to the default.
 * `alsoAllowed`: names that the caller has taken out before, for the error.
 *
 * @throws SettingError naming the field, what it may be and what came
 */
export function parseSettings(fields: Iterable<SettingField>, alsoAllowed: readonly string[] = []): SettingsChange {
  const version: Record<string, unknown> = {}
  const ofFunction: Record<string, unknown> = {}
  const env: Record<string, string | null> = Object.create(null)
  const seen = new Set<string>()
  for (const field of envFlattened(fields)) {
    if (seen.has(field.name)) throw new SettingError(field.name, 'it is given more than once', 'one value')
    seen.add(field.name)
    const reader = Object.hasOwn(READERS, field.name) ? READERS[field.name] : undefined
    const isReset = field.value === null || (field.from === 'query' && field.value === 'default')
    if (field.name.startsWith('env.')) {
      const name = field.name.slice('env.'.length)
      env[name] = parseEnv(name, field)
    } else if (reader) {
      const target = OF_THE_FUNCTION.has(field.name) ? ofFunction : version
      target[field.name] = isReset ? null : reader(field.value, field.name)
    } else {
      const names = [...SETTING_NAMES, ...alsoAllowed]
      throw new SettingError(field.name, `no such setting, allowed are ${names.join(', ')}`, names)
    }
  }
  if (Object.keys(env).length > 0) version.env = checkedEnvSize(env)
  return { version, function: ofFunction }
}

/** `env: {A: '1'}` in JSON is the same as `env.A=1` in a query. */
function* envFlattened(fields: Iterable<SettingField>): Generator<SettingField> {
  for (const field of fields) {
    if (field.name !== 'env') yield field
    else if (typeof field.value !== 'object' || field.value === null || Array.isArray(field.value)) {
      refuse('env', 'an object of names and texts in JSON, env.NAME=text in a query', field.value)
    } else {
      for (const [name, value] of Object.entries(field.value)) yield { name: `env.${name}`, value, from: field.from }
    }
  }
}

function parseEnv(name: string, { name: field, value, from }: SettingField): string | null {
  if (!ENV_NAME.test(name)) throw new SettingError(field, `a name is ${ENV_NAME_RULE}`, ENV_NAME_RULE)
  if (name === RESERVED_ENV_NAME)
    throw new SettingError(field, 'the name is reserved for the key-value store', `a name other than ${RESERVED_ENV_NAME}`)
  if (from === 'query' && SECRET_LOOKING.test(name)) {
    const problem = `it looks like a secret, and addresses end up in logs: PUT …/secrets/${name} keeps it as one`
    throw new SettingError(field, problem, 'a name that does not look like a secret')
  }
  if (value === null || typeof value === 'string') return value
  return refuse(field, 'a text', value)
}

function checkedEnvSize(env: Record<string, string | null>): Record<string, string | null> {
  const names = Object.keys(env)
  if (names.length > MAX_ENV_NAMES)
    throw new SettingError('env', `wanted at most ${MAX_ENV_NAMES} names, got ${names.length}`, `at most ${MAX_ENV_NAMES} names`)
  const bytes = names.reduce((sum, name) => sum + Buffer.byteLength(name) + Buffer.byteLength(env[name] ?? ''), 0)
  if (bytes > MAX_ENV_BYTES)
    throw new SettingError('env', `wanted at most ${MAX_ENV_BYTES} bytes together, got ${bytes}`, `at most ${MAX_ENV_BYTES} bytes together`)
  return env
}

function integer(value: unknown, field: string, min: number, max: number): number {
  const number = toNumber(value)
  if (typeof number !== 'number' || !Number.isInteger(number) || number < min || number > max) {
    refuse(field, `an integer from ${min} to ${max}`, value)
  }
  return number
}

function oneOf<T>(value: unknown, allowed: readonly T[], field: string): T {
  if (!allowed.includes(value as T)) refuse(field, `one of ${allowed.join(', ')}`, value, allowed)
  return value as T
}

function flag(value: unknown, field: string): boolean {
  return typeof value === 'boolean' ? value : oneOf(value, ['true', 'false'], field) === 'true'
}

function functionName(value: unknown, field: string): string {
  return isName(value) ? value : refuse(field, `the name of a function: ${NAME_RULE}`, value)
}

function toNumber(value: unknown): unknown {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
}

function refuse(field: string, wanted: string, value: unknown, allowed: string | readonly unknown[] = wanted): never {
  const text = JSON.stringify(value) ?? String(value)
  throw new SettingError(field, `wanted ${wanted}, got ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`, allowed)
}
