import { basename, dirname } from 'node:path'
import type { WorkerAssets } from '../assets/cell-assets.ts'
import type { CodeCacheName } from '../contract/artifact.ts'
import type { FunctionVersion } from '../contract/function-version.ts'
import type { Jail } from '../jail/jail.ts'
import { ENGINE_FLAGS } from './cell-command.ts'
import { openCodeCache, readCodeCache, writeCodeCache } from './code-cache-files.ts'
import { compileInChild } from './compiler-process.ts'

/** Smaller scripts are compiled faster than a cache would be read. */
const MIN_SCRIPT_BYTES = 4 * 1024
/** Wanted and not made; more are forgotten, for a later load wants them again. */
const MAX_WAITING = 64

export interface CodeCachesOptions {
  readonly assets: WorkerAssets
  readonly jail: Jail
  readonly dataDir: string
  readonly onError: (error: Error) => void
}

interface Wanted {
  readonly name: CodeCacheName
  readonly script: Buffer
  readonly uses: ((cache: Buffer) => void)[]
}

/**
 * V8's code caches of the versions this worker knows: files beside the artifacts, made by a compile-only child, one
 * script at a time. Cells read them and never write them; each belongs to one tenant, one script and one engine.
 */
export class CodeCaches {
  readonly #options: CodeCachesOptions
  readonly #engine: string
  readonly #waiting = new Map<string, Wanted>()
  readonly #closed = new AbortController()
  #working = false

  constructor(options: CodeCachesOptions) {
    this.#options = options
    // The folder is named by a hash of node, V8, isolated-vm and the prelude, whose snapshot is part of what V8 compares.
    this.#engine = `${basename(dirname(options.assets.snapshotPath))} ${ENGINE_FLAGS.join(' ')}`
  }

  async read(version: FunctionVersion, script: Buffer): Promise<Buffer | undefined> {
    return !isWorthIt(version, script) ? undefined : await readCodeCache(this.#options.dataDir, this.#nameOf(version))
  }

  /** Has the cache made and kept, in its own time, and hands it over. Small scripts get none. */
  want(version: FunctionVersion, script: Buffer, use: (cache: Buffer) => void): void {
    const key = `${version.tenant} ${version.sha256}`
    const wanted = this.#waiting.get(key)
    if (wanted !== undefined) wanted.uses.push(use)
    if (wanted !== undefined || !isWorthIt(version, script) || this.#waiting.size >= MAX_WAITING) return
    this.#waiting.set(key, { name: this.#nameOf(version), script, uses: [use] })
    if (!this.#working) void this.#work()
  }

  close(): void {
    this.#waiting.clear()
    this.#closed.abort()
  }

  async #work(): Promise<void> {
    this.#working = true
    for (const [key, wanted] of this.#waiting) {
      try {
        const cache = await this.#made(wanted)
        if (cache !== undefined) for (const use of wanted.uses) use(cache)
      } catch (error) {
        this.#options.onError(error as Error)
      }
      this.#waiting.delete(key)
    }
    this.#working = false
  }

  async #made({ name, script }: Wanted): Promise<Buffer | undefined> {
    const { assets, jail, dataDir } = this.#options
    // Another worker may have been faster.
    const kept = await readCodeCache(dataDir, name)
    if (kept !== undefined) return kept
    const file = await compileInChild({ assets: { ...assets, cellPath: assets.compilerPath }, jail }, script, this.#closed.signal)
    const cache = file === undefined ? undefined : openCodeCache(file)
    if (file !== undefined && cache !== undefined) await writeCodeCache(dataDir, name, file)
    return cache
  }

  #nameOf({ tenant, sha256 }: FunctionVersion): CodeCacheName {
    return { tenant, sha256, engine: this.#engine }
  }
}

/** V8 takes a cache under the flags only that it was made under, and cells with WebAssembly have others, by their size. */
function isWorthIt({ wasm }: FunctionVersion, script: Buffer): boolean {
  return wasm !== true && script.length >= MIN_SCRIPT_BYTES
}
