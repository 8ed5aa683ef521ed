import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'
import { familyOf, processesOf, untilGone } from '../processes.ts'

const folders: string[] = []
async function dataDir(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isolane-chaos-'))
  folders.push(folder)
  return folder
}
afterEach(async () => {
  for (const folder of folders.splice(0)) {
    // Whatever a failed test left behind must not outlive it.
    for (const pid of processesOf(folder)) killed(pid)
    await rm(folder, { recursive: true, force: true })
  }
})

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has gone by itself.
  }
}

const HELLO = 'export default (event) => ({ hello: event?.name ?? null })'
const NAPS = 'export default (event) => new Promise((wake) => setTimeout(() => wake("slept"), event.ms))'

/** Deploys a function that waits, and lets the lane see that it does: what it takes of a core decides how many run at once. */
async function deployNaps(platform: Platform): Promise<void> {
  await platform.deploy('naps', NAPS, 'concurrency=16')
  for (let n = 0; n < 4; n++) expect((await invoke(platform, 'naps', { ms: 200 })).status).toBe(200)
}

function invoke(platform: Platform, name: string, event: unknown = null): Promise<Response> {
  return platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: JSON.stringify(event) })
}

/** Resolves when this many invocations are being run by workers. */
function untilRunning(platform: Platform, count: number): Promise<void> {
  return vi.waitFor(
    async () => {
      const workers = (await platform.workers()) as unknown as { running: number }[]
      const running = workers.reduce((sum, worker) => sum + worker.running, 0)
      if (running < count) throw new Error(`${running} of ${count} are running`)
    },
    { timeout: 15_000, interval: 10 },
  )
}

/** How long until a call is answered as it should be. */
async function untilAnswered(platform: Platform, timeoutMs: number): Promise<number> {
  const startedAt = performance.now()
  await vi.waitFor(
    async () => {
      const response = await invoke(platform, 'hello')
      const text = await response.text()
      if (response.status !== 200) throw new Error(`${response.status} ${text}`)
    },
    { timeout: timeoutMs, interval: 10 },
  )
  return performance.now() - startedAt
}

describe('kill -9 of a worker', () => {
  test('every call under way is answered, the platform answers again within seconds, and no cell is left behind', async () => {
    await using platform = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
    await platform.deploy('hello', HELLO)
    await deployNaps(platform)
    const [worker] = await platform.workers()
    const family = familyOf(worker?.pid as number)
    expect(family.length).toBeGreaterThan(1)

    const calls = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? invoke(platform, 'naps', { ms: 3_000 }) : invoke(platform, 'hello')))
    await untilRunning(platform, 10)
    process.kill(worker?.pid as number, 'SIGKILL')
    const downMs = await untilAnswered(platform, 5_000)
    console.log(`answered again ${Math.round(downMs)} ms after the kill`)

    const answers = await Promise.all(calls.map(async (call) => [(await call).status, ((await (await call).json()) as { code?: string }).code]))
    expect(answers.filter(([status, code]) => !(status === 200 || (status === 503 && code === 'lost')))).toEqual([])
    expect(answers.filter(([, code]) => code === 'lost').length).toBeGreaterThan(0)
    await untilGone(() => family, 2_000)
    expect((await platform.workers()).filter(({ state }) => state === 'ready').map(({ pid }) => pid)).not.toContain(worker?.pid)
  })

  test('each call that was lost with it has its one record, unbilled', async () => {
    await using platform = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
    await deployNaps(platform)
    const calls = Array.from({ length: 5 }, () => invoke(platform, 'naps', { ms: 3_000 }))
    await untilRunning(platform, 5)
    process.kill((await platform.workers())[0]?.pid as number, 'SIGKILL')
    const ids = (await Promise.all(calls)).map((response) => response.headers.get('isolane-invocation-id'))
    await vi.waitFor(
      async () => {
        const text = await (await platform.fetch('/v1/usage/records?outcome=lost')).text()
        const records = text
          .trim()
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as { id: string; billedMs: number; cost: string })
        expect(records.map(({ id }) => id).sort()).toEqual([...ids].sort())
        expect(records.map(({ billedMs, cost }) => [billedMs, cost])).toEqual(records.map(() => [0, '0']))
      },
      { timeout: 10_000, interval: 100 },
    )
  })
})

describe('kill -9 of the platform', () => {
  test('workers, cells, ledger and Redis go away by themselves', async () => {
    const folder = await dataDir()
    const platform = await startPlatform({ dataDir: folder })
    await platform.deploy('hello', HELLO)
    const family = familyOf(platform.pid)
    expect(family.length).toBeGreaterThan(4)
    await platform.kill()
    const ms = await untilGone(() => [...new Set([...family, ...processesOf(folder)])], 8_000)
    console.log(`all gone ${Math.round(ms)} ms after the kill`)
  })

  test('of everything at once, and again: functions, versions, keys and usage records are still there', async () => {
    const folder = await dataDir()
    const ids: (string | null)[] = []
    for (let round = 1; round <= 3; round++) {
      const platform = await startPlatform({ dataDir: folder })
      if (round > 1) {
        const { versions } = await platform.json<{ versions: { version: number }[] }>('/v1/functions/hello/versions')
        expect(versions.map(({ version }) => version)).toEqual(round === 2 ? [1] : [2, 1])
        const response = await invoke(platform, 'hello', { name: 'again' })
        expect([response.status, await response.json()]).toEqual([200, { hello: 'again', ...(round === 2 ? {} : { round: 2 }) }])
        ids.push(response.headers.get('isolane-invocation-id'))
      }
      await platform.deploy('hello', round === 1 ? HELLO : HELLO.replace('?? null', `?? null, round: ${round}`))
      for (let n = 0; n < 10; n++) ids.push((await invoke(platform, 'hello', { n })).headers.get('isolane-invocation-id'))
      await vi.waitFor(
        async () => {
          const text = await (await platform.fetch('/v1/usage/records')).text()
          const records = text
            .trim()
            .split('\n')
            .filter(Boolean)
            .map((line) => JSON.parse(line) as { id: string; trigger: string })
          expect(records.flatMap(({ id, trigger }) => (trigger === 'deploy' ? [] : [id])).sort()).toEqual([...ids].sort())
          expect(records.filter(({ trigger }) => trigger === 'deploy')).toHaveLength(round)
        },
        { timeout: 10_000, interval: 50 },
      )
      for (const pid of new Set([...familyOf(platform.pid), ...processesOf(folder)])) killed(pid)
      await untilGone(() => processesOf(folder), 5_000)
    }
  })
})

describe('SIGTERM', () => {
  test('under load every accepted request is answered 200, and the process ends with 0 and leaves nobody behind', async () => {
    const folder = await dataDir()
    const platform = await startPlatform({ dataDir: folder })
    await deployNaps(platform)
    const calls = Array.from({ length: 20 }, (_, i) => invoke(platform, 'naps', { ms: 500 + i * 40 }))
    await untilRunning(platform, 20)
    const family = familyOf(platform.pid)
    expect(await platform.stop()).toBe(0)
    const answers = await Promise.all(calls.map(async (call) => [(await call).status, await (await call).json()]))
    expect(answers).toEqual(Array(20).fill([200, 'slept']))
    await untilGone(() => [...new Set([...family, ...processesOf(folder)])], 2_000)
  })

  test('what was answered while it ended is on the next start’s record', async () => {
    const folder = await dataDir()
    const platform = await startPlatform({ dataDir: folder })
    await deployNaps(platform)
    const calls = Array.from({ length: 5 }, () => invoke(platform, 'naps', { ms: 700 }))
    await untilRunning(platform, 5)
    await platform.stop()
    const ids = (await Promise.all(calls)).map((response) => response.headers.get('isolane-invocation-id'))
    await using next = await startPlatform({ dataDir: folder })
    await vi.waitFor(async () => {
      const text = await (await next.fetch('/v1/usage/records?function=naps')).text()
      for (const id of ids) expect(text).toContain(id)
    }, 10_000)
  })

  test('before it is ready it ends too', async () => {
    const folder = await dataDir()
    const child = spawnPlatform(folder)
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (output.includes('Starting workers')) child.kill('SIGTERM')
    })
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    expect({ code, signal, output }).toMatchObject({ code: 0, signal: null })
    await untilGone(() => processesOf(folder), 2_000)
  })
})

describe('two platforms', () => {
  test('on one data directory: the second is refused, says who has it, and leaves the first alone', async () => {
    const folder = await dataDir()
    await using platform = await startPlatform({ dataDir: folder })
    await platform.deploy('hello', HELLO)
    await expect(startPlatform({ dataDir: folder })).rejects.toThrow(
      new RegExp(`data directory ${folder} is in use by another isolane, process ${platform.pid}\\b[^]*ISOLANE_DATA_DIR`),
    )
    expect((await invoke(platform, 'hello')).status).toBe(200)
  })

  test('on two data directories: both answer, and know nothing of each other', async () => {
    await using one = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
    await using two = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
    await one.deploy('hello', 'export default () => "one"')
    await two.deploy('hello', 'export default () => "two"')
    expect(await Promise.all([one, two].map(async (platform) => (await invoke(platform, 'hello')).json()))).toEqual(['one', 'two'])
    expect((await fetch(`${two.url}/v1/functions`, { headers: { authorization: `Bearer ${one.key}` } })).status).toBe(401)
  })
})

function spawnPlatform(folder: string) {
  return spawn(process.execPath, [fileURLToPath(new URL('../../platform/main.ts', import.meta.url))], {
    env: {
      PATH: process.env.PATH,
      ISOLANE_REDIS_BINARY: process.env.ISOLANE_REDIS_BINARY,
      ISOLANE_DATA_DIR: folder,
      ISOLANE_PORT: '0',
      ISOLANE_METRICS_PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}
