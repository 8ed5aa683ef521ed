import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServerRole } from './server-arguments.ts'

/** The kernel's own limits are 108 bytes on Linux and 104 on macOS, with the closing zero. */
export const LONGEST_SOCKET_PATH_BYTES = 100

/** The longest name below the folder, as `socketPath` makes it. */
const LONGEST_NAME = '/store.sock'

export function socketPath(folder: string, role: ServerRole): string {
  return join(folder, `${role}.sock`)
}

export function fitsSockets(folder: string): boolean {
  return Buffer.byteLength(folder) + LONGEST_NAME.length <= LONGEST_SOCKET_PATH_BYTES
}

/**
 * @param folder where the sockets should be
 * @returns that folder, or, when its path is too long for a socket, a new private one (mode 0700) with a short path, which is the caller's to remove
 */
export function chooseSocketFolder(folder: string): { readonly path: string; readonly isTemporary: boolean } {
  if (fitsSockets(folder)) return { path: folder, isTemporary: false }
  const parent = fitsSockets(join(tmpdir(), 'isolane-XXXXXX')) ? tmpdir() : '/tmp'
  return { path: mkdtempSync(join(parent, 'isolane-')), isTemporary: true }
}
