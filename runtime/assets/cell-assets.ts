import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build, stop } from 'esbuild'

/** The three files a cell is started from. */
export interface CellAssets {
  readonly cellPath: string
  readonly snapshotPath: string
  readonly addonPath: string
}

const RUNTIME = fileURLToPath(new URL('..', import.meta.url))
const SOURCES = ['assets/**/*.ts', 'cell/**/*.ts', 'contract/**/*.ts', 'jail/**/*.ts', 'prelude/**/*.ts']

/** What a worker starts: cells, and processes that compile for them (cell/compile-main.ts). */
export interface WorkerAssets extends CellAssets {
  readonly compilerPath: string
}

/**
 * Builds what cells need, or finds it built: kept by a hash of the sources and of the engine, so that a changed file, a
 * new Node or a new isolated-vm makes new ones. Several workers may do this at once: each writes aside and renames.
 */
export async function cellAssets(dataDir: string): Promise<WorkerAssets> {
  const addonPath = isolatedVmAddon()
  const folder = join(dataDir, 'runtime', sourceHash(addonPath))
  const cellPath = join(folder, 'cell.js')
  const compilerPath = join(folder, 'compiler.js')
  const snapshotPath = join(folder, 'prelude.snapshot')
  mkdirSync(folder, { recursive: true })
  if (!existsSync(cellPath)) await buildProgram('cell/main.ts', cellPath)
  if (!existsSync(compilerPath)) await buildProgram('cell/compile-main.ts', compilerPath)
  if (!existsSync(snapshotPath)) await buildSnapshotFile(snapshotPath)
  return { cellPath, compilerPath, snapshotPath, addonPath }
}

function sourceHash(addonPath: string): string {
  const hash = createHash('sha256').update(`${process.version} ${process.versions.v8} ${addonPath}`)
  for (const file of SOURCES.flatMap((pattern) => globSync(pattern, { cwd: RUNTIME })).sort()) {
    hash.update(file).update(readFileSync(join(RUNTIME, file)))
  }
  hash.update(readFileSync(join(RUNTIME, '..', 'package-lock.json')))
  return hash.digest('hex').slice(0, 16)
}

/** The addon itself: its package would look for it in folders a cell may not read. */
function isolatedVmAddon(): string {
  const require = createRequire(import.meta.url)
  const folder = dirname(require.resolve('isolated-vm/package.json'))
  const { path } = createRequire(join(folder, 'package.json'))('node-gyp-build') as { path: (folder: string) => string }
  return path(folder)
}

async function buildProgram(entry: string, path: string): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: [join(RUNTIME, entry)],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    logLevel: 'silent',
  })
  // Its helper process would stay for the worker's whole life.
  await stop()
  writeAside(path, outputFiles[0]?.contents as Uint8Array)
}

/** In a process of its own: a prelude that cannot be snapshot ends the process that tries. */
async function buildSnapshotFile(snapshotPath: string): Promise<void> {
  const aside = `${snapshotPath}.${process.pid}`
  // Functions the warm-up calls often would get feedback vectors, and later ask for them in every sandbox: 0.1 MB and 0.5 ms.
  const flags = ['--no-node-snapshot', '--invocation-count-for-feedback-allocation=1000000']
  await promisify(execFile)(process.execPath, [...flags, join(RUNTIME, 'assets/build-snapshot.ts'), aside])
  renameSync(aside, snapshotPath)
}

function writeAside(path: string, contents: Uint8Array): void {
  const aside = `${path}.${process.pid}`
  writeFileSync(aside, contents)
  renameSync(aside, path)
}
