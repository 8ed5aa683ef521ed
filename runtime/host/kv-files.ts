import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { kvBlobPath } from '../contract/kv.ts'
import { HostError } from './operation.ts'
import type { ByteSource } from './pipes.ts'

/** A large value on its way into a file. Disposing of it removes what was not committed. */
export interface BlobDraft extends AsyncDisposable {
  write(piece: Buffer): Promise<void>
  /** On disk under its id, whole, when this resolves. */
  commit(): Promise<string>
}

/** Files of one tenant that one worker has open at once: descriptors are few, and all tenants share them. */
export const MAX_OPEN_FILES = 64

/** Values that are too large for the store, as files of the data directory. */
export class KvFiles {
  readonly #dataDir: string
  readonly #open = new Map<string, number>()

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  async draft(tenant: string): Promise<BlobDraft> {
    const release = this.#claim(tenant)
    const id = randomBytes(32).toString('hex')
    const path = kvBlobPath(this.#dataDir, id)
    const aside = `${path}.part`
    let file: FileHandle | undefined
    let committed = false
    let firstNewFolder: string | undefined
    const close = async (): Promise<void> => {
      const was = file
      file = undefined
      release()
      await was?.close()
    }
    try {
      firstNewFolder = await mkdir(dirname(path), { recursive: true })
      file = await open(aside, 'wx', 0o640)
    } catch (error) {
      release()
      throw error
    }
    return {
      async write(piece) {
        await file?.writeFile(piece)
      },
      async commit() {
        await file?.sync()
        await close()
        await rename(aside, path)
        committed = true
        // A new name is on disk only once its folder is: that of the file, and of each folder made for it.
        const last = firstNewFolder === undefined ? dirname(path) : dirname(firstNewFolder)
        for (let folder = dirname(path); folder.length >= last.length; folder = dirname(folder)) await syncFolder(folder)
        return id
      },
      async [Symbol.asyncDispose]() {
        await close()
        if (!committed) await rm(aside, { force: true })
      },
    }
  }

  /** undefined: there is no such file (any more). Read to its end or cancelled, it is closed. */
  async source(tenant: string, id: string, size: number): Promise<ByteSource | undefined> {
    const release = this.#claim(tenant)
    try {
      return fileSource(await open(kvBlobPath(this.#dataDir, id), 'r'), size, release)
    } catch (error) {
      release()
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  async remove(id: string): Promise<void> {
    await rm(kvBlobPath(this.#dataDir, id), { force: true })
  }

  /** Returns what gives it back, once. */
  #claim(tenant: string): () => void {
    const count = this.#open.get(tenant) ?? 0
    if (count >= MAX_OPEN_FILES) {
      throw new HostError(
        'RangeError',
        `Cannot open another large value: ${MAX_OPEN_FILES} are being read or written by functions of this tenant (fixed for all tenants). Read them to their end, or cancel them`,
      )
    }
    this.#open.set(tenant, count + 1)
    let released = false
    return () => {
      if (released) return
      released = true
      const left = (this.#open.get(tenant) ?? 1) - 1
      if (left === 0) this.#open.delete(tenant)
      else this.#open.set(tenant, left)
    }
  }
}

function fileSource(file: FileHandle, size: number, release: () => void): ByteSource {
  let at = 0
  let closed = false
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    release()
    await file.close()
  }
  return {
    async read(maxBytes) {
      const length = Math.min(maxBytes, size - at)
      if (closed || length === 0) {
        await close()
        return undefined
      }
      const position = at
      at += length
      const piece = Buffer.allocUnsafe(length)
      const { bytesRead } = await file.read(piece, 0, length, position)
      if (bytesRead !== length) throw new Error(`A value's file is damaged: it has ${position + bytesRead} bytes, its record says ${size}`)
      return piece
    },
    cancel() {
      // A file that was only read loses nothing when it does not close well.
      close().catch(() => {})
    },
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
