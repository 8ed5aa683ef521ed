import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** The key in a file, or one made now: all of it or none, also when two processes come at once: a link, unlike a rename, does not replace. */
export async function readOrCreateKeyFile(path: string, create: () => string, mode = 0o600): Promise<string> {
  const known = await readKeyFile(path)
  if (known !== undefined) return known
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const key = create()
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(temporary, `${key}\n`, { mode, flush: true })
    await link(temporary, path)
    return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return (await readKeyFile(path)) ?? key
  } finally {
    await rm(temporary, { force: true })
  }
}

export async function readKeyFile(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
