import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { artifactKey, artifactPath } from '../contract/artifact.ts'
import { type FunctionVersion, parseFunctionVersion, versionRecordKey } from '../contract/function-version.ts'

/** A version and the script it runs. */
export interface LoadedVersion {
  readonly version: FunctionVersion
  readonly script: Buffer
}

const MAX_BYTES = 128 * 1024 * 1024

/** What this worker has fetched from the store: versions never change, so what is here stays true. */
export class VersionCache {
  readonly #store: Redis
  readonly #dataDir: string
  readonly #loaded = new Map<string, LoadedVersion>()
  readonly #loading = new Map<string, Promise<LoadedVersion>>()
  #bytes = 0

  constructor({ storeUrl, dataDir, onError }: { storeUrl: string; dataDir: string; onError: (error: Error) => void }) {
    this.#store = new Redis(storeUrl, { connectionName: 'worker:store', maxRetriesPerRequest: 2 })
    this.#store.on('error', onError)
    this.#dataDir = dataDir
  }

  get(versionId: string): LoadedVersion | undefined {
    const found = this.#loaded.get(versionId)
    if (found === undefined) return undefined
    // Map order is age of last use.
    this.#loaded.delete(versionId)
    this.#loaded.set(versionId, found)
    return found
  }

  /** Fetches it. `keep: false` for a version that is still being accepted: its record is not final yet. */
  async load(versionId: string, { keep }: { keep: boolean }): Promise<LoadedVersion> {
    if (!keep) return await this.#fetch(versionId)
    const under = this.#loading.get(versionId)
    if (under !== undefined) return await under
    const loading = this.#fetch(versionId)
    this.#loading.set(versionId, loading)
    try {
      const loaded = await loading
      this.#keep(versionId, loaded)
      return loaded
    } finally {
      this.#loading.delete(versionId)
    }
  }

  /** Content of an artifact: out of the store, or a file. */
  async readArtifact(sha256: string): Promise<Buffer> {
    return (await this.#store.getBuffer(artifactKey(sha256))) ?? (await readFile(artifactPath(this.#dataDir, sha256)))
  }

  close(): void {
    this.#store.disconnect()
  }

  async #fetch(versionId: string): Promise<LoadedVersion> {
    const record = await this.#store.get(versionRecordKey(versionId))
    if (record === null) throw new Error(`Cannot load version ${versionId}: the store has no such version`)
    const version = parseFunctionVersion(JSON.parse(record))
    const script = await this.readArtifact(version.sha256)
    const sha256 = createHash('sha256').update(script).digest('hex')
    if (sha256 !== version.sha256) throw new Error(`Cannot load version ${versionId}: its artifact ${version.sha256} is damaged`)
    return { version, script }
  }

  #keep(versionId: string, loaded: LoadedVersion): void {
    this.#loaded.set(versionId, loaded)
    this.#bytes += loaded.script.length
    for (const [id, { script }] of this.#loaded) {
      if (this.#bytes <= MAX_BYTES || id === versionId) break
      this.#loaded.delete(id)
      this.#bytes -= script.length
    }
  }
}
