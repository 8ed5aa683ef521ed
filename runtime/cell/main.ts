// The cell's process. Bundled to one file (fork → ready: bundle 99 ms and 11 MB, single .ts files 333 ms and 42 MB) and
// started through the jail with nothing but two descriptors and two paths:
//
//     node … cell.js <isolated-vm addon> <prelude snapshot> [memoryMb of a sandbox with WebAssembly]        fd 3: frames      fd 4: progress file
import { readFileSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type ivm from 'isolated-vm'
import { type FromCell, MAX_TO_CELL_BYTES } from '../contract/cell-frames.ts'
import { encodeFrame, FrameSplitter } from '../contract/frame.ts'
import { DEFAULT_MEMORY_MB } from '../contract/limits.ts'
import { dropPrivileges } from '../jail/drop.ts'
import { ATTACH } from '../prelude/attach.ts'
import { Cell } from './cell.ts'
import { CpuMeter } from './meter.ts'
import { Watchdog } from './watchdog.ts'

const FRAMES_FD = 3
const PROGRESS_FD = 4
/** Ready sandboxes of the default size, so that a cold start is a binding and not a birth. */
const BLANKS = 2

const [addonPath, snapshotPath, wasmMb] = process.argv.slice(2) as [string, string, string?]
const addon = { exports: {} as { ivm: typeof ivm } }
process.dlopen(addon, addonPath)
const bytes = readFileSync(snapshotPath)
const snapshot = new addon.exports.ivm.ExternalCopy(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer)

const socket = new Socket({ fd: FRAMES_FD, readable: true, writable: true })
// The worker is gone, and so is the reason to be. Not process.exit(): it runs handlers and may hang on a live isolate.
const end = (): void => void process.kill(process.pid, 'SIGKILL')
socket.on('end', end).on('close', end).on('error', end)

// A worker is sized to one core, and a cell's local calls (local-slice.ts) need no second helper. Read at the pool's first use.
process.env.UV_THREADPOOL_SIZE = '1'

const progress = Buffer.alloc(4)
let refill: NodeJS.Immediate | undefined
const cell = new Cell({
  parts: { ivm: addon.exports.ivm, snapshot, attach: ATTACH, wasm: wasmMb !== undefined, watchdog: new Watchdog(addon.exports.ivm) },
  blanks: wasmMb === undefined ? { count: BLANKS, memoryMb: DEFAULT_MEMORY_MB } : { count: 1, memoryMb: Number(wasmMb) },
  meter: new CpuMeter(() => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1_000
  }),
  write: (frames) => void socket.write(frames),
  markProgress(frameNumber) {
    progress.writeUInt32LE(frameNumber >>> 0)
    writeSync(PROGRESS_FD, progress, 0, 4, 0)
  },
  onIdle() {
    if (refill !== undefined || !cell.needsBlanks) return
    // After this turn's answers are on their way, and after whatever else has arrived meanwhile.
    refill = setImmediate(() => {
      refill = undefined
      if (cell.needsBlanks) cell.refill()
    })
  },
})

const uid = dropPrivileges()

// From here on a tenant's bytes may come.
const splitter = new FrameSplitter(MAX_TO_CELL_BYTES)
socket.on('data', (chunk: Buffer) => {
  cell.turn(splitter.push(chunk))
})
const ready: FromCell = { k: 'ready', uid }
socket.write(encodeFrame(ready))
