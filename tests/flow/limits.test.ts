import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'

let platform: Platform
let quietKey: string
let workerPid: number | undefined
beforeAll(async () => {
  platform = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
  workerPid = (await platform.workers())[0]?.pid
  await platform.fetch('/v1/tenants', { method: 'POST', body: '{"name":"quiet"}' })
  const made = await platform.fetch('/v1/keys', { method: 'POST', body: '{"tenant":"quiet","scopes":["deploy","invoke"]}' })
  quietKey = ((await made.json()) as { key: string }).key
  const put = { method: 'PUT', body: 'export default (event) => ({ n: event.n })', headers: { authorization: `Bearer ${quietKey}` } }
  expect((await fetch(`${platform.url}/v1/functions/bystander`, put)).status).toBe(201)
})
afterAll(async () => void (await platform.stop()))

/** 64 of 1 769 MB of a core, for six seconds: 217 ms of CPU, and wall time enough to burn it on a crowded machine. */
const LITTLE_CPU = 'memoryMb=64&timeoutMs=6000'
const CPU_BUDGET_MS = 217
/** Enough CPU to reach a memory limit first. */
const A_MINUTE = 'timeoutMs=60000'

interface Ending {
  readonly status: number
  readonly code?: string
  readonly limit?: string
  readonly allowed?: number
  readonly error?: { name: string }
  readonly headers: Headers
}

function invoke(name: string, event: unknown = null): Promise<Response> {
  return platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: JSON.stringify(event) })
}

async function ending(response: Response): Promise<Ending> {
  return { ...((await response.json()) as Omit<Ending, 'headers'>), status: response.status, headers: response.headers }
}

async function bystander(n: number): Promise<number> {
  const response = await fetch(`${platform.url}/v1/functions/bystander/invocations`, {
    method: 'POST',
    body: JSON.stringify({ n }),
    headers: { authorization: `Bearer ${quietKey}` },
  })
  if (response.status === 200) expect(await response.json()).toEqual({ n })
  else await response.text()
  return response.status
}

/** Calls another tenant's function and the readiness check all the while, and a few times after: all must be well. */
async function whileWatched<T>(attack: Promise<T>): Promise<T> {
  let over = false
  const settled = attack.finally(() => {
    over = true
  })
  settled.catch(() => {})
  const statuses = new Set<number>()
  for (let n = 0, after = 0; after < 5; n++, after += over ? 1 : 0) {
    statuses.add(await bystander(n))
    const ready = await fetch(`${platform.url}/readyz`)
    statuses.add(ready.status)
    await ready.text()
  }
  expect([...statuses]).toEqual([200])
  return await settled
}

/**
 * How one call ends. `lost` is the platform's word that it ended a call too early because the machine is overloaded, which a
 * test machine may well be: then it is tried again, as a caller would.
 */
async function attack(source: string, query: string): Promise<Ending> {
  const name = `attack-${++attacks}`
  await platform.deploy(name, source, query)
  return await whileWatched(
    vi.waitFor(
      async () => {
        const end = await ending(await invoke(name))
        if (end.code === 'lost') throw new Error(`Lost: ${JSON.stringify(end)}`)
        return end
      },
      { timeout: 30_000 },
    ),
  )
}
let attacks = 0

const handler = (body: string): string => `export default async () => { ${body} }`
const endless = (body: string): string => handler(`return new Promise(() => { ${body} })`)

describe('a function that never stops computing is ended for its CPU, and nobody else notices', () => {
  test.each([
    ['at once', 'export default () => { for (;;); }'],
    ['after an await', handler('await null; for (;;);')],
    ['after a timer', handler('await new Promise((wake) => setTimeout(wake, 5)); for (;;);')],
    ['in a timer', endless('setTimeout(() => { for (;;); }, 5)')],
    ['in promises that follow each other', endless('const again = () => { Promise.resolve().then(again) }; again()')],
    ['in awaits that follow each other', handler('for (;;) await null')],
    ['while its result is read', 'export default () => ({ toJSON() { for (;;); } })'],
    ['while its error is read', 'export default () => { throw { get message() { for (;;); } } }'],
    ['in a regular expression', 'export default () => /(a+)+$/.test("a".repeat(40) + "b")'],
    ['while it logs', 'export default () => { for (;;) console.log("x".repeat(1000)) }'],
    // These two cannot be interrupted from inside: only the end of the process ends them.
    ['in a search through nothing', 'export default () => Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)'],
    ['in a sparse array', 'export default () => { const a = []; a[2 ** 32 - 2] = 1; return a.indexOf(5) }'],
  ])('%s', async (_, source) => {
    const end = await attack(source, LITTLE_CPU)
    expect(end).toMatchObject({ status: 502, code: 'exceeded_cpu', limit: 'cpu', allowed: CPU_BUDGET_MS })
    expect(end.headers.get('isolane-outcome')).toBe('exceeded')
    expect(Number(end.headers.get('isolane-billed-ms'))).toBeGreaterThan(CPU_BUDGET_MS * 0.8)
  })

  test('at the top level: the upload is refused with 422', async () => {
    const upload = async () => {
      const end = await ending(await platform.fetch('/v1/functions/never-loads', { method: 'PUT', body: 'for (;;);\nexport default () => 1' }))
      if (end.code === 'lost') throw new Error(`Lost: ${JSON.stringify(end)}`)
      return end
    }
    const end = await whileWatched(vi.waitFor(upload, { timeout: 30_000 }))
    expect(end).toMatchObject({ status: 422, code: 'exceeded_cpu', limit: 'cpu', allowed: 1_000 })
  })

  test('in arithmetic on numbers too large to hold: it ends, by its CPU or by the engine', async () => {
    const grows = await attack('export default () => { let x = 3n; for (;;) x = x * x }', LITTLE_CPU)
    expect(grows.status).toBe(502)
    expect(['exceeded_cpu', 'exceeded_memory', 'function_threw']).toContain(grows.code)
    const atOnce = await attack('export default () => String(2n ** (2n ** 40n)).length', LITTLE_CPU)
    expect(atOnce.status).toBe(502)
    expect(['exceeded_cpu', 'exceeded_memory', 'function_threw']).toContain(atOnce.code)
  })

  test('in recursion: it is its own RangeError', async () => {
    expect(await attack('export default function deep() { return deep() + 1 }', LITTLE_CPU)).toMatchObject({
      status: 502,
      code: 'function_threw',
      error: { name: 'RangeError' },
    })
  })
})

describe('a function that never answers is ended for its time', () => {
  test.each([
    ['awaiting what never comes', endless('')],
    ['kept awake by an interval', endless('setInterval(() => {}, 20)')],
    ['in timers that follow each other', endless('const again = () => setTimeout(again, 5); again()')],
  ])('%s', async (_, source) => {
    const end = await attack(source, 'timeoutMs=800')
    expect(end).toMatchObject({ status: 504, code: 'exceeded_wall', limit: 'wall', allowed: 800 })
    const billedMs = Number(end.headers.get('isolane-billed-ms'))
    expect(billedMs).toBeGreaterThan(400)
    expect(billedMs).toBeLessThan(5_000)
  })
})

describe('a function that eats memory is ended for it', () => {
  test.each([
    ['arrays of numbers', 'const all = []; for (;;) all.push(new Array(1e5).fill(1.5))'],
    ['small arrays', 'const all = []; for (;;) all.push(new Array(100))'],
    ['strings', 'const all = []; for (let i = 0; ; i++) all.push(JSON.stringify(["x".repeat(1e5) + i]))'],
    ['a map', 'const all = new Map(); for (let i = 0; ; i++) all.set(i, { i })'],
  ])('%s', async (_, body) => {
    const end = await attack(handler(body), A_MINUTE)
    expect(end).toMatchObject({ status: 502, code: 'exceeded_memory', limit: 'memory', allowed: 128 })
    expect(end.headers.get('isolane-outcome')).toBe('exceeded')
    expect(Number(end.headers.get('isolane-billed-ms'))).toBeGreaterThan(10)
  })

  test.each([
    ['bytes', 'const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1))'],
    ['bytes nobody touches', 'const all = []; for (;;) all.push(new Uint8Array(1e6))'],
    ['one buffer of 2 GiB', 'return new Uint8Array(2 ** 31).length'],
  ])('%s: the engine says no, and that is the function’s own error', async (_, body) => {
    expect(await attack(handler(body), A_MINUTE)).toMatchObject({ status: 502, code: 'function_threw', error: { name: 'RangeError' } })
  })

  test('bytes, taking no for no answer', async () => {
    const end = await attack(handler('const all = []; for (;;) try { all.push(new Uint8Array(1e6).fill(1)) } catch {}'), LITTLE_CPU)
    expect(end.status).toBe(502)
    expect(['exceeded_cpu', 'exceeded_memory']).toContain(end.code)
  })
})

describe('a function that says too much', () => {
  test.each([
    ['a long text', 'export default () => "x".repeat(1e7)'],
    ['a long list', 'export default () => new Array(5e5).fill("twelve bytes")'],
    ['a long response', 'export default { fetch: () => new Response(new Uint8Array(1e7)) }'],
  ])('%s: exceeded output', async (_, source) => {
    expect(await attack(source, A_MINUTE)).toMatchObject({ status: 502, code: 'exceeded_output', limit: 'output', allowed: 6 * 1024 * 1024 })
  })
})

describe('those beside the culprit', () => {
  /** Resolves when this many invocations are being run. */
  const running = (count: number) =>
    vi.waitFor(async () => {
      const [worker] = (await platform.workers()) as unknown as { running: number }[]
      if ((worker?.running ?? 0) < count) throw new Error(`${worker?.running} are running`)
    }, 10_000)

  /** The lane learns what a version takes of a core: then five that wait are run at once. */
  const acquaint = async (name: string, event: unknown) => {
    for (let n = 0; n < 3; n++) expect((await invoke(name, event)).status).toBe(200)
  }

  // The guard's distance follows how crowded the machine was a moment ago; where that changes too fast, SIGKILL comes first.
  test('a plain endless loop leaves the tenant’s other functions running', { retry: 3 }, async () => {
    await platform.deploy('naps', 'export default (event) => new Promise((wake) => setTimeout(() => wake("slept"), event.ms))', 'concurrency=16')
    await acquaint('naps', { ms: 100 })
    await platform.deploy('spins', 'export default () => { for (;;); }', LITTLE_CPU)
    const naps = Array.from({ length: 5 }, () => invoke('naps', { ms: 1_500 }))
    await running(5)
    expect((await ending(await invoke('spins'))).status).toBeGreaterThanOrEqual(502)
    const answers = await Promise.all(naps)
    expect(await Promise.all(answers.map(async (answer) => [answer.status, await answer.json()]))).toEqual(Array(5).fill([200, 'slept']))
  })

  test('where only the end of the process helps, the culprit is exceeded and its co-riders at worst lost, unbilled', async () => {
    await platform.deploy(
      'mixed',
      `export default (event) => event.kill
        ? Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)
        : new Promise((wake) => setTimeout(() => wake('slept'), event.ms))`,
      `${LITTLE_CPU}&concurrency=16`,
    )
    await acquaint('mixed', { ms: 100 })
    const riders = Array.from({ length: 5 }, () => invoke('mixed', { ms: 2_000 }))
    await running(5)
    const culprit = await whileWatched(invoke('mixed', { kill: true }).then(ending))
    expect(culprit).toMatchObject({ status: 502, code: 'exceeded_cpu', limit: 'cpu', allowed: CPU_BUDGET_MS })
    for (const answer of await Promise.all(riders)) {
      if (answer.status === 200) {
        expect(await answer.json()).toBe('slept')
        continue
      }
      expect(await ending(answer)).toMatchObject({ status: 503, code: 'lost' })
      expect(answer.headers.get('isolane-outcome')).toBe('lost')
      expect(answer.headers.get('isolane-billed-ms')).toBe('0')
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    const again = await invoke('mixed', { ms: 1 })
    expect([again.status, await again.json()]).toEqual([200, 'slept'])
  })

  test('the worker outlived it all', async () => {
    const workers = await platform.workers()
    expect(workers.map(({ pid, state }) => [pid, state])).toEqual([[workerPid, 'ready']])
  })
})

describe('what went wrong is in the function’s log, whoever threw the answer away', () => {
  const lines = async (name: string): Promise<{ level: string; message: string }[]> => {
    const text = await (await platform.fetch(`/v1/functions/${name}/logs`)).text()
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { level: string; message: string })
  }

  test('an error that nobody caught, with its stack', async () => {
    await platform.deploy('grumbler', 'export default () => { throw new RangeError("too far") }')
    await ending(await invoke('grumbler'))
    await vi.waitFor(async () =>
      expect(await lines('grumbler')).toEqual([
        expect.objectContaining({ level: 'error', message: expect.stringMatching(/^Uncaught RangeError: too far\n +at /) }),
      ]),
    )
  })

  test('and goes with the function', async () => {
    await platform.deploy('leaver', 'export default () => { throw new RangeError("too far") }')
    await ending(await invoke('leaver'))
    await vi.waitFor(async () => expect(await lines('leaver')).toHaveLength(1))
    expect((await platform.fetch('/v1/functions/leaver', { method: 'DELETE' })).status).toBe(204)
    await platform.deploy('leaver', 'export default () => 1')
    expect(await lines('leaver')).toEqual([])
  })

  test('a limit that was exceeded', async () => {
    await platform.deploy('sleeper', 'export default () => new Promise(() => {})', 'timeoutMs=50')
    await ending(await invoke('sleeper'))
    await vi.waitFor(async () =>
      expect(await lines('sleeper')).toEqual([
        expect.objectContaining({
          level: 'error',
          message: expect.stringMatching(/^Ended: it did not end within its timeoutMs of 50, .* A larger timeoutMs/),
        }),
      ]),
    )
  })
})
