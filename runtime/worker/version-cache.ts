import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { artifactKey, artifactPath } from '../contract/artifact.ts'
import { type FunctionVersion, parseFunctionVersion, versionRecordKey } from '../contract/function-version.ts'
import type { CodeCaches } from './code-caches.ts'

/** A version, the script it runs, and V8's code cache of it as soon as there is one. */
export interface LoadedVersion {
  readonly version: FunctionVersion
  readonly script: Buffer
  codeCache: Buffer | undefined
}

interface VersionCacheOptions {
  readonly storeUrl: string
  readonly dataDir: string
  readonly codeCaches: CodeCaches
  readonly onError: (error: Error) => void
}

const MAX_BYTES = 128 * 1024 * 1024

/** What this worker has fetched from the store: versions never change, so what is here stays true. */
export class VersionCache {
  readonly #store: Redis
  readonly #dataDir: string
  readonly #codeCaches: CodeCaches
  readonly #loaded = new Map<string, LoadedVersion>()
  readonly #loading = new Map<string, Promise<LoadedVersion>>()
  #bytes = 0

  constructor({ storeUrl, dataDir, codeCaches, onError }: VersionCacheOptions) {
    this.#store = new Redis(storeUrl, { connectionName: 'worker:store', maxRetriesPerRequest: 2 })
    this.#store.on('error', onError)
    this.#dataDir = dataDir
    this.#codeCaches = codeCaches
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
      if (loaded.codeCache === undefined) this.#codeCaches.want(loaded.version, loaded.script, (cache) => this.#learn(loaded, cache))
      return loaded
    } finally {
      this.#loading.delete(versionId)
    }
  }

  /** Content of an artifact: out of the store, or a file. */
  async readArtifact(sha256: string): Promise<Buffer> {
    return (await this.#store.getBuffer(artifactKey(sha256))) ?? (await readFile(artifactPath(this.#dataDir, sha256)))
  }

  /** All fields of a hash, as they are now. */
  async readHash(key: string): Promise<Record<string, string>> {
    return await this.#store.hgetall(key)
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
    return { version, script, codeCache: await this.#codeCaches.read(version, script) }
  }

  #learn(loaded: LoadedVersion, codeCache: Buffer): void {
    loaded.codeCache = codeCache
    if (this.#loaded.get(loaded.version.versionId) === loaded) this.#bytes += codeCache.length
  }

  #keep(versionId: string, loaded: LoadedVersion): void {
    this.#loaded.set(versionId, loaded)
    this.#bytes += bytesOf(loaded)
    for (const [id, kept] of this.#loaded) {
      if (this.#bytes <= MAX_BYTES || id === versionId) break
      this.#loaded.delete(id)
      this.#bytes -= bytesOf(kept)
    }
  }
}

function bytesOf({ script, codeCache }: LoadedVersion): number {
  return script.length + (codeCache?.length ?? 0)
}
