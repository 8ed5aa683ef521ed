import type { HandlerStyle } from '../../runtime/contract/function-version.ts'
import type { Limits } from '../../runtime/contract/limits.ts'
import { DEFAULT_MEMORY_MB, DEFAULT_TIMEOUT_MS } from '../../runtime/contract/limits.ts'

export type Access = 'private' | 'public'

/** Belong to one version: changing one makes a new version. */
export interface VersionSettings {
  readonly memoryMb: number
  readonly timeoutMs: number
  /** `undefined`: by style, see {@link limitsFor}. */
  readonly concurrency: number | undefined
  /** `undefined`: found by looking at the module's exports. */
  readonly style: HandlerStyle | undefined
  /** Whether it has WebAssembly. */
  readonly wasm: boolean
  readonly env: Readonly<Record<string, string>>
}

/** Belong to the function: act at once, on every version. */
export interface FunctionSettings {
  readonly access: Access
  /** Invocations running at once over all workers; 0 switches the function off, `undefined` sets no limit. */
  readonly maxConcurrency: number | undefined
  /** The author's word that a call may be repeated when it is not known whether it ran. */
  readonly idempotent: boolean
  /** Of an event that outlives its caller: how often it is tried again after a failure of the function. */
  readonly retries: number
  /** Functions of the tenant that are told how such events end. */
  readonly onSuccess: string | undefined
  readonly onFailure: string | undefined
}

/** What a request asks for: absent inherits, `null` goes back to the default. */
export interface SettingsChange {
  readonly version: {
    readonly memoryMb?: number | null
    readonly timeoutMs?: number | null
    readonly concurrency?: number | null
    readonly style?: HandlerStyle | null
    readonly wasm?: boolean | null
    /** Merged over the inherited names; `null` removes one. */
    readonly env?: Readonly<Record<string, string | null>>
  }
  readonly function: {
    readonly access?: Access | null
    readonly maxConcurrency?: number | null
    readonly idempotent?: boolean | null
    readonly retries?: number | null
    readonly onSuccess?: string | null
    readonly onFailure?: string | null
  }
}

/** Three attempts. */
export const DEFAULT_RETRIES = 2
const DEFAULT_FUNCTION = { access: 'private', idempotent: false } as const
/** Riders per sandbox: fetch handlers are written for overlapping requests, the other styles often are not. */
const CONCURRENCY_BY_STYLE: Readonly<Record<HandlerStyle, number>> = { fetch: 16, event: 1, lambda: 1, scheduled: 1 }

/** `base`: the settings of the version that `live` points to, if it points to one. */
export function inheritVersion(change: SettingsChange['version'], base: VersionSettings | undefined): VersionSettings {
  return {
    memoryMb: pick(change.memoryMb, base?.memoryMb) ?? DEFAULT_MEMORY_MB,
    timeoutMs: pick(change.timeoutMs, base?.timeoutMs) ?? DEFAULT_TIMEOUT_MS,
    concurrency: pick(change.concurrency, base?.concurrency),
    style: pick(change.style, base?.style),
    wasm: pick(change.wasm, base?.wasm) ?? false,
    env: mergeEnv(base?.env ?? {}, change.env ?? {}),
  }
}

export function inheritFunction(change: SettingsChange['function'], base: FunctionSettings | undefined): FunctionSettings {
  return {
    access: pick(change.access, base?.access) ?? DEFAULT_FUNCTION.access,
    maxConcurrency: pick(change.maxConcurrency, base?.maxConcurrency),
    idempotent: pick(change.idempotent, base?.idempotent) ?? DEFAULT_FUNCTION.idempotent,
    retries: pick(change.retries, base?.retries) ?? DEFAULT_RETRIES,
    onSuccess: pick(change.onSuccess, base?.onSuccess),
    onFailure: pick(change.onFailure, base?.onFailure),
  }
}

/** Before its style is known, a version is loaded with room for one. */
export function limitsFor({ memoryMb, timeoutMs, concurrency }: VersionSettings, style: HandlerStyle | undefined): Limits {
  return { memoryMb, timeoutMs, concurrency: style === undefined ? 1 : (concurrency ?? CONCURRENCY_BY_STYLE[style]) }
}

function pick<T>(asked: T | null | undefined, inherited: T | undefined): T | undefined {
  if (asked === null) return undefined
  return asked ?? inherited
}

function mergeEnv(inherited: Readonly<Record<string, string>>, asked: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> {
  const merged = new Map(Object.entries(inherited))
  for (const [name, value] of Object.entries(asked)) {
    if (value === null) merged.delete(name)
    else merged.set(name, value)
  }
  return Object.fromEntries(merged)
}
