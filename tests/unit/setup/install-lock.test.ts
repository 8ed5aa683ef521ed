import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isStale, LONGEST_INSTALL_MS, takeInstallLock } from '../../../infra/setup/install-lock.mjs'

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'isl-lock-'))
  path = join(folder, 'lock')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('a lock on the install', () => {
  it('is stale when none of its processes lives, or when it is older than any install', () => {
    expect(isStale({ pids: [1, 2], ageMs: 0, isAlive: () => false })).toBe(true)
    expect(isStale({ pids: [1, 2], ageMs: 0, isAlive: (pid) => pid === 2 })).toBe(false)
    expect(isStale({ pids: [1], ageMs: LONGEST_INSTALL_MS + 1, isAlive: () => true })).toBe(true)
    expect(isStale({ pids: [], ageMs: 0, isAlive: () => true })).toBe(true)
  })

  it('names its processes while held and is gone afterwards', async () => {
    const lock = await takeInstallLock(path, () => {})
    lock.alsoHeldBy(4321)
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n4321\n`)
    lock.release()
    expect(readdirSync(folder)).toEqual([])
  })

  it('makes a second one wait until it is released, and says for whom', async () => {
    const first = await takeInstallLock(path, () => {})
    const waiting = Promise.withResolvers<number>()
    let released = false
    const second = takeInstallLock(path, waiting.resolve).then((lock) => {
      expect(released).toBe(true)
      lock.release()
    })
    expect(await waiting.promise).toBe(process.pid)
    released = true
    first.release()
    await second
    expect(existsSync(path)).toBe(false)
  })

  it('is taken over from a process that has ended', async () => {
    const child = spawn('true')
    await once(child, 'exit')
    writeFileSync(path, `${child.pid}\n`)
    ;(await takeInstallLock(path, () => expect.unreachable('nobody holds it'))).release()
  })

  it('is taken over when its process id has been given to a program that outlives every install', async () => {
    writeFileSync(path, `${process.pid}\n`)
    utimesSync(path, 1, 1)
    ;(await takeInstallLock(path, () => expect.unreachable('nobody holds it'))).release()
  })

  it('in a folder that cannot be written to fails', async () => {
    await expect(takeInstallLock(join(folder, 'missing', 'lock'), () => {})).rejects.toThrow('ENOENT')
  })
})
