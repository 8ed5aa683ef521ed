import { randomBytes } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { artifactPath, codeCacheFolder } from '../../runtime/contract/artifact.ts'
import type { Store } from './open-store.ts'

/** How long a candidate may take from its upload to its acceptance. */
export const CANDIDATE_LIFE_MS = 10 * 60_000

/** Writes a large artifact so that after a crash there is either all of it or nothing under its name. */
export async function writeArtifactFile(dataDir: string, sha256: string, content: string): Promise<void> {
  const path = artifactPath(dataDir, sha256)
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const temporary = besides(path)
  try {
    await withFile(temporary, 'wx', async (file) => {
      await file.writeFile(content)
      await file.sync()
    })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  // The new name itself is on disk only once its folder is.
  await withFile(folder, 'r', (file) => file.sync())
}

/**
 * Removes the file of an artifact that nobody claimed a moment ago. A deploy of the same code may have claimed it since, and
 * claims before it writes: so the file is set aside first, and comes back if there is a claim now.
 */
export async function removeArtifactFile(store: Store, dataDir: string, sha256: string): Promise<void> {
  const path = artifactPath(dataDir, sha256)
  const aside = besides(path)
  try {
    await rename(path, aside)
  } catch (error) {
    // Small artifacts have no file.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (await isClaimed(store, sha256)) await rename(aside, path)
  else await rm(aside)
}

/** Removes the code caches that workers made of an artifact; a version that is deployed meanwhile gets new ones. */
export async function removeCodeCaches(dataDir: string, sha256: string): Promise<void> {
  await rm(codeCacheFolder(dataDir, sha256), { recursive: true, force: true })
}

/** Removes the code caches whose artifact nobody claims: made while it was being removed. Answers how many. */
export async function sweepCodeCaches(store: Store, dataDir: string): Promise<number> {
  let removed = 0
  for (const path of await filesBelow(join(dataDir, 'code-caches'))) {
    if (await isClaimed(store, basename(dirname(path)))) continue
    await rm(path, { force: true })
    removed++
  }
  return removed
}

/**
 * Removes the files that crashed deploys left behind, and answers how many. A half-written one may belong to a deploy under
 * way in another process: it is spared until it is `CANDIDATE_LIFE_MS` old at `now` (ms since 1970).
 */
export async function sweepArtifactFiles(store: Store, dataDir: string, now: number): Promise<number> {
  let removed = 0
  for (const path of await filesBelow(join(dataDir, 'artifacts'))) {
    const isWhole = /^[0-9a-f]{64}$/.test(basename(path))
    const isKept = isWhole ? await isClaimed(store, basename(path)) : now - (await stat(path)).mtimeMs < CANDIDATE_LIFE_MS
    if (isKept) continue
    await rm(path, { force: true })
    removed++
  }
  return removed
}

/** Paths of all files in a folder and in those below it; none when there is no such folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function isClaimed(store: Store, sha256: string): Promise<boolean> {
  return (await store.exists(`isolane:artifact-claims:${sha256}`)) === 1
}

async function withFile(path: string, flags: string, use: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags, 0o640)
  try {
    await use(file)
  } finally {
    await file.close()
  }
}

function besides(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}`
}
