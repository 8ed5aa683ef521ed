import { rm, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { isKvBlobId, KV_BLOBS_KEY, kvBlobFolder, kvBlobPath, kvScopeName } from '../../runtime/contract/kv.ts'
import { filesBelow } from './artifact-files.ts'
import type { Store } from './open-store.ts'
import { StoreScript } from './store-script.ts'

/** Longer than any invocation: how old a file must be before it cannot be on its way to its record any more. */
export const KV_FILE_GRACE_MS = 30 * 60_000

const deleteRecords = new StoreScript('../../runtime/contract/kv-records.lua', 'delete-function-kv.lua')

/** Deletes what a function keeps in `env.KV`; what it shares with its tenant's other functions stays. */
export async function deleteFunctionKv(store: Store, dataDir: string, tenant: string, name: string): Promise<void> {
  for (let left = 1; left > 0; ) {
    const [freed, stillThere] = (await deleteRecords.run(store, tenant, 0, kvScopeName('function', name))) as [string[], number]
    for (const id of freed) await rm(kvBlobPath(dataDir, id), { force: true })
    left = stillThere
  }
}

/**
 * Removes the files of KV values that no record points to: what a crash left behind between a file and its record. Spares what
 * is younger than KV_FILE_GRACE_MS at `now` (ms since 1970). Answers how many went.
 */
export async function sweepKvFiles(store: Store, dataDir: string, now: number): Promise<number> {
  let removed = 0
  for (const path of await filesBelow(kvBlobFolder(dataDir))) {
    if (now - (await ageMark(path, now)) < KV_FILE_GRACE_MS) continue
    const id = basename(path)
    if (isKvBlobId(id) && (await store.sismember(KV_BLOBS_KEY, id)) === 1) continue
    await rm(path, { force: true })
    removed++
  }
  return removed
}

/** When it was last written to. A file that has gone meanwhile is as good as new: nothing is left to do. */
async function ageMark(path: string, now: number): Promise<number> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return now
    throw error
  }
}
