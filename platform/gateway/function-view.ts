import type { FunctionState, VersionEntry } from '../registry/function-state.ts'
import { LIVE, liveTargets, liveVersion } from '../registry/function-state.ts'
import type { FunctionSettings } from '../registry/settings.ts'
import type { Deployed } from './deploy-function.ts'

/** Where the function answers, below the platform's own address. */
export function functionUrl(tenant: string, name: string): string {
  return `/fn/${tenant}/${name}`
}

export function versionView(entry: VersionEntry): Record<string, unknown> {
  const { version, sha256, style, limits, wasm = false, sourceBytes, bundleBytes, createdAt } = entry
  return { version, sha256, style, ...limits, wasm, sourceBytes, bundleBytes, createdAt: new Date(createdAt).toISOString() }
}

/** `live` is a version number, `null` when nothing is live or several versions share it: then `aliases` tells. */
export function functionView(state: FunctionState): Record<string, unknown> {
  const live = liveVersion(state)
  return {
    name: state.name,
    tenant: state.tenant,
    url: functionUrl(state.tenant, state.name),
    live: live?.version ?? null,
    ...functionSettingsView(state),
    aliases: state.aliases,
    lastVersion: state.versions.at(-1)?.version ?? null,
    version: live ? versionView(live) : null,
    revision: state.revision,
    createdAt: new Date(state.createdAt).toISOString(),
    updatedAt: new Date(state.updatedAt).toISOString(),
  }
}

function functionSettingsView({ access, maxConcurrency, idempotent, retries, onSuccess, onFailure }: FunctionSettings): Record<string, unknown> {
  return { access, maxConcurrency: maxConcurrency ?? null, idempotent, retries, onSuccess: onSuccess ?? null, onFailure: onFailure ?? null }
}

export function versionsView(state: FunctionState): Record<string, unknown> {
  const versions = state.versions.toReversed().map((entry) => ({
    ...versionView(entry),
    aliases: Object.keys(state.aliases).filter((alias) => state.aliases[alias]?.some(({ version }) => version === entry.version)),
  }))
  return { name: state.name, versions }
}

/** The answer to an accepted upload. */
export function deployedView({ state, entry, live, env, report, warnings }: Deployed): Record<string, unknown> {
  return {
    name: state.name,
    tenant: state.tenant,
    version: entry.version,
    url: functionUrl(state.tenant, state.name),
    sha256: entry.sha256,
    sourceBytes: entry.sourceBytes,
    bundleBytes: entry.bundleBytes,
    style: entry.style,
    live: live.moved ? { moved: true, version: entry.version } : { moved: false, reason: live.reason, targets: liveTargets(state) },
    settings: { ...entry.limits, wasm: entry.wasm ?? false, env, ...functionSettingsView(state) },
    report,
    warnings,
    ...(live.moved || liveTargets(state).length > 0 ? {} : { hint: `nothing is live yet: PUT …/aliases/${LIVE} {"version": ${entry.version}}` }),
  }
}
