import type { HandlerStyle } from '../../runtime/contract/function-version.ts'
import type { Limits } from '../../runtime/contract/limits.ts'
import { functionKey } from '../../runtime/contract/names.ts'
import type { FunctionState, VersionEntry } from './function-state.ts'
import { LIVE } from './function-state.ts'
import { ReadThrough } from './read-through.ts'
import { type Access, DEFAULT_RETRIES } from './settings.ts'
import type { ChangeListener } from './store-changes.ts'
import type { TenantPlacement, Tenants } from './tenant-directory.ts'

/** What the way of a request depends on. */
export interface Resolved {
  readonly tenant: string
  readonly name: string
  readonly version: number
  readonly versionId: string
  readonly style: HandlerStyle
  readonly limits: Limits
  readonly access: Access
  readonly maxConcurrency: number | undefined
  readonly idempotent: boolean
  readonly retries: number
  readonly onSuccess: string | undefined
  readonly onFailure: string | undefined
  /** Revision of the function's secrets; 0: it never had any. */
  readonly secrets: number
  /** Of the function, when this was read. */
  readonly revision: number
  readonly tenantSettings: TenantPlacement
}

/** Which version a name stands for: at once from memory, a promise when it must be read. */
export interface Functions {
  resolve(tenant: string, name: string, qualifier?: string): Resolved | undefined | Promise<Resolved | undefined>
}

/** The versions a name stands for; `upTo` adds up the weights, so that one random number picks. */
type Choice = readonly { readonly upTo: number; readonly resolved: Resolved }[]

interface DirectoryDeps {
  readonly functions: { read(tenant: string, name: string): Promise<FunctionState | undefined> }
  readonly tenants: Pick<Tenants, 'settings'>
  /** From 0 to under 1. Default `Math.random`. */
  readonly random?: () => number
}

/** Which version a call goes to, from memory: a gateway asks for every request. */
export class FunctionDirectory implements Functions, ChangeListener {
  readonly #functions: ReadThrough<KnownFunction>
  readonly #tenants: DirectoryDeps['tenants']
  readonly #random: () => number

  constructor({ functions, tenants, random = Math.random }: DirectoryDeps) {
    this.#random = random
    this.#tenants = tenants
    this.#functions = new ReadThrough(async (key) => {
      const slash = key.indexOf('/')
      const state = await functions.read(key.slice(0, slash), key.slice(slash + 1))
      return state && new KnownFunction(state)
    })
  }

  /**
   * `qualifier`: a version number or an alias; default `live`. Answers at once what is in memory, `undefined` for what does
   * not exist; a promise only for what has to be read.
   */
  resolve(tenant: string, name: string, qualifier: string = LIVE): Resolved | undefined | Promise<Resolved | undefined> {
    const known = this.#functions.get(functionKey(tenant, name))
    if (known instanceof Promise) return known.then((loaded) => loaded && this.#resolve(loaded, tenant, qualifier))
    return known && this.#resolve(known, tenant, qualifier)
  }

  changed(key: string): void {
    if (key.startsWith('function:')) this.#functions.invalidate(key.slice('function:'.length))
  }

  missed(): void {
    this.#functions.flush()
  }

  #resolve(known: KnownFunction, tenant: string, qualifier: string): Resolved | undefined | Promise<Resolved | undefined> {
    const settings = this.#tenants.settings(tenant)
    if (settings instanceof Promise) return settings.then((read) => this.#pick(known.choice(qualifier, read)))
    return this.#pick(known.choice(qualifier, settings))
  }

  #pick(choice: Choice | undefined): Resolved | undefined {
    if (!choice) return undefined
    if (choice.length === 1) return choice[0]?.resolved
    const at = this.#random() * (choice.at(-1)?.upTo ?? 0)
    return choice.find(({ upTo }) => at < upTo)?.resolved
  }
}

/** A function's choices, made anew when its tenant's settings are others: calls pay for neither. */
class KnownFunction {
  readonly #state: FunctionState
  #settings: TenantPlacement | undefined
  #choices: ReadonlyMap<string, Choice> = new Map()

  constructor(state: FunctionState) {
    this.#state = state
  }

  choice(qualifier: string, settings: TenantPlacement): Choice | undefined {
    if (settings !== this.#settings) {
      this.#settings = settings
      this.#choices = choices(this.#state, settings)
    }
    return this.#choices.get(qualifier)
  }
}

function choices(state: FunctionState, tenantSettings: TenantPlacement): ReadonlyMap<string, Choice> {
  const byNumber = new Map(state.versions.map((entry) => [entry.version, toResolved(state, entry, tenantSettings)]))
  const byQualifier = new Map<string, Choice>()
  for (const [version, resolved] of byNumber) byQualifier.set(String(version), [{ upTo: 1, resolved }])
  for (const [alias, targets] of Object.entries(state.aliases)) {
    let upTo = 0
    const choice = targets.flatMap(({ version, weight }) => {
      const resolved = byNumber.get(version)
      if (!resolved) return []
      upTo += weight
      return [{ upTo, resolved }]
    })
    byQualifier.set(alias, choice)
  }
  return byQualifier
}

function toResolved(state: FunctionState, { version, versionId, style, limits }: VersionEntry, tenantSettings: TenantPlacement): Resolved {
  const { tenant, name, access, maxConcurrency, idempotent, retries = DEFAULT_RETRIES, onSuccess, onFailure, revision } = state
  const secrets = state.secrets?.revision ?? 0
  const ofFunction = { access, maxConcurrency, idempotent, retries, onSuccess, onFailure, revision }
  return { tenant, name, version, versionId, style, limits, ...ofFunction, secrets, tenantSettings }
}
