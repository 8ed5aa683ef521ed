import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { probeMemoryGroups } from '../../../runtime/jail/memory-group.ts'

const groups = probeMemoryGroups(process.pid)

test.runIf(groups !== undefined)('a process that takes more than its group may is ended by the kernel, and what it forked counts', async () => {
  // Two processes of 80 MB each: neither is above the limit by itself.
  const hoard = 'const hoard = Buffer.alloc(80 * 2 ** 20, 1); setInterval(() => hoard, 1000)'
  const fork = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(hoard)}], { stdio: 'ignore' })`
  // The kernel takes one of them; where it is the other, this one says so by the same end.
  const parent = `process.stdin.once('data', () => { ${fork}.on('exit', (code, signal) => process.kill(process.pid, signal)); ${hoard} })`
  const child = spawn(process.execPath, ['-e', parent], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  const exited = once(child, 'exit')
  const group = groups?.create(child.pid as number, (error) => {
    throw error
  })
  if (group === undefined) return
  await expect.poll(() => group.ready).toBe(true)
  group.limitMb = 150
  expect(group.limitMb).toBe(150)
  child.stdin.write('go')
  const timer = setTimeout(() => child.kill('SIGTERM'), 20_000)
  const [, signal] = await exited
  clearTimeout(timer)
  try {
    // The other one, which its parent had started.
    process.kill(-(child.pid as number), 'SIGKILL')
  } catch {
    // It was the one that the kernel took.
  }
  await group.leave()
  expect(signal).toBe('SIGKILL')
})
