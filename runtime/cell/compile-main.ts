// A process that compiles one script and ends: what a cell would do when it loads it, but nothing of the script runs, so
// that what comes out is V8's work alone. Behind the same walls as a cell, and under the same V8 flags.
//
//     node … compiler.js <isolated-vm addon> <prelude snapshot>        stdin: script        stdout: SHA-256 of the cache, cache
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import type ivm from 'isolated-vm'
import { dropPrivileges } from '../jail/drop.ts'
import { compileAhead } from './compile-ahead.ts'

const [addonPath, snapshotPath] = process.argv.slice(2) as [string, string]
const addon = { exports: {} as { ivm: typeof ivm } }
process.dlopen(addon, addonPath)
const bytes = readFileSync(snapshotPath)
const snapshot = new addon.exports.ivm.ExternalCopy(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer)

dropPrivileges()

// From here on a tenant's bytes may come.
const pieces: Buffer[] = []
process.stdin.on('data', (piece: Buffer) => pieces.push(piece))
process.stdin.on('end', () => {
  const source = Buffer.concat(pieces).toString('utf8')
  const cache = compileAhead({ ivm: addon.exports.ivm, snapshot, setFlags: setFlagsFromString }, source)
  if (cache !== undefined) process.stdout.end(Buffer.concat([createHash('sha256').update(cache).digest(), cache]))
})
