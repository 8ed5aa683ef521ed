import type { HandlerStyle } from '../../runtime/contract/function-version.ts'
import type { Limits } from '../../runtime/contract/limits.ts'
import { functionKey } from '../../runtime/contract/names.ts'
import type { FunctionState, VersionEntry } from './function-state.ts'
import { LIVE } from './function-state.ts'
import { ReadThrough } from './read-through.ts'
import type { Access } from './settings.ts'
import type { ChangeListener } from './store-changes.ts'

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
  /** Revision of the function's secrets; 0: it never had any. */
  readonly secrets: number
  /** Of the function, when this was read. */
  readonly revision: number
}

/** Which version a name stands for: at once from memory, a promise when it must be read. */
export interface Functions {
  resolve(tenant: string, name: string, qualifier?: string): Resolved | undefined | Promise<Resolved | undefined>
}

/** The versions a name stands for; `upTo` adds up the weights, so that one random number picks. */
type Choice = readonly { readonly upTo: number; readonly resolved: Resolved }[]

interface DirectoryDeps {
  readonly functions: { read(tenant: string, name: string): Promise<FunctionState | undefined> }
  /** From 0 to under 1. Default `Math.random`. */
  readonly random?: () => number
}

/** Which version a call goes to, from memory: a gateway asks for every request. */
export class FunctionDirectory implements Functions, ChangeListener {
  readonly #functions: ReadThrough<ReadonlyMap<string, Choice>>
  readonly #random: () => number

  constructor({ functions, random = Math.random }: DirectoryDeps) {
    this.#random = random
    this.#functions = new ReadThrough(async (key) => {
      const slash = key.indexOf('/')
      const state = await functions.read(key.slice(0, slash), key.slice(slash + 1))
      return state && choices(state)
    })
  }

  /**
   * `qualifier`: a version number or an alias; default `live`. Answers at once what is in memory, `undefined` for what does
   * not exist; a promise only for what has to be read.
   */
  resolve(tenant: string, name: string, qualifier: string = LIVE): Resolved | undefined | Promise<Resolved | undefined> {
    const known = this.#functions.get(functionKey(tenant, name))
    if (known instanceof Promise) return known.then((loaded) => this.#pick(loaded?.get(qualifier)))
    return this.#pick(known?.get(qualifier))
  }

  changed(key: string): void {
    if (key.startsWith('function:')) this.#functions.invalidate(key.slice('function:'.length))
  }

  missed(): void {
    this.#functions.flush()
  }

  #pick(choice: Choice | undefined): Resolved | undefined {
    if (!choice) return undefined
    if (choice.length === 1) return choice[0]?.resolved
    const at = this.#random() * (choice.at(-1)?.upTo ?? 0)
    return choice.find(({ upTo }) => at < upTo)?.resolved
  }
}

function choices(state: FunctionState): ReadonlyMap<string, Choice> {
  const byNumber = new Map(state.versions.map((entry) => [entry.version, toResolved(state, entry)]))
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

function toResolved(state: FunctionState, { version, versionId, style, limits }: VersionEntry): Resolved {
  const { tenant, name, access, maxConcurrency, idempotent, revision } = state
  const secrets = state.secrets?.revision ?? 0
  return { tenant, name, version, versionId, style, limits, access, maxConcurrency, idempotent, secrets, revision }
}
