import type { ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

export type BuilderChild = ChildProcessByStdio<Writable, Readable, Readable>

const DATA_LIMIT_BYTES = 1024 ** 3
/** A second net under the parent's clock, for a parent that is gone. */
const CPU_LIMIT_S = 30
const FIRST_UID = 61_100
const UIDS = 100

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(import.meta.url)
let spawned = 0

/** A blank builder: empty environment, three pipes, a process group of its own so that esbuild dies with it. */
export function spawnBuilderChild(): BuilderChild {
  const esbuildFolder = dirname(dirname(require.resolve('esbuild')))
  const binaryFolder = dirname(
    dirname(createRequire(join(esbuildFolder, 'lib', 'main.js')).resolve(`@esbuild/${process.platform}-${process.arch}/bin/esbuild`)),
  )
  const drops = process.platform === 'linux' && process.getuid?.() === 0
  const node = [
    process.execPath,
    '--no-warnings',
    '--permission',
    '--allow-child-process',
    ...[here, join(here, '../../runtime/contract'), join(here, '../../package.json'), esbuildFolder, binaryFolder, '/proc/self/fd'].map(
      (path) => `--allow-fs-read=${path}${path.endsWith('.json') ? '' : '/'}`,
    ),
    join(here, 'builder-child.ts'),
    join(binaryFolder, 'bin', 'esbuild'),
    ...(drops ? [String(FIRST_UID + (spawned++ % UIDS))] : []),
  ]
  const prlimit = ['/usr/bin/prlimit', '/bin/prlimit'].find((path) => existsSync(path))
  const [command = '', ...args] = prlimit
    ? [prlimit, `--data=${DATA_LIMIT_BYTES}`, '--core=0', '--nofile=64', '--nproc=64', `--cpu=${CPU_LIMIT_S}`, '--', ...node]
    : node
  return spawn(command, args, { cwd: '/', env: {}, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
}
