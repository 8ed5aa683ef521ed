import type { FunctionVersion, HandlerStyle } from '../../runtime/contract/function-version.ts'
import type { ThrownError } from '../../runtime/contract/outcome.ts'
import { toAuthorPlace } from '../builder/author-place.ts'
import { describeBuildError } from '../builder/build-error.ts'
import type { Builder } from '../builder/builder.ts'
import type { BuildFailure, Built, Upload } from '../builder/built.ts'
import type { ProblemInit } from '../problem.ts'
import { Problem } from '../problem.ts'
import type { Candidate } from '../registry/candidate.ts'
import { CandidateGone } from '../registry/candidate.ts'
import type { Acceptance } from '../registry/function-decisions.ts'
import type { FunctionRegistry } from '../registry/function-registry.ts'
import type { VersionEntry } from '../registry/function-state.ts'
import { hiddenSettings } from '../registry/secret-decisions.ts'
import type { SettingsChange } from '../registry/settings.ts'

/** What the first load of a version measured. */
export interface LoadMeasures {
  readonly initMs: number
  readonly cpuMs: number
  readonly heapMb: number
  readonly coldStartMs: number
}

export type LoadResult =
  | { readonly ok: true; readonly style: HandlerStyle; readonly warning?: string; readonly report: LoadMeasures }
  | { readonly ok: false; readonly problem: ProblemInit }

/** Loads a candidate once in a real sandbox, with the secrets of this revision or newer ones. */
export type LoadOnce = (version: FunctionVersion, secrets: number) => Promise<LoadResult>

export interface DeployDeps {
  readonly builder: Pick<Builder, 'build'>
  readonly registry: Pick<FunctionRegistry, 'begin' | 'accept' | 'discard'>
  readonly loadOnce: LoadOnce
}

export interface DeployRequest {
  readonly tenant: string
  readonly name: string
  /** New code, or a version whose code is to run under other settings. */
  readonly code: Upload | VersionEntry
  readonly change: SettingsChange
  readonly moveLive: boolean
}

export interface Deployed extends Acceptance {
  readonly env: Readonly<Record<string, string>>
  readonly report: LoadMeasures & { readonly buildMs: number }
  readonly warnings: readonly string[]
}

const FAILURE_STATUS: Readonly<Record<BuildFailure['code'], number>> = {
  build_failed: 422,
  too_complex: 422,
  source_too_large: 413,
  bundle_too_large: 413,
  too_many_deploys: 429,
}

/** build → begin → load once → accept. Whatever goes wrong on the way, nothing of the candidate is left. */
export function createDeploy({ builder, registry, loadOnce }: DeployDeps) {
  return async function deploy(request: DeployRequest): Promise<Deployed> {
    const startedAt = performance.now()
    const code = 'modules' in request.code ? await builder.build(request.tenant, request.code) : request.code
    const buildMs = Math.round((performance.now() - startedAt) * 10) / 10
    if ('ok' in code && !code.ok) throw buildProblem(request.name, code)
    const candidate = await begun(registry.begin({ ...request, code }))
    const { accepted, loaded } = await loadedAndAccepted(candidate, (problem) => placed(problem, request.code))
    const { env } = candidate.record
    const warnings = [
      ...('warnings' in code ? code.warnings : []),
      ...(loaded.warning === undefined ? [] : [loaded.warning]),
      ...hiddenSettings(env, accepted.state).map((name) => `env.${name} is a setting and a secret: calls see the secret`),
    ]
    return { ...accepted, env, report: { buildMs, ...loaded.report }, warnings }
  }

  async function loadedAndAccepted(
    candidate: Candidate,
    explain: (problem: ProblemInit) => ProblemInit,
  ): Promise<{ accepted: Acceptance; loaded: LoadResult & { ok: true } }> {
    await using undo = new AsyncDisposableStack()
    // Should this fail too, the candidate goes by itself, and the first failure is the one to tell.
    undo.defer(() => registry.discard(candidate).catch(() => {}))
    const loaded = await loadOnce(candidate.record, candidate.secrets)
    if (!loaded.ok) throw new Problem(explain(loaded.problem))
    const accepted = await begun(registry.accept(candidate, loaded.style))
    undo.move()
    return { accepted, loaded }
  }
}

async function begun<T>(step: Promise<T>): Promise<T> {
  try {
    return await step
  } catch (error) {
    if (error instanceof CandidateGone) throw new Problem({ status: 503, code: 'deploy_expired', detail: error.message, retryAfterSeconds: 1 })
    throw error
  }
}

function buildProblem(name: string, { code, detail, errors, retryAfterMs }: Exclude<Built | BuildFailure, { ok: true }>): Problem {
  return new Problem({
    status: FAILURE_STATUS[code],
    code,
    detail: errors.length === 0 ? `Cannot deploy ${name}: ${detail}` : `Cannot build ${name}\n${detail}`,
    ...(errors.length > 0 && { extra: { errors } }),
    ...(retryAfterMs !== undefined && { retryAfterSeconds: retryAfterMs / 1_000 }),
  })
}

/** Where in the uploaded modules a failed start came from, as a failed build says it. */
function placed(problem: ProblemInit, uploaded: DeployRequest['code']): ProblemInit {
  const error = problem.extra?.error as ThrownError | undefined
  if (error === undefined || !('modules' in uploaded)) return problem
  const place = toAuthorPlace(`${error.name}: ${error.message}`, error.stack, uploaded)
  return {
    ...problem,
    detail: place.file === undefined ? problem.detail : `${problem.detail}\n${describeBuildError(place)}`,
    extra: { ...problem.extra, errors: [place] },
  }
}
