import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import { build, stop } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Jail, probeJail, type Wall } from '../../runtime/jail/jail.ts'
import { endLeftovers } from '../../runtime/jail/leftovers.ts'
import { cellCommand, cellNeeds } from '../../runtime/worker/cell-command.ts'
import { type Platform, startPlatform } from '../platform.ts'
import type { Report, Targets } from './intruder.ts'

let jail: Jail
const holds = (...walls: Wall[]): boolean => walls.every((wall) => jail.walls.includes(wall))

let platform: Platform
let folder: string
let assets: { cellPath: string; snapshotPath: string; addonPath: string }
let behindEverything: Report
/** Node's own refusals are Node's: native code would not ask them. */
let behindTheKernel: Report

/** Starts what stands in for a cell, exactly as a cell is started, and waits until it has dropped. */
async function intrude(command: readonly string[]) {
  const progress = openSync(join(folder, 'progress'), 'w+', 0o600)
  const child = spawn(command[0] as string, command.slice(1), {
    cwd: '/',
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'inherit', 'pipe', progress],
  })
  closeSync(progress)
  const pipe = child.stdio[3] as Socket
  pipe.on('error', () => {})
  const lines = createInterface({ input: pipe })[Symbol.asyncIterator]()
  expect(await lines.next()).toEqual({ done: false, value: 'dropped' })
  return {
    pid: child.pid as number,
    uid: Number(/^Uid:\t\d+\t(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))?.[1]),
    async ask<T>(what: Targets | 'leave children behind'): Promise<T> {
      pipe.write(`${JSON.stringify(what)}\n`)
      return JSON.parse((await lines.next()).value as string) as T
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit')
        child.kill('SIGKILL')
        await exited
      }
      for (const place of ['/tmp', '/dev/shm']) rmSync(`${place}/isolane-intruder-${child.pid}`, { force: true })
    },
  }
}

/** Node's permissions are Node's own: native code does not ask it. */
function withoutPermissions(command: readonly string[]): string[] {
  return command.filter((word) => word !== '--permission' && !word.startsWith('--allow-'))
}

beforeAll(async () => {
  platform = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
  folder = await mkdtemp(join(tmpdir(), 'isolane-intruder-'))
  // What is in here the intruder may read, whoever it has become.
  await chmod(folder, 0o755)
  const [cellPath, snapshotPath, addonPath] = ['intruder.cjs', 'snapshot', 'addon'].map((name) => join(folder, name)) as [string, string, string]
  assets = { cellPath, snapshotPath, addonPath }
  const entry = fileURLToPath(new URL('intruder.ts', import.meta.url))
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'cjs', target: 'node26', outfile: cellPath, logLevel: 'silent' })
  await stop()
  await Promise.all([writeFile(snapshotPath, ''), writeFile(addonPath, '')])
  jail = probeJail(cellNeeds(assets))

  const command = cellCommand(jail.prefix, assets)
  await using sibling = await intrude(command)
  const [worker] = await platform.workers()
  const targets: Targets = {
    dataDir: platform.dataDir,
    adminKeyPath: join(platform.dataDir, 'admin-key'),
    gatewayPort: Number(new URL(platform.url).port),
    redisSocket: join(platform.dataDir, 'redis', 'lane.sock'),
    workerPid: worker?.pid as number,
    siblingPid: sibling.pid,
    ownFile: cellPath,
  }
  expect([targets.adminKeyPath, targets.redisSocket].map((path) => existsSync(path))).toEqual([true, true])
  await using guarded = await intrude(command)
  behindEverything = await guarded.ask<Report>(targets)
  await using naked = await intrude(withoutPermissions(command))
  behindTheKernel = await naked.ask<Report>(targets)
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await platform.stop()
})

type Try = keyof Report

describe('code that has broken out of its isolate, in a cell’s process', () => {
  const NEEDS: readonly [Try, ...Wall[]][] = [
    ['read a file of the machine'],
    ['list the data directory'],
    ['read the admin key'],
    ['connect to the gateway'],
    ['connect to the lane’s Redis'],
    ['read the worker’s environment'],
    ['read the worker’s memory'],
    ['list the worker’s descriptors'],
    ['read a sibling’s memory'],
    ['spawn 200 children'],
    ['write a file'],
    ['write into shared memory'],
    ['write into the data directory'],
    ['see other processes'],
    ['make a namespace in which it is root'],
    ['fill the file that it is given', 'rlimit'],
    ['signal the worker', 'uid'],
    ['signal a sibling', 'uid'],
    ['open 200 descriptors', 'rlimit'],
    ['see other interfaces than lo', 'netns'],
    ['become root again', 'uid'],
    ['take root’s group again', 'uid'],
    ['take root’s groups again', 'uid'],
  ]

  test.each(NEEDS)('cannot %s', (what, ...walls) => {
    if (!holds(...walls)) return
    expect(behindEverything[what]).toMatch(/^refused [A-Z_]+$/)
  })

  test('every try of the intruder has its row here', () => {
    expect(Object.keys(behindEverything).sort()).toEqual(NEEDS.map(([what]) => what).sort())
  })
})

describe('native code in a cell’s process, which does not ask Node for permission', () => {
  const NEEDS: readonly [Try, RegExp, ...Wall[]][] = [
    ['list the data directory', /EACCES/, 'uid'],
    ['read the admin key', /EACCES/, 'uid'],
    ['write into the data directory', /EACCES/, 'uid'],
    ['connect to the lane’s Redis', /EACCES/, 'uid'],
    ['connect to the gateway', /ENETUNREACH|ECONNREFUSED|EADDRNOTAVAIL/, 'netns'],
    ['read the worker’s environment', /EACCES|EPERM|ENOENT/, 'uid'],
    ['read the worker’s memory', /EACCES|EPERM|ENOENT/, 'uid'],
    ['list the worker’s descriptors', /EACCES|EPERM|ENOENT/, 'uid'],
    ['write a file', /EROFS/, 'rootfs'],
    ['write into shared memory', /ENOENT|EROFS/, 'rootfs'],
    ['fill the file that it is given', /EFBIG/, 'rlimit'],
    ['see other processes', /NONE|ENOENT/, 'rootfs'],
    ['make a namespace in which it is root', /FAILED/, 'rootfs', 'uid'],
    ['signal the worker', /EPERM/, 'uid'],
    ['signal a sibling', /EPERM/, 'uid'],
    ['read a sibling’s memory', /EACCES|EPERM|ENOENT/, 'uid'],
    ['spawn 200 children', /EAGAIN|EMFILE/, 'rlimit', 'uid'],
    ['open 200 descriptors', /EMFILE/, 'rlimit'],
    ['see other interfaces than lo', /NONE/, 'netns'],
    ['become root again', /EPERM/, 'uid', 'caps'],
    ['take root’s group again', /EPERM/, 'uid', 'caps'],
    ['take root’s groups again', /EPERM/, 'uid', 'caps'],
  ]

  test.each(NEEDS)('cannot %s', (what, refusal, ...walls) => {
    if (!holds(...walls)) return
    expect(behindTheKernel[what]).toMatch(/^refused /)
    expect(behindTheKernel[what]).toMatch(refusal)
  })

  // Known: the file system is read-only, but what everybody may read in it is there.
  test('is not kept from files that are everybody’s', () => {
    if (!existsSync('/etc/passwd')) return
    expect(behindTheKernel['read a file of the machine']).toMatch(/^reached: \d+$/)
  })
})

describe('what escaped code leaves behind', () => {
  test('its children outlive it, and are ended by the uid that they have; nobody else’s are', async () => {
    if (!holds('uid')) return
    const command = withoutPermissions(cellCommand(jail.prefix, assets))
    await using other = await intrude(command)
    const others = await other.ask<number[]>('leave children behind')
    const { uid, children } = await (async () => {
      await using escaped = await intrude(command)
      return { uid: escaped.uid, children: await escaped.ask<number[]>('leave children behind') }
    })()
    expect(children.map(runs)).toEqual([true, true, true])
    expect(await endLeftovers(uid)).toBe(3)
    expect(children.map(runs)).toEqual([false, false, false])
    expect([...others, other.pid].map(runs)).toEqual([true, true, true, true])
    expect(await endLeftovers(uid)).toBe(0)
    expect(await endLeftovers(other.uid)).toBe(4)
  })

  test('the platform’s own processes are never ended so', async () => {
    for (const uid of [0, -1, process.getuid?.() ?? 0]) await expect(endLeftovers(uid)).rejects.toThrow(RangeError)
  })
})

function runs(pid: number): boolean {
  try {
    // A zombie that nobody has waited for yet can be signalled, and runs no more.
    return !/^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}
