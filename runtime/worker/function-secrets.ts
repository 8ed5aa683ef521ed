import { readFile } from 'node:fs/promises'
import type { Invocation } from '../contract/invocation.ts'
import { functionKey } from '../contract/names.ts'
import { openSecret } from '../contract/sealed-secret.ts'
import { secretsHashKey, secretsKeyPath } from '../contract/secrets.ts'
import { parseSecretsKey, SECRETS_KEY_WANTED, type SecretsKey } from '../contract/secrets-key.ts'

/** The secrets a sandbox is opened with. */
export interface OpenedSecrets {
  /** They are of this revision of the function's secrets, or of a newer one. */
  readonly revision: number
  readonly values: Readonly<Record<string, string>>
}

type Call = Pick<Invocation, 'tenant' | 'name' | 'secrets'>

interface Deps {
  /** The setting; without it, the key is in the data directory. */
  readonly secretsKey: SecretsKey | undefined
  readonly dataDir: string
  /** All fields of one of the store's hashes. */
  readonly readHash: (key: string) => Promise<Record<string, string>>
}

const MAX_FUNCTIONS_REMEMBERED = 10_000

/**
 * What this worker knows of functions' secrets: never the texts, only which revision of them there is, as calls tell. A
 * function that never had any costs a look at its invocation; a warm call of one that has, a look into a map.
 */
export class FunctionSecrets {
  readonly #deps: Deps
  #key: SecretsKey | undefined
  /** Newest revision heard of, by function. */
  readonly #revisions = new Map<string, number>()
  /** Being read, for everybody who waits to open a sandbox. */
  readonly #reading = new Map<string, Promise<OpenedSecrets>>()

  constructor(deps: Deps) {
    this.#deps = deps
    this.#key = deps.secretsKey
  }

  /** Of every call, before it looks for a sandbox. True: sandboxes the function has here may have former secrets. */
  hear({ tenant, name, secrets = 0 }: Call): boolean {
    if (secrets === 0) return false
    const fn = functionKey(tenant, name)
    if (secrets <= (this.#revisions.get(fn) ?? 0)) return false
    this.#revisions.delete(fn)
    this.#revisions.set(fn, secrets)
    // What is being read may be what was there before.
    this.#reading.delete(fn)
    if (this.#revisions.size > MAX_FUNCTIONS_REMEMBERED) this.#revisions.delete(this.#revisions.keys().next().value as string)
    return true
  }

  /** Whether a sandbox for this call can be opened with these. Without any: whether it needs none. */
  areCurrent(call: Call, opened: OpenedSecrets | undefined): boolean {
    return (opened?.revision ?? 0) >= this.#revisionFor(call)
  }

  /** @throws SecretUnreadable, or an Error that says why there is no key */
  read(call: Call): Promise<OpenedSecrets> {
    const fn = functionKey(call.tenant, call.name)
    const under = this.#reading.get(fn)
    if (under !== undefined) return under
    const reading = this.#open(call, this.#revisionFor(call)).finally(() => {
      if (this.#reading.get(fn) === reading) this.#reading.delete(fn)
    })
    this.#reading.set(fn, reading)
    return reading
  }

  #revisionFor({ tenant, name, secrets = 0 }: Call): number {
    return Math.max(secrets, this.#revisions.get(functionKey(tenant, name)) ?? 0)
  }

  async #open({ tenant, name: functionName }: Call, revision: number): Promise<OpenedSecrets> {
    const sealed = await this.#deps.readHash(secretsHashKey(tenant, functionName))
    const values: Record<string, string> = {}
    for (const [name, text] of Object.entries(sealed)) values[name] = openSecret(await this.#loadKey(), { tenant, functionName, name }, text)
    return { revision, values }
  }

  async #loadKey(): Promise<SecretsKey> {
    this.#key ??= await readKeyFile(secretsKeyPath(this.#deps.dataDir))
    return this.#key
  }
}

async function readKeyFile(path: string): Promise<SecretsKey> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`Cannot read the key to the functions' secrets in ${path} (${error.code}): set ISOLANE_SECRETS_KEY to the one the gateway has`)
  })
  const key = parseSecretsKey(text)
  if (key === undefined) throw new Error(`Cannot use the key to the functions' secrets in ${path}: wanted ${SECRETS_KEY_WANTED}`)
  return key
}
