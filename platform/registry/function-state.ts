import type { HandlerStyle } from '../../runtime/contract/function-version.ts'
import type { Limits } from '../../runtime/contract/limits.ts'
import type { FunctionSettings } from './settings.ts'

/** The alias that calls without a qualifier go to. */
export const LIVE = 'live'

/** One version as its function lists it. Its environment is in the version's own record only. */
export interface VersionEntry {
  readonly version: number
  readonly versionId: string
  readonly sha256: string
  /** Artifact that holds the script's source map. */
  readonly sourceMapSha256?: string
  readonly sourceBytes: number
  readonly bundleBytes: number
  readonly style: HandlerStyle
  readonly limits: Limits
  /** What the author set, as against what was found: only this is inherited. */
  readonly asked: { readonly style?: HandlerStyle; readonly concurrency?: number }
  /** It has WebAssembly. Absent: not. */
  readonly wasm?: boolean
  /** Milliseconds since 1970. */
  readonly createdAt: number
}

/** A draft has all but what only the load and the acceptance tell. */
export type VersionDraft = Omit<VersionEntry, 'version' | 'style' | 'limits'>

export interface AliasTarget {
  readonly version: number
  /** Relative to the other targets' weights. */
  readonly weight: number
}

/** What is known of a function's secrets; the texts themselves are sealed, in a place of their own. */
export interface SecretsState {
  /** The function's revision when one was last set or removed: what calls carry (contract/secrets.ts). */
  readonly revision: number
  /** By name, when it was set: milliseconds since 1970. */
  readonly setAt: Readonly<Record<string, number>>
}

/** Everything about one function but its versions' code and environment, and its secrets' texts. */
export interface FunctionState extends FunctionSettings {
  readonly tenant: string
  readonly name: string
  /** Grows by one with every change, also over a removal, so that late news can be told from newer. */
  readonly revision: number
  /** Never given twice, also over a removal, so that a bill names one code. */
  readonly lastVersion: number
  readonly removed: boolean
  readonly aliases: Readonly<Record<string, readonly AliasTarget[]>>
  /** Absent: it never had any. */
  readonly secrets?: SecretsState
  /** In ascending order. */
  readonly versions: readonly VersionEntry[]
  readonly createdAt: number
  readonly updatedAt: number
}

export function liveTargets(state: FunctionState | undefined): readonly AliasTarget[] {
  return state?.aliases[LIVE] ?? []
}

/** The version that `live` points to, if it points to just one. */
export function liveVersion(state: FunctionState | undefined): VersionEntry | undefined {
  const targets = liveTargets(state)
  return targets.length === 1 ? state?.versions.find(({ version }) => version === targets[0]?.version) : undefined
}

/** Every artifact the version claims. */
export function artifactsOf({ sha256, sourceMapSha256 }: Pick<VersionEntry, 'sha256' | 'sourceMapSha256'>): string[] {
  return sourceMapSha256 === undefined ? [sha256] : [sha256, sourceMapSha256]
}
