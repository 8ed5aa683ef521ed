import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** The kernel takes 107 bytes on Linux and 103 on macOS. */
const MAX_SOCKET_PATH_BYTES = 100

/**
 * Where the ledger of this data directory listens: inside it, or, when that path is too long for a socket, in a
 * private folder of the temporary directory named after it. The same answer for everyone who asks.
 */
export function ledgerSocketPath(dataDir: string): string {
  const inside = join(resolve(dataDir), 'ledger.sock')
  if (Buffer.byteLength(inside) <= MAX_SOCKET_PATH_BYTES) return inside
  const name = createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 16)
  const short = join(`isolane-${name}`, 'ledger.sock')
  const temporary = join(tmpdir(), short)
  return Buffer.byteLength(temporary) <= MAX_SOCKET_PATH_BYTES ? temporary : join('/tmp', short)
}

/** Makes sure that nobody else can listen at, or reach, a socket in this folder. */
export function claimSocketFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const found = lstatSync(folder)
  const owner = process.getuid?.() ?? found.uid
  if (!found.isDirectory() || found.uid !== owner) {
    throw new Error(
      `Cannot listen in ${folder}: wanted a folder of user ${owner}, found ${found.isDirectory() ? `one of user ${found.uid}` : 'no folder'}`,
    )
  }
}
