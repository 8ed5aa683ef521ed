import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { probeJail } from '../../../runtime/jail/jail.ts'

const jail = probeJail({ openFiles: 64, processes: 32 })

test('every wall that the probe names holds for a child started behind it', () => {
  const script = 'ip=$(wc -l < /proc/net/dev); echo $ip; cat /proc/self/status; ulimit -n; cat /proc/self/oom_score_adj'
  const [command, ...args] = [...jail.prefix, 'sh', '-c', script] as unknown as [string, ...string[]]
  const { stdout, status } = spawnSync(command, args, { encoding: 'utf8' })
  expect(status).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  // Two lines of heading, and the loopback alone.
  if (jail.walls.includes('netns')) expect(Number(lines[0])).toBe(3)
  if (jail.walls.includes('nnp')) expect(stdout).toMatch(/^NoNewPrivs:\t1$/m)
  if (jail.walls.includes('caps')) expect(stdout).toMatch(/^CapBnd:\t00000000000000c0$/m)
  if (jail.walls.includes('rlimit')) expect(lines.at(-2)).toBe('64')
  if (jail.walls.includes('oom')) expect(lines.at(-1)).toBe('1000')
})

test.runIf(process.getuid?.() === 0 && process.platform === 'linux')('root on Linux gets a uid wall', () => {
  expect(jail.walls).toContain('uid')
})
