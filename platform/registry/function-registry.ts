import { randomBytes } from 'node:crypto'
import type { FunctionVersion, HandlerStyle } from '../../runtime/contract/function-version.ts'
import { parseFunctionVersion, versionRecordKey } from '../../runtime/contract/function-version.ts'
import { removeArtifactFile, removeCodeCaches } from './artifact-files.ts'
import type { BeginRequest, Candidate } from './candidate.ts'
import { CandidateGone, draftCandidate, writeCandidate } from './candidate.ts'
import type { Acceptance, Decision } from './function-decisions.ts'
import { acceptVersion, changeSettings, pointAlias, removeFunction } from './function-decisions.ts'
import type { AliasTarget, FunctionState, VersionEntry } from './function-state.ts'
import { artifactsOf, liveVersion } from './function-state.ts'
import { deleteFunctionKv } from './kv-files.ts'
import type { Store } from './open-store.ts'
import { removeSecret, setSecret } from './secret-decisions.ts'
import type { SettingsChange, VersionSettings } from './settings.ts'
import { limitsFor } from './settings.ts'
import type { ChangeListener } from './store-changes.ts'
import { StoreScript } from './store-script.ts'

/** Each round somebody's change goes through, so this many changes at once can be waited for. */
const MAX_ROUNDS = 200

const CLAIMS = 'artifact-claims.lua'
const discardVersion = new StoreScript(CLAIMS, 'discard-version.lua')
const commitFunction = new StoreScript(CLAIMS, 'commit-function.lua')

interface RegistryDeps {
  readonly store: Store
  readonly dataDir: string
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  /** Told of each change made here before the one who asked for it is: news by way of the store may come after their next call. */
  readonly changed?: ChangeListener['changed']
}

/**
 * What functions there are, in the store. Reads a state, lets function-decisions.ts decide, and commits the decision in one
 * step under the revision it was made from; whoever was second decides again.
 */
export class FunctionRegistry {
  readonly #store: Store
  readonly #dataDir: string
  readonly #now: () => number
  readonly #changed: ChangeListener['changed']

  constructor({ store, dataDir, now = Date.now, changed = () => {} }: RegistryDeps) {
    this.#store = store
    this.#dataDir = dataDir
    this.#now = now
    this.#changed = changed
  }

  async read(tenant: string, name: string): Promise<FunctionState | undefined> {
    const state = await this.#readState(tenant, name)
    return state?.removed ? undefined : state
  }

  /** Sorted by name. */
  async list(tenant: string): Promise<FunctionState[]> {
    const names = await this.#store.smembers(`isolane:functions:${tenant}`)
    const states = await Promise.all(names.sort().map((name) => this.read(tenant, name)))
    return states.filter((state) => state !== undefined)
  }

  async readVersion(versionId: string): Promise<FunctionVersion | undefined> {
    const json = await this.#store.get(versionRecordKey(versionId))
    return json === null ? undefined : parseFunctionVersion(JSON.parse(json))
  }

  /** Writes a candidate beside everything that exists. */
  async begin(request: BeginRequest): Promise<Candidate> {
    const state = await this.#readState(request.tenant, request.name)
    const candidate = draftCandidate(request, {
      versionId: randomBytes(16).toString('hex'),
      version: (state?.lastVersion ?? 0) + 1,
      base: await this.#settingsOf(liveVersion(state)),
      secrets: state?.secrets?.revision ?? 0,
      now: this.#now(),
    })
    await writeCandidate(this.#store, this.#dataDir, candidate)
    return candidate
  }

  /** The candidate has loaded: gives it its number, its style and, where due, `live`. */
  async accept({ request, record, settings, draft }: Candidate, style: HandlerStyle): Promise<Acceptance> {
    const { tenant, name, change, moveLive } = request
    const loaded = { draft, style, limits: limitsFor(settings, style), change: change.function, moveLive }
    return this.#change(tenant, name, (state) => {
      const decision = acceptVersion(tenant, name, state, loaded, this.#now())
      const { version, limits } = decision.entry
      return { ...decision, accept: { ...record, version, style, limits } satisfies FunctionVersion }
    })
  }

  /** The candidate did not load: nothing is left of it. */
  async discard({ record, draft }: Candidate): Promise<void> {
    const gone = await discardVersion.run(this.#store, record.versionId, ...artifactsOf(draft))
    await this.#removeFiles(gone as string[])
  }

  changeSettings(tenant: string, name: string, change: SettingsChange['function']): Promise<Decision | undefined> {
    return this.#changeExisting(tenant, name, (state) => changeSettings(state, change, this.#now()))
  }

  /** `decide` sees the state the alias will be part of; what it throws reaches the caller, and nothing has changed then. */
  pointAlias(tenant: string, name: string, alias: string, decide: (state: FunctionState) => readonly AliasTarget[]): Promise<Decision | undefined> {
    return this.#changeExisting(tenant, name, (state) => pointAlias(state, alias, decide(state), this.#now()))
  }

  /** `sealed`: as sealed-secret.ts makes it. `full`: nothing has changed. */
  async setSecret(tenant: string, name: string, secret: string, sealed: string): Promise<Decision | 'full' | undefined> {
    let isFull = false
    const decision = await this.#changeExisting(tenant, name, (state) => {
      const decided = setSecret(state, secret, sealed, this.#now())
      isFull = decided === 'full'
      return decided === 'full' ? undefined : decided
    })
    return isFull ? 'full' : decision
  }

  /** `missing`: the function has no such secret. */
  async removeSecret(tenant: string, name: string, secret: string): Promise<Decision | 'missing' | undefined> {
    let isMissing = false
    const decision = await this.#changeExisting(tenant, name, (state) => {
      const decided = removeSecret(state, secret, this.#now())
      isMissing = decided === 'missing'
      return decided === 'missing' ? undefined : decided
    })
    return isMissing ? 'missing' : decision
  }

  async remove(tenant: string, name: string): Promise<Decision | undefined> {
    const decision = await this.#changeExisting(tenant, name, (state) => removeFunction(state, this.#now()))
    // Also when there was no function: whoever repeats a removal that broke off finishes it.
    await deleteFunctionKv(this.#store, this.#dataDir, tenant, name)
    return decision
  }

  async #changeExisting(tenant: string, name: string, decide: (state: FunctionState) => Decision | undefined): Promise<Decision | undefined> {
    return this.#change(tenant, name, (state) => (state === undefined || state.removed ? undefined : decide(state)))
  }

  /** Decides and commits, again and again until nobody was faster. `undefined` from `decide` changes nothing. */
  async #change<D extends (Decision & { readonly accept?: FunctionVersion }) | undefined>(
    tenant: string,
    name: string,
    decide: (state: FunctionState | undefined) => D,
  ): Promise<D> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const state = await this.#readState(tenant, name)
      const decision = decide(state)
      if (decision === undefined) return decision
      const [verdict, ...gone] = await this.#commit(state?.revision ?? 0, decision)
      if (verdict === 'conflict') continue
      if (verdict === 'expired') throw new CandidateGone(tenant, name)
      this.#changed(`function:${tenant}/${name}`)
      await this.#removeFiles(gone)
      return decision
    }
    throw new Error(`Cannot change ${tenant}/${name}: ${MAX_ROUNDS} other changes were faster`)
  }

  async #commit(revision: number, { state, freed, secrets, accept }: Decision & { readonly accept?: FunctionVersion }): Promise<string[]> {
    const accepted = accept && state.versions.find(({ versionId }) => versionId === accept.versionId)
    const plan = {
      ...(accepted && { accept: { versionId: accepted.versionId, record: JSON.stringify(accept), artifacts: artifactsOf(accepted) } }),
      free: freed.map((entry) => ({ versionId: entry.versionId, artifacts: artifactsOf(entry) })),
      ...(secrets && { secrets }),
    }
    const args = [
      state.tenant,
      state.name,
      revision,
      state.revision,
      JSON.stringify(state),
      state.removed ? 'unlisted' : 'listed',
      JSON.stringify(plan),
    ]
    return (await commitFunction.run(this.#store, ...args)) as string[]
  }

  async #settingsOf(entry: VersionEntry | undefined): Promise<VersionSettings | undefined> {
    if (!entry) return undefined
    const record = await this.readVersion(entry.versionId)
    const { memoryMb, timeoutMs } = entry.limits
    return { memoryMb, timeoutMs, concurrency: entry.asked.concurrency, style: entry.asked.style, wasm: entry.wasm ?? false, env: record?.env ?? {} }
  }

  async #readState(tenant: string, name: string): Promise<FunctionState | undefined> {
    const json = await this.#store.hget(`isolane:function:${tenant}/${name}`, 'state')
    return json === null ? undefined : JSON.parse(json)
  }

  async #removeFiles(sha256s: readonly string[]): Promise<void> {
    for (const sha256 of sha256s) {
      await removeArtifactFile(this.#store, this.#dataDir, sha256)
      await removeCodeCaches(this.#dataDir, sha256)
    }
  }
}
