import type { HandlerStyle } from '../../runtime/contract/function-version.ts'
import type { Limits } from '../../runtime/contract/limits.ts'
import type { AliasTarget, FunctionState, VersionDraft, VersionEntry } from './function-state.ts'
import { LIVE, liveTargets } from './function-state.ts'
import type { SettingsChange } from './settings.ts'
import { inheritFunction } from './settings.ts'

/** Versions that no alias points to are kept up to this many, newest first. */
export const KEPT_UNALIASED_VERSIONS = 20

export type LiveMove = { readonly moved: true } | { readonly moved: false; readonly reason: string }

/** The next state, and what it lets go of. */
export interface Decision {
  readonly state: FunctionState
  readonly freed: readonly VersionEntry[]
  /** What happens to the sealed secrets: each name's new text, or `null` to remove it. */
  readonly secrets?: Readonly<Record<string, string | null>>
}

export interface Acceptance extends Decision {
  readonly entry: VersionEntry
  readonly live: LiveMove
}

export interface Loaded {
  readonly draft: VersionDraft
  readonly style: HandlerStyle
  readonly limits: Limits
  readonly change: SettingsChange['function']
  /** `false`: the caller asked to leave `live` where it is. */
  readonly moveLive: boolean
}

/** A version has proved that it loads: it gets the next number, and `live` if that points to one version or none yet. */
export function acceptVersion(tenant: string, name: string, state: FunctionState | undefined, loaded: Loaded, now: number): Acceptance {
  const entry: VersionEntry = {
    ...loaded.draft,
    version: (state?.lastVersion ?? 0) + 1,
    style: loaded.style,
    limits: loaded.limits,
  }
  const live = decideLive(liveTargets(state), loaded.moveLive)
  const known = state !== undefined && !state.removed ? state : undefined
  const next: FunctionState = {
    tenant,
    name,
    ...inheritFunction(loaded.change, known),
    revision: (state?.revision ?? 0) + 1,
    lastVersion: entry.version,
    removed: false,
    ...(known?.secrets && { secrets: known.secrets }),
    aliases: live.moved ? { ...known?.aliases, [LIVE]: [{ version: entry.version, weight: 1 }] } : (known?.aliases ?? {}),
    versions: [...(known?.versions ?? []), entry],
    createdAt: known?.createdAt ?? now,
    updatedAt: now,
  }
  return { ...dropOldVersions(next), entry, live }
}

function decideLive(targets: readonly AliasTarget[], moveLive: boolean): LiveMove {
  if (!moveLive) return { moved: false, reason: 'live=false was asked for' }
  if (targets.length > 1) {
    const shares = targets.map(({ version, weight }) => `${version} (weight ${weight})`).join(', ')
    return { moved: false, reason: `live is split over versions ${shares}: move it with PUT …/aliases/live` }
  }
  return { moved: true }
}

function dropOldVersions(state: FunctionState): Decision {
  const aliased = new Set(Object.values(state.aliases).flatMap((targets) => targets.map(({ version }) => version)))
  const unaliased = state.versions.filter(({ version }) => !aliased.has(version))
  const freed = unaliased.slice(0, Math.max(0, unaliased.length - KEPT_UNALIASED_VERSIONS))
  return { state: { ...state, versions: state.versions.filter((entry) => !freed.includes(entry)) }, freed }
}

export function changeSettings(state: FunctionState, change: SettingsChange['function'], now: number): Decision {
  return { state: { ...state, ...inheritFunction(change, state), revision: state.revision + 1, updatedAt: now }, freed: [] }
}

export function pointAlias(state: FunctionState, alias: string, targets: readonly AliasTarget[], now: number): Decision {
  const next = { ...state, aliases: { ...state.aliases, [alias]: targets }, revision: state.revision + 1, updatedAt: now }
  return dropOldVersions(next)
}

/** What stays is the counting: revision and last version number. */
export function removeFunction({ secrets: _, ...state }: FunctionState, now: number): Decision {
  const next = { ...state, removed: true, aliases: {}, versions: [], revision: state.revision + 1, updatedAt: now }
  return { state: next, freed: state.versions }
}
