import { describe, expect, test, vi } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'

/** Half a second of CPU, within a budget of 2.9 s. */
const BURNS = 'export default () => { let n = 0; for (const end = Date.now() + 500; Date.now() < end; ) n++; return n > 0 }'

function invoke(platform: Platform, name: string): Promise<Response> {
  return platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: 'null' })
}

async function readyWorkers(platform: Platform): Promise<string[]> {
  return (await platform.workers()).filter(({ state }) => state === 'ready').map(({ id }) => id)
}

describe('workers follow the load', () => {
  test('a second one comes when work that needs the CPU waits, takes part of it, and every call is answered', async () => {
    await using platform = await startPlatform({ env: { ISOLANE_MIN_WORKERS: '1', ISOLANE_MAX_WORKERS: '2' } })
    await platform.deploy('burns', BURNS, 'timeoutMs=40000')
    expect(await readyWorkers(platform)).toHaveLength(1)
    let over = false
    const callers = Array.from({ length: 6 }, async () => {
      const statuses: number[] = []
      do {
        const response = await invoke(platform, 'burns')
        await response.text()
        statuses.push(response.status)
      } while (!over)
      return statuses
    })
    await vi.waitFor(async () => expect(await readyWorkers(platform)).toHaveLength(2), { timeout: 30_000, interval: 100 })
    const first = (await platform.workers())[0]?.id
    await vi.waitFor(
      async () => {
        const busy = (await platform.workers()) as unknown as { running: number }[]
        expect(busy.every(({ running }) => running > 0)).toBe(true)
      },
      { timeout: 15_000, interval: 50 },
    )
    over = true
    expect(new Set((await Promise.all(callers)).flat())).toEqual(new Set([200]))
    const decisions = await (await platform.fetch('/v1/autoscaler/decisions')).text()
    expect(decisions).toContain('"start":1')
    expect((await platform.workers()).map(({ id }) => id)).toContain(first)
  })

  test('with none kept, the first call starts one and is answered by it', async () => {
    await using platform = await startPlatform({ env: { ISOLANE_MIN_WORKERS: '0', ISOLANE_MAX_WORKERS: '1' } })
    expect(await platform.workers()).toEqual([])
    // The upload is loaded by a worker before it is accepted: it is the first call there is.
    await platform.deploy('hello', 'export default () => "hello"')
    expect(await readyWorkers(platform)).toHaveLength(1)
    const response = await invoke(platform, 'hello')
    expect([response.status, await response.json()]).toEqual([200, 'hello'])
  })

  test('one that is killed is replaced, under an id of its own', async () => {
    await using platform = await startPlatform({ env: { ISOLANE_MIN_WORKERS: '1', ISOLANE_MAX_WORKERS: '1' } })
    const [first] = await platform.workers()
    process.kill(first?.pid as number, 'SIGKILL')
    await vi.waitFor(
      async () => {
        const ready = await readyWorkers(platform)
        expect(ready).toHaveLength(1)
        expect(ready).not.toContain(first?.id)
      },
      { timeout: 15_000, interval: 50 },
    )
  })
})
