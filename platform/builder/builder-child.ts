/**
 * The disposable process that bundles one upload: loads everything as whoever started it, drops to a uid of its own, starts
 * esbuild, says that it is ready with an empty frame, and only then reads its one upload from stdin. The answer goes to stdout;
 * then it waits to be killed.
 *
 *     node builder-child.ts <esbuild's binary>
 */
import childProcess from 'node:child_process'
import { openSync } from 'node:fs'
import { encodeFrame, FrameSplitter } from '../../runtime/contract/frame.ts'
import { dropPrivileges } from '../../runtime/jail/drop.ts'

const [binary] = process.argv.slice(2)
if (binary === undefined) throw new TypeError('Cannot start the builder: esbuild’s binary is not named')

const drops = process.platform === 'linux' && process.getuid?.() === 0
if (!drops) {
  process.env.ESBUILD_BINARY_PATH = binary
} else {
  // Opened while it can be: a foreign uid cannot walk to it below a 0700 home, but may execute what is already open.
  process.env.ESBUILD_BINARY_PATH = `/proc/self/fd/${openSync(binary, 'r')}`
}
// After the variable is set: esbuild reads it when it is loaded.
const { build, initialize } = await import('esbuild')
const { bundle } = await import('./bundle.ts')
const { decodeUpload, encodeBundled, MAX_REQUEST_FRAME_BYTES } = await import('./builder-wire.ts')

if (drops) dropPrivileges()
const bundler = await startBundler()
closeFileSystem(bundler)
const splitter = new FrameSplitter(MAX_REQUEST_FRAME_BYTES)
process.stdin.on('end', () => process.exit(0))
process.stdin.on('data', async (chunk: Buffer) => {
  for (const frame of splitter.push(chunk)) process.stdout.write(encodeBundled(await bundle(decodeUpload(frame))))
})
process.stdout.write(encodeFrame(null))

/** Starts esbuild's own process; returns its pid, which its API keeps to itself. */
async function startBundler(): Promise<number> {
  const { spawn } = childProcess
  let pid: number | undefined
  childProcess.spawn = ((...args: Parameters<typeof spawn>) => {
    const child = spawn(...args)
    pid = child.pid
    return child
  }) as typeof spawn
  try {
    await initialize({})
    // It looks into one folder now, so that Go has made the descriptors it polls with while it still may.
    await build({ stdin: { contents: 'import "./nothing"', resolveDir: '/' }, bundle: true, write: false, logLevel: 'silent' }).catch(() => {})
  } finally {
    childProcess.spawn = spawn
  }
  if (pid === undefined) throw new Error('Cannot wall in the bundler: its process was not seen to start')
  return pid
}

/**
 * From here on the bundler can open no file. It would do so past every plugin: an import() of a path made at run time is
 * answered with whatever lies on this disk, and a sourceMappingURL with what it points to.
 */
function closeFileSystem(pid: number): void {
  if (process.platform !== 'linux') return
  childProcess.execFileSync('prlimit', ['--pid', String(pid), '--nofile=3:3'], { stdio: 'ignore' })
}
