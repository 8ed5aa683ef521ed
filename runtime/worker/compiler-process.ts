import { spawn } from 'node:child_process'
import { setPriority } from 'node:os'
import type { CellAssets } from '../assets/cell-assets.ts'
import { MAX_CODE_CACHE_BYTES } from '../contract/artifact.ts'
import type { Jail } from '../jail/jail.ts'
import { cellCommand } from './cell-command.ts'

const MAX_MS = 10_000
const DIGEST_BYTES = 32
/** Below everything else: nobody waits for it. */
const NICENESS = 15

export interface CompilerOptions {
  /** Of a cell, but for the program. */
  readonly assets: CellAssets
  readonly jail: Jail
}

/** V8's code cache of a script, behind its digest, as `readCodeCache` wants it; compiled by a process of its own. Never rejects; `undefined` when nothing came of it. */
export async function compileInChild({ assets, jail }: CompilerOptions, script: Buffer, signal: AbortSignal): Promise<Buffer | undefined> {
  const [program, ...args] = cellCommand(jail.prefix, assets) as [string, ...string[]]
  const child = spawn(program, args, {
    cwd: '/',
    env: { PATH: process.env.PATH },
    stdio: ['pipe', 'pipe', 'ignore'],
    killSignal: 'SIGKILL',
    timeout: MAX_MS,
    signal,
  })
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>()
  const pieces: Buffer[] = []
  let bytes = 0
  child.stdout.on('data', (piece: Buffer) => {
    bytes += piece.length
    if (bytes > DIGEST_BYTES + MAX_CODE_CACHE_BYTES) child.kill('SIGKILL')
    else pieces.push(piece)
  })
  // It says goodbye by `close`, which also comes when it could not be started.
  child.on('error', () => {})
  child.on('close', (code) => resolve(code === 0 && bytes > DIGEST_BYTES ? Buffer.concat(pieces) : undefined))
  child.stdin.on('error', () => {})
  if (child.pid !== undefined) {
    try {
      setPriority(child.pid, NICENESS)
    } catch {
      // It has gone already.
    }
  }
  child.stdin.end(script)
  return await promise
}
