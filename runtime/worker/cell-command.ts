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

/** How a cell is started: through the jail, and then with nothing but what it needs to read. The first word is the program. */
export function cellCommand(prefix: readonly string[], { cellPath, snapshotPath, addonPath }: CellAssets): string[] {
  return [
    ...prefix,
    process.execPath,
    ...ENGINE_FLAGS,
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
  ]
}
