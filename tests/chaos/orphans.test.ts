import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { isAlive, untilGone } from '../processes.ts'

/** Starts the module as its child, says its process id, and dies. */
const PARENT = `
  const child = require('node:child_process').fork(process.argv[1], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  process.stdout.write(String(child.pid), () => process.kill(process.pid, 'SIGKILL'))
`

for (const module of ['runtime/main.ts', 'platform/billing/ledger-main.ts']) {
  test(`${module} ends when its parent died while it started, also when it cannot reach its lane`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'isolane-orphan-'))
    try {
      const env = { PATH: process.env.PATH, REDIS_URL: join(folder, 'nobody.sock'), ISOLANE_DATA_DIR: folder, ISOLANE_LOG_LEVEL: 'silent' }
      const path = fileURLToPath(new URL(`../../${module}`, import.meta.url))
      const parent = spawn(process.execPath, ['-e', PARENT, path], { env, stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      parent.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text
      })
      await once(parent, 'close')
      const pid = Number(said)
      try {
        await untilGone(() => [pid], 20_000)
      } finally {
        if (isAlive(pid)) process.kill(pid, 'SIGKILL')
      }
      expect(isAlive(pid)).toBe(false)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
}
