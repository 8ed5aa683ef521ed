// The main job's figures, printed: `node infra/setup.mjs run tests/bench/main-job.ts`. A bench, not a test: nothing here fails.
import { Agent, request } from 'node:http'
import { cpus } from 'node:os'
import { startPlatform } from '../platform.ts'

const DEPLOYS = 20
const WARM_CALLS = 2_000
const WARM_UP_CALLS = 500

const SOURCE = (n: number): string => `export default { fetch: () => new Response('hello ${n}') }\n${`// ${'x'.repeat(78)}\n`.repeat(12)}`

function percentile(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number).toFixed(2)
}

function row(what: string, values: readonly number[]): void {
  console.log(
    `${what.padEnd(44)} p50 ${percentile(values, 0.5).padStart(7)} ms   p90 ${percentile(values, 0.9).padStart(7)} ms   max ${percentile(values, 1).padStart(7)} ms`,
  )
}

await using platform = await startPlatform()
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

/** One call on a kept connection; the time until its last byte, in ms. Node's own client: fetch() adds a third of a millisecond. */
function timed(path: string): Promise<number> {
  const startedAt = performance.now()
  return new Promise((resolve, reject) => {
    request(platform.url + path, { agent, headers: { authorization: `Bearer ${platform.key}` } }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - startedAt)
        else reject(new Error(`${path}: ${response.statusCode}`))
      })
    })
      .on('error', reject)
      .end()
  })
}

const deployMs: number[] = []
const firstMs: number[] = []
for (let n = 0; n < DEPLOYS; n++) {
  const startedAt = performance.now()
  await platform.deploy(`hello-${n}`, SOURCE(n))
  deployMs.push(performance.now() - startedAt)
  firstMs.push(await timed(`/fn/default/hello-${n}`))
}
for (let n = 0; n < WARM_UP_CALLS; n++) await timed('/fn/default/hello-0')
const warmMs: number[] = []
for (let n = 0; n < WARM_CALLS; n++) warmMs.push(await timed('/fn/default/hello-0'))
const aliveMs: number[] = []
for (let n = 0; n < WARM_CALLS; n++) aliveMs.push(await timed('/healthz'))

console.log(`\n${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, one caller at a time`)
row('deploy of a 1 KB function', deployMs)
row('first answer after the deploy answered', firstMs)
row('warm answer, whole path', warmMs)
row('the same connection to /healthz', aliveMs)
agent.destroy()
