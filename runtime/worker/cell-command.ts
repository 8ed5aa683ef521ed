import type { CellAssets } from '../assets/cell-assets.ts'
import type { JailNeeds } from '../jail/jail.ts'

/** It writes its progress file, four bytes, and no other. Of processes it needs a dozen threads. */
export function cellNeeds({ cellPath, snapshotPath, addonPath }: CellAssets): JailNeeds {
  return { openFiles: 64, processes: 64, fileBytes: 4_096, reads: [cellPath, snapshotPath, addonPath] }
}

/** What V8 is to do otherwise. A code cache is good for the same flags only. */
export const ENGINE_FLAGS = [
  '--no-node-snapshot',
  // GC on the one thread that is metered: a quarter faster here, and nothing a meter misses.
  '--single-threaded-gc',
  '--v8-pool-size=1',
] as const

const WASM_PAGES_PER_MB = 16

/**
 * V8 does not count WebAssembly's memories to an isolate's limit: each may have what the sandbox may, and how much they have
 * together is for the watch to see. Code is made faster within the slice that runs it: done on the side, it would be work
 * that a cell does when nobody has asked it anything (cell-audit.ts): measured 100 ms after a slice with one function of
 * 1.5 MB that had become hot, against 5.
 */
function wasmFlags(memoryMb: number): string[] {
  return [`--wasm-max-mem-pages=${memoryMb * WASM_PAGES_PER_MB}`, '--wasm-sync-tier-up']
}

/**
 * How a cell is started: through the jail, and then with nothing but what it needs to read. The first word is the program.
 * With `wasmMb`, its functions get WebAssembly, and memories of at most so many MiB.
 */
export function cellCommand(prefix: readonly string[], { cellPath, snapshotPath, addonPath }: CellAssets, wasmMb?: number): string[] {
  return [
    ...prefix,
    process.execPath,
    ...ENGINE_FLAGS,
    ...(wasmMb === undefined ? [] : wasmFlags(wasmMb)),
    '--permission',
    '--allow-addons',
    `--allow-fs-read=${cellPath}`,
    `--allow-fs-read=${snapshotPath}`,
    `--allow-fs-read=${addonPath}`,
    '--disable-warning=SecurityWarning',
    // Of runtime/cell/key-record.ts, and of algorithms that are not in the standard yet.
    '--disable-warning=DEP0204',
    '--disable-warning=ExperimentalWarning',
    cellPath,
    addonPath,
    snapshotPath,
    ...(wasmMb === undefined ? [] : [String(wasmMb)]),
  ]
}
