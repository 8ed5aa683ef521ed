// Cold starts and density, printed: `npm run bench:cold-start`. A bench, not a test: nothing here fails.
import { readdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { build } from 'esbuild'
import { type Platform, startPlatform } from '../platform.ts'

const COLD_CALLS = 60
const AT_ONCE = 100
const BURSTS = 5
const SETTLED_MS = 1_000
const WARM_SANDBOXES = 100
const MANY = 2_000
const DEPLOYS_AT_ONCE = 4

const SMALL = (n: number): string => `export default { fetch: () => new Response('hello ${n}') }\n${`// ${'x'.repeat(78)}\n`.repeat(12)}`

function percentile(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number).toFixed(2)
}

function row(what: string, values: readonly number[]): void {
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => percentile(values, share).padStart(7))
  console.log(`${what.padEnd(58)} p50 ${p50} ms   p99 ${p99} ms   max ${max} ms`)
}

/** A function of about 50 KB: Hono with what a small application uses of it. */
async function hono(n: number): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { Hono } from 'hono'\nimport { cors } from 'hono/cors'\nimport { jwt } from 'hono/jwt'\nimport { getCookie } from 'hono/cookie'
        import { etag } from 'hono/etag'\nimport { basicAuth } from 'hono/basic-auth'\nimport { stream } from 'hono/streaming'
        const app = new Hono()\napp.use('/api/*', cors())\napp.use('/e/*', etag())\napp.use('/b/*', basicAuth({ username: 'a', password: 'b' }))\napp.use('/j/*', jwt({ secret: 's', alg: 'HS256' }))
        app.get('/c', (c) => c.text(getCookie(c, 'x') ?? ''))\napp.get('/s', (c) => stream(c, async (s) => { await s.write('x') }))
        app.get('/', (c) => c.text('hello ${n}'))\nexport default app`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    format: 'esm',
    write: false,
  })
  return outputFiles[0]?.text as string
}

interface Called {
  readonly ms: number
  readonly start: string | null
  readonly stages: Readonly<Record<string, number>>
}

async function call(platform: Platform, name: string): Promise<Called> {
  const startedAt = performance.now()
  const response = await platform.fetch(`/fn/default/${name}`)
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${name}: ${response.status} ${text}`)
  const stages = Object.fromEntries(
    (response.headers.get('server-timing') ?? '').split(', ').map((part) => {
      const [stage, duration] = part.split(';dur=')
      return [stage, Number(duration)]
    }),
  )
  return { ms: performance.now() - startedAt, start: response.headers.get('isolane-start'), stages }
}

/** Nothing is warm afterwards: the workers and their cells are new. */
async function withNewWorkers(platform: Platform, count: number): Promise<void> {
  const old = (await platform.workers()).filter(({ state }) => state === 'ready')
  for (const { pid } of old) process.kill(pid, 'SIGKILL')
  for (;;) {
    const workers = await platform.workers().catch(() => [])
    if (workers.filter(({ id, state }) => state === 'ready' && old.every((one) => one.id !== id)).length >= count) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  // Their blank cells are still being made.
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
}

/** Resident memory of a worker's cells that is their own, in MB, by cell. */
function cellsMb(workerPid: number): number[] {
  const children = readdirSync('/proc').filter((pid) => {
    try {
      return new RegExp(`^\\d+ \\(.*\\) \\S ${workerPid} `).test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
    } catch {
      return false
    }
  })
  return children.map((pid) => {
    const [, resident = 0, shared = 0] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ').map(Number)
    return ((resident - shared) * 4_096) / 1_048_576
  })
}

/** First calls of many functions at once, with as many workers; each time all functions are new to them. */
async function bursts(workers: number): Promise<void> {
  await using platform = await startPlatform({ env: { ISOLANE_MIN_WORKERS: String(workers), ISOLANE_MAX_WORKERS: String(workers) } })
  const allMs: number[] = []
  for (let burst = 0; burst < BURSTS; burst++) {
    const names = Array.from({ length: AT_ONCE }, (_, n) => `once-${burst}-${n}`)
    for (const name of names) await platform.deploy(name, SMALL(burst))
    await withNewWorkers(platform, workers)
    const startedAt = performance.now()
    await Promise.all(names.map((name) => call(platform, name)))
    allMs.push(performance.now() - startedAt)
  }
  row(`${AT_ONCE} first calls of ${AT_ONCE} functions at once, ${workers} worker${workers === 1 ? '' : 's'}: all answered after`, allMs)
}

console.log(`${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}\n`)
{
  await using platform = await startPlatform({ env: { ISOLANE_MIN_WORKERS: '1', ISOLANE_MAX_WORKERS: '1' } })
  for (let n = 0; n < COLD_CALLS; n++) await platform.deploy(`small-${n}`, SMALL(n))
  for (let n = 0; n < COLD_CALLS; n++) await platform.deploy(`app-${n}`, await hono(n))

  const blank: Called[] = []
  for (let n = 0; n < 10; n++) {
    await withNewWorkers(platform, 1)
    blank.push(await call(platform, `small-${n}`))
  }
  row(
    'a blank cell to bind, 1 KB: in the platform (init + run)',
    blank.map(({ stages }) => (stages.init ?? 0) + (stages.run ?? 0)),
  )

  await withNewWorkers(platform, 1)
  await call(platform, 'small-0')
  const cold: Called[] = []
  for (let n = 0; n < COLD_CALLS; n++) cold.push(await call(platform, `small-${n}`))
  row(
    'a cell present, 1 KB: in the platform (init + run)',
    cold.filter(({ start }) => start === 'cold').map(({ stages }) => (stages.init ?? 0) + (stages.run ?? 0)),
  )
  row(
    'the same, as its caller sees it',
    cold.map(({ ms }) => ms),
  )
  const warm: Called[] = []
  for (let n = 0; n < COLD_CALLS; n++) warm.push(await call(platform, `small-${n}`))
  row(
    'the same functions warm, as their caller sees them',
    warm.map(({ ms }) => ms),
  )
  const apps: Called[] = []
  for (let n = 0; n < COLD_CALLS; n++) apps.push(await call(platform, `app-${n}`))
  row(
    'a cell present, 50 KB: in the platform (init + run)',
    apps.filter(({ start }) => start === 'cold').map(({ stages }) => (stages.init ?? 0) + (stages.run ?? 0)),
  )
}
for (const workers of new Set([1, cpus().length])) await bursts(workers)
{
  await using platform = await startPlatform({ env: { ISOLANE_MIN_WORKERS: '1', ISOLANE_MAX_WORKERS: '1' } })
  await platform.deploy('first', SMALL(0))
  await call(platform, 'first')
  const [worker] = await platform.workers()
  const largest = (): number => Math.max(...cellsMb(worker?.pid as number))
  const before = largest()
  for (let n = 0; n < WARM_SANDBOXES; n++) await platform.deploy(`warm-${n}`, SMALL(n))
  const after = largest()
  console.log(
    `a warm sandbox of 1 KB of code takes ${((after - before) / WARM_SANDBOXES).toFixed(2)} MB (${WARM_SANDBOXES} in one cell: ${before.toFixed(0)} → ${after.toFixed(0)} MB)`,
  )

  for (let n = WARM_SANDBOXES; n < MANY; n += DEPLOYS_AT_ONCE) {
    await Promise.all(Array.from({ length: DEPLOYS_AT_ONCE }, (_, i) => platform.deploy(`warm-${n + i}`, SMALL(n + i))))
  }
  let most = 0
  for (let n = 0; n < MANY; n++) {
    await call(platform, `warm-${n}`)
    if (n % 50 === 0)
      most = Math.max(
        most,
        cellsMb(worker?.pid as number).reduce((sum, mb) => sum + mb, 0),
      )
  }
  console.log(`${MANY} functions called once each on one worker: no error, its cells held ${most.toFixed(0)} MB at most`)
}
