import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type CodeCacheName, codeCachePath } from '../contract/artifact.ts'

const DIGEST_BYTES = 32

/** The code cache that is kept under this name. `undefined` when there is none, or a damaged one. */
export async function readCodeCache(dataDir: string, name: CodeCacheName): Promise<Buffer | undefined> {
  let file: Buffer
  try {
    file = await readFile(codeCachePath(dataDir, name))
  } catch {
    return undefined
  }
  return openCodeCache(file)
}

/** Takes the digest off a code cache. V8 does not check one for damage by itself. */
export function openCodeCache(file: Buffer): Buffer | undefined {
  const cache = file.subarray(DIGEST_BYTES)
  const isWhole = cache.length > 0 && createHash('sha256').update(cache).digest().equals(file.subarray(0, DIGEST_BYTES))
  return isWhole ? cache : undefined
}

/** Keeps a code cache with its digest, and none that another engine made for the same tenant of the same script. */
export async function writeCodeCache(dataDir: string, name: CodeCacheName, file: Buffer): Promise<void> {
  const path = codeCachePath(dataDir, name)
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(aside, file, { mode: 0o640 })
  await rename(aside, path)
  const [tenantPart] = basename(path).split('.') as [string]
  for (const other of await readdir(folder)) {
    if (other.startsWith(`${tenantPart}.`) && other !== basename(path)) await rm(join(folder, other), { force: true })
  }
}
