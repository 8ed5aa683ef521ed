import { createHash } from 'node:crypto'
import { MAX_STORED_ARTIFACT_BYTES } from '../../runtime/contract/artifact.ts'
import type { FunctionVersion } from '../../runtime/contract/function-version.ts'
import { CANDIDATE_LIFE_MS, writeArtifactFile } from './artifact-files.ts'
import type { VersionDraft, VersionEntry } from './function-state.ts'
import type { Store } from './open-store.ts'
import type { SettingsChange, VersionSettings } from './settings.ts'
import { inheritVersion, limitsFor } from './settings.ts'
import { StoreScript } from './store-script.ts'

export interface NewCode {
  readonly script: string
  readonly sha256: string
  readonly sourceMap: string | undefined
  readonly sourceBytes: number
  readonly bundleBytes: number
}

export interface BeginRequest {
  readonly tenant: string
  readonly name: string
  /** New code, or a version of the same function whose code is kept. */
  readonly code: NewCode | VersionEntry
  readonly change: SettingsChange
  readonly moveLive: boolean
}

/** A version that is written but has no number yet: nobody can call it but by its id. */
export interface Candidate {
  readonly request: BeginRequest
  /** As a worker may load it; `version` is the number it will have if no other deploy is faster. */
  readonly record: FunctionVersion
  readonly settings: VersionSettings
  readonly draft: VersionDraft
  /** Revision of the function's secrets: the sandbox it is loaded in carries the first calls too. */
  readonly secrets: number
}

/** The candidate took longer than {@link CANDIDATE_LIFE_MS}, or the code it stands on was removed meanwhile. */
export class CandidateGone extends Error {
  constructor(tenant: string, name: string) {
    super(`Cannot go on with a version of ${tenant}/${name}: it took over ${CANDIDATE_LIFE_MS / 60_000} minutes, or its code was removed meanwhile`)
    this.name = 'CandidateGone'
  }
}

interface Given {
  readonly versionId: string
  /** The number to expect. */
  readonly version: number
  /** What omitted settings are inherited from. */
  readonly base: VersionSettings | undefined
  /** 0: the function never had any. */
  readonly secrets: number
  /** Milliseconds since 1970. */
  readonly now: number
}

export function draftCandidate(request: BeginRequest, { versionId, version, base, secrets, now }: Given): Candidate {
  const { tenant, name, code, change } = request
  const settings = inheritVersion(change.version, base)
  const { style, concurrency, wasm, env } = settings
  const sourceMap = sourceMapOf(code)
  const draft: VersionDraft = {
    versionId,
    sha256: code.sha256,
    ...(sourceMap && { sourceMapSha256: sourceMap.sha256 }),
    sourceBytes: code.sourceBytes,
    bundleBytes: code.bundleBytes,
    asked: { ...(style && { style }), ...(concurrency !== undefined && { concurrency }) },
    ...(wasm && { wasm }),
    createdAt: now,
  }
  const { sha256, sourceMapSha256 } = draft
  const record = {
    versionId,
    tenant,
    name,
    version,
    sha256,
    ...(sourceMapSha256 && { sourceMapSha256 }),
    style,
    limits: limitsFor(settings, undefined),
    ...(wasm && { wasm }),
    env,
  }
  return { request, record, settings, draft, secrets }
}

const beginVersion = new StoreScript('artifact-claims.lua', 'begin-version.lua')

/** Writes the record and claims its artifacts; all of it goes by itself unless the candidate is accepted. */
export async function writeCandidate(store: Store, dataDir: string, { request, record }: Candidate): Promise<void> {
  const { code } = request
  const main = 'script' in code ? { sha256: code.sha256, content: code.script } : { sha256: code.sha256, content: undefined }
  const artifacts = [main, sourceMapOf(code)].filter((artifact) => artifact !== undefined)
  const args = artifacts.flatMap(({ sha256, content }) => {
    const storage = storageOf(content)
    return [sha256, storage, storage === 'stored' ? (content ?? '') : '']
  })
  const begun = await beginVersion.run(store, record.versionId, JSON.stringify(record), CANDIDATE_LIFE_MS, ...args)
  if (begun !== 1) throw new CandidateGone(record.tenant, record.name)
  for (const { sha256, content } of artifacts) {
    // Claimed above, so that nobody removes what is written now.
    if (content !== undefined && storageOf(content) === 'file') await writeArtifactFile(dataDir, sha256, content)
  }
}

function sourceMapOf(code: NewCode | VersionEntry): { readonly sha256: string; readonly content: string | undefined } | undefined {
  if (!('script' in code)) return code.sourceMapSha256 === undefined ? undefined : { sha256: code.sourceMapSha256, content: undefined }
  if (code.sourceMap === undefined) return undefined
  return { sha256: createHash('sha256').update(code.sourceMap).digest('hex'), content: code.sourceMap }
}

function storageOf(content: string | undefined): 'kept' | 'stored' | 'file' {
  if (content === undefined) return 'kept'
  return Buffer.byteLength(content) <= MAX_STORED_ARTIFACT_BYTES ? 'stored' : 'file'
}
