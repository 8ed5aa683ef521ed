import { type Limits, MAX_CONCURRENCY, MAX_TIMEOUT_MS } from './limits.ts'
import { asInteger, asName, asObject, asString, ContractError } from './parse.ts'

/** How a module takes its calls; found once, at deploy. */
export const HANDLER_STYLES = ['fetch', 'event', 'lambda', 'scheduled'] as const
export type HandlerStyle = (typeof HANDLER_STYLES)[number]

export function isHandlerStyle(value: unknown): value is HandlerStyle {
  return (HANDLER_STYLES as readonly unknown[]).includes(value)
}

/**
 * One immutable upload, as a worker needs it. `versionId` never changes its meaning, so a worker may keep it
 * for ever; `version` is the number people see.
 */
export interface FunctionVersion {
  readonly versionId: string
  readonly tenant: string
  readonly name: string
  readonly version: number
  /** SHA-256 of the bundled script, in hex: the artifact's name in the store. */
  readonly sha256: string
  /** The same of its source map; absent where none is kept. */
  readonly sourceMapSha256?: string
  /** `undefined` while the version is still being loaded for the first time. */
  readonly style: HandlerStyle | undefined
  readonly limits: Limits
  /** It has WebAssembly, for which it runs in cells of its own. Absent: not. */
  readonly wasm?: boolean
  /** Plain settings, handed to the function as `env`. */
  readonly env: Readonly<Record<string, string>>
}

const SHA256_HEX = /^[0-9a-f]{64}$/
const VERSION_ID = /^[0-9a-f]{16,64}$/

export function isVersionId(value: unknown): value is string {
  return typeof value === 'string' && VERSION_ID.test(value)
}

/** Where the store keeps the record above, as JSON. */
export function versionRecordKey(versionId: string): string {
  return `isolane:version:${versionId}`
}

export function parseFunctionVersion(value: unknown): FunctionVersion {
  const record = asObject(value, 'version')
  if (!isVersionId(record.versionId)) throw new ContractError('versionId', record.versionId, '16 to 64 hex digits')
  if (typeof record.sha256 !== 'string' || !SHA256_HEX.test(record.sha256)) {
    throw new ContractError('sha256', record.sha256, '64 hex digits')
  }
  const { sourceMapSha256 } = record
  if (sourceMapSha256 !== undefined && !(typeof sourceMapSha256 === 'string' && SHA256_HEX.test(sourceMapSha256))) {
    throw new ContractError('sourceMapSha256', sourceMapSha256, '64 hex digits')
  }
  if (record.style !== undefined && !isHandlerStyle(record.style)) {
    throw new ContractError('style', record.style, HANDLER_STYLES.join(', '))
  }
  if (record.wasm !== undefined && typeof record.wasm !== 'boolean') throw new ContractError('wasm', record.wasm, 'true or false')
  const limits = asObject(record.limits, 'limits')
  const env: Record<string, string> = Object.create(null)
  for (const [name, text] of Object.entries(asObject(record.env ?? {}, 'env'))) env[name] = asString(text, `env.${name}`)
  return Object.freeze({
    versionId: record.versionId,
    tenant: asName(record.tenant, 'tenant'),
    name: asName(record.name, 'name'),
    version: asInteger(record.version, 'version', 1, 2 ** 31),
    sha256: record.sha256,
    ...(sourceMapSha256 === undefined ? {} : { sourceMapSha256 }),
    style: record.style,
    limits: Object.freeze({
      memoryMb: asInteger(limits.memoryMb, 'limits.memoryMb', 8, 65_536),
      timeoutMs: asInteger(limits.timeoutMs, 'limits.timeoutMs', 1, MAX_TIMEOUT_MS),
      concurrency: asInteger(limits.concurrency, 'limits.concurrency', 1, MAX_CONCURRENCY),
    }),
    ...(record.wasm === true ? { wasm: true } : {}),
    env: Object.freeze(env),
  })
}
