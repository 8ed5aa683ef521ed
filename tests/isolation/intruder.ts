// What stands in for a cell whose isolate wall is gone: any code at all, in a cell's place. It drops as a cell does, reads
// its targets from the descriptor on which a cell gets its frames, tries everything and says how each try ended.
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs'
import { connect, type NetConnectOpts, Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { dropPrivileges } from '../../runtime/jail/drop.ts'

/** What there is to be reached outside. */
export interface Targets {
  readonly dataDir: string
  readonly adminKeyPath: string
  readonly gatewayPort: number
  readonly redisSocket: string
  readonly workerPid: number
  /** A process in a jail of its own. */
  readonly siblingPid: number
  /** Something that may be read. */
  readonly ownFile: string
}

/** `refused CODE`, or what was reached. */
export type Report = Readonly<Record<keyof ReturnType<typeof tries>, string>>

const PROGRESS_FD = 4
const LEFT_BEHIND = 3
const CHILDREN = 200
const DESCRIPTORS = 200
const PATIENCE_MS = 3_000

function tries(targets: Targets) {
  return {
    'read a file of the machine': () => readFileSync('/etc/passwd').length,
    'list the data directory': () => readdirSync(targets.dataDir).length,
    'read the admin key': () => readFileSync(targets.adminKeyPath, 'utf8').length,
    'connect to the gateway': () => connected({ host: '127.0.0.1', port: targets.gatewayPort }),
    'connect to the lane’s Redis': () => connected({ path: targets.redisSocket }),
    'read the worker’s environment': () => readFileSync(`/proc/${targets.workerPid}/environ`).length,
    'read the worker’s memory': () => readSync(openSync(`/proc/${targets.workerPid}/mem`, 'r'), Buffer.alloc(1), 0, 1, 4096),
    'list the worker’s descriptors': () => readdirSync(`/proc/${targets.workerPid}/fd`).length,
    'signal the worker': () => process.kill(targets.workerPid, 0),
    'signal a sibling': () => process.kill(targets.siblingPid, 0),
    'read a sibling’s memory': () => readSync(openSync(`/proc/${targets.siblingPid}/mem`, 'r'), Buffer.alloc(1), 0, 1, 4096),
    'write a file': () => writeFileSync(`/tmp/isolane-intruder-${process.pid}`, 'x'),
    'write into shared memory': () => writeFileSync(`/dev/shm/isolane-intruder-${process.pid}`, 'x'),
    'fill the file that it is given': () => writeSync(PROGRESS_FD, 'x', 2 ** 20),
    'see other processes': () => others(readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid))),
    'make a namespace in which it is root': () => ran('unshare', '--user', '--map-root-user', 'true'),
    'write into the data directory': () => writeFileSync(`${targets.dataDir}/planted`, 'x'),
    'open 200 descriptors': () => opened(targets.ownFile),
    'see other interfaces than lo': () => others(Object.keys(networkInterfaces()).filter((name) => name !== 'lo')),
    'become root again': () => process.setuid?.(0),
    'take root’s group again': () => process.setgid?.(0),
    'take root’s groups again': () => process.setgroups?.([0]),
    'spawn 200 children': () => spawned(),
  }
}

function opened(path: string): string {
  const descriptors: number[] = []
  try {
    while (descriptors.length < DESCRIPTORS) descriptors.push(openSync(path, 'r'))
    return `${descriptors.length} descriptors`
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor)
  }
}

function connected(options: NetConnectOpts): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(options, () => resolve('connected')).on('error', reject)
    socket.setTimeout(PATIENCE_MS, () => reject(Object.assign(new Error('no answer'), { code: 'TIMEOUT' })))
  })
}

/** Their descriptors are its own: in a root directory of its own there is no /dev/null. Resolves when all of them ran; rejects with the first refusal. */
async function spawned(): Promise<string> {
  const children = Array.from({ length: CHILDREN }, () => spawn('/bin/sleep', ['5'], { stdio: 'inherit' }))
  try {
    await Promise.all(children.map((child) => new Promise<void>((resolve, reject) => void child.once('spawn', resolve).once('error', reject))))
    return `${CHILDREN} children`
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

function others(names: readonly string[]): string {
  if (names.length === 0) throw Object.assign(new Error('none'), { code: 'NONE' })
  return names.slice(0, 10).join()
}

function ran(program: string, ...args: string[]): string {
  const { error, status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (error !== undefined) throw error
  if (status !== 0) throw Object.assign(new Error(stderr), { code: 'FAILED' })
  return 'ran'
}

/** Children that ask for nothing more of their parent, and outlive it. */
function leaveBehind(): number[] {
  return Array.from({ length: LEFT_BEHIND }, () => {
    const child = spawn('/bin/sleep', ['60'], { stdio: 'inherit', detached: true })
    child.unref()
    return child.pid as number
  })
}

async function report(targets: Targets): Promise<Report> {
  const entries: [string, string][] = []
  for (const [name, run] of Object.entries(tries(targets))) {
    try {
      entries.push([name, `reached: ${await run()}`])
    } catch (error) {
      entries.push([name, `refused ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`])
    }
  }
  return Object.fromEntries(entries) as Report
}

// What is too large is refused then, instead of ending the process.
process.on('SIGXFSZ', () => {})
const socket = new Socket({ fd: 3, readable: true, writable: true })
dropPrivileges()
let text = ''
socket.setEncoding('utf8').on('data', (chunk: string) => {
  text += chunk
  if (!text.endsWith('\n')) return
  const asked = JSON.parse(text) as Targets | 'leave children behind'
  text = ''
  const answered = asked === 'leave children behind' ? Promise.resolve(leaveBehind()) : report(asked)
  void answered.then((result) => socket.write(`${JSON.stringify(result)}\n`))
})
socket.on('end', () => process.kill(process.pid, 'SIGKILL'))
socket.write('dropped\n')
