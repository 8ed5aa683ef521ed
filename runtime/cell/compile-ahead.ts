import type ivm from 'isolated-vm'
import { MAX_CODE_CACHE_BYTES, SCRIPT_NAME } from '../contract/artifact.ts'
import type { CachedScript } from './sandbox.ts'

/** Larger scripts are compiled as V8 does by itself, their inner functions at first call: whole, they would take a child's memory and time. */
const MOST_WHOLE_CHARS = 1024 * 1024
const MEMORY_MB = 512
/** Of a code cache's header (V8's SerializedCodeData): a hash of V8's flags. */
const FLAG_HASH = { from: 12, to: 16 }

export interface CompileDeps {
  readonly ivm: typeof ivm
  /** The cells': V8 takes a cache only where the isolate was made from the same one. */
  readonly snapshot: ivm.ExternalCopy<ArrayBuffer>
  readonly setFlags: (flags: string) => void
}

/**
 * V8's code cache of a script, made without running any of it. `undefined` when it is too large to be kept.
 *
 * Every function of the script is in it, where V8 would leave inner ones for their first call: of Hono's 97 KB a load and
 * a first call take 5.4 ms without a cache, 3.4 with V8's own choice and 2.0 with all (0.1 MB more in the sandbox). The
 * flag that asks for it changes the hash by which V8 knows its caches, but not what bytecode means: so the hash is put
 * back, and whether V8 takes the result is tried.
 */
export function compileAhead({ ivm, snapshot, setFlags }: CompileDeps, source: string): Buffer | undefined {
  const isolate = new ivm.Isolate({ memoryLimit: MEMORY_MB, snapshot })
  try {
    const asUsual = compile(isolate, source)
    const whole = source.length > MOST_WHOLE_CHARS ? undefined : compileWhole()
    return [whole, asUsual].find((cache) => cache !== undefined && cache.length <= MAX_CODE_CACHE_BYTES && isTaken(cache))

    function compileWhole(): Buffer {
      setFlags('--no-lazy')
      // A new isolate: the first one would find the script in its own memory, compiled as usual.
      const other = new ivm.Isolate({ memoryLimit: MEMORY_MB, snapshot })
      try {
        const cache = compile(other, source)
        asUsual.copy(cache, FLAG_HASH.from, FLAG_HASH.from, FLAG_HASH.to)
        return cache
      } finally {
        setFlags('--lazy')
        other.dispose()
      }
    }

    function isTaken(cache: Buffer): boolean {
      const fresh = new ivm.Isolate({ memoryLimit: MEMORY_MB, snapshot })
      try {
        const cachedData = new ivm.ExternalCopy(cache.buffer.slice(cache.byteOffset, cache.byteOffset + cache.length) as ArrayBuffer)
        const script: CachedScript = fresh.compileScriptSync(source, { filename: SCRIPT_NAME, cachedData })
        return script.cachedDataRejected === false
      } finally {
        fresh.dispose()
      }
    }
  } finally {
    isolate.dispose()
  }
}

function compile(isolate: ivm.Isolate, source: string): Buffer {
  const script: CachedScript = isolate.compileScriptSync(source, { filename: SCRIPT_NAME, produceCachedData: true })
  if (script.cachedData === undefined) throw new Error('Cannot make a code cache: V8 made none')
  return Buffer.from(script.cachedData.copy())
}
