import type { ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { setPriority } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type Jail, probeJail } from '../../runtime/jail/jail.ts'

export type BuilderChild = ChildProcessByStdio<Writable, Readable, Readable>

const DATA_LIMIT_BYTES = 1024 ** 3
const NICENESS = 5

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(import.meta.url)
let jail: Jail | undefined

/** A blank builder behind the walls of a jail: three pipes, nothing of ours in its environment, a process group of its own so that esbuild dies with it. */
export function spawnBuilderChild(): BuilderChild {
  const esbuildFolder = dirname(dirname(require.resolve('esbuild')))
  const binaryFolder = dirname(
    dirname(createRequire(join(esbuildFolder, 'lib', 'main.js')).resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`)),
  )
  jail ??= probeJail({ openFiles: 64, processes: 64, dataBytes: DATA_LIMIT_BYTES })
  const node = [
    process.execPath,
    '--no-warnings',
    '--permission',
    '--allow-child-process',
    ...[
      here,
      join(here, '../../runtime/contract'),
      join(here, '../../runtime/jail'),
      join(here, '../../package.json'),
      esbuildFolder,
      binaryFolder,
      '/proc/self/fd',
    ].map((path) => `--allow-fs-read=${path}${path.endsWith('.json') ? '' : '/'}`),
    join(here, 'builder-child.ts'),
    join(binaryFolder, 'bin', 'esbuild'),
  ]
  const [command, ...args] = [...jail.prefix, ...node] as [string, ...string[]]
  const child = spawn(command, args, { cwd: '/', env: { PATH: process.env.PATH }, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  if (child.pid !== undefined) lowerPriority(child.pid)
  return child
}

/** Below everybody who answers calls: an upload is in less of a hurry than they are. */
function lowerPriority(pid: number): void {
  try {
    setPriority(pid, NICENESS)
  } catch {
    // It has gone already; whoever waits for it hears so.
  }
}
