// Large bodies, printed: memory of every process and what another tenant notices: `npm run bench:bodies`, or more rounds of it:
// `npm run bench:bodies -- --rounds=5`. A bench, not a test: nothing here fails.
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { startPlatform } from '../platform.ts'
import { type Door, echo, readSlowly, upload } from './bodies/callers.ts'
import { type Growth, MemoryWatch, PARTS } from './bodies/memory-watch.ts'
import { Neighbour } from './bodies/neighbour.ts'
import { percentile } from './lane/figures.ts'

const MIB = 1_048_576
const ROUNDS = Number(/^--rounds=(\d+)$/.exec(process.argv[2] ?? '')?.[1] ?? 3)
const ALONE_MS = 15_000
const SETTLED_MS = 2_000
const ECHOES = 20
const STREAM_BYTES = 200 * MIB
/** What a process may hold more than before, whatever passes through it: buffers on the way, and garbage not yet collected. */
const FLAT_MIB = 64
/** A tenant's p99 counts as unmoved up to this many times what it is alone. */
const UNMOVED = 1.5

const LONG = 'timeoutMs=120000'
const FUNCTIONS: Readonly<Record<string, string>> = {
  echo: `export default { async fetch(request) { return new Response(await request.arrayBuffer()) } }`,
  fountain: `export default { fetch() {
    let left = ${STREAM_BYTES / 65_536}
    return new Response(new ReadableStream({ pull(c) { if (left-- > 0) c.enqueue(new Uint8Array(65536)); else c.close() } }))
  } }`,
  // A MiB at a time, and then 50 ms of nothing: 20 MiB/s at most.
  sink: `export default { async fetch(request) {
    let bytes = 0, next = 1048576
    for await (const piece of request.body) {
      bytes += piece.length
      if (bytes >= next) { next += 1048576; await new Promise((resolve) => setTimeout(resolve, 50)) }
    }
    return new Response(String(bytes))
  } }`,
}

await using platform = await startPlatform({ env: { ISOLANE_MIN_WORKERS: '1', ISOLANE_MAX_WORKERS: '1' } })
for (const [name, source] of Object.entries(FUNCTIONS)) await platform.deploy(name, source, LONG)
const door = (name: string): Door => ({ url: `${platform.url}/fn/default/${name}`, key: platform.key })

await platform.json('/v1/tenants', { method: 'POST', body: '{"name":"neighbour"}' })
const { key } = await platform.json<{ key: string }>('/v1/keys', { method: 'POST', body: '{"tenant":"neighbour","scopes":["deploy","invoke"]}' })
const hello = `export default { fetch: () => new Response('hello') }`
await platform.fetch('/v1/functions/hello', { method: 'PUT', body: hello, headers: { authorization: `Bearer ${key}` } })

const [worker] = await platform.workers()
const redisFolder = join(platform.dataDir, 'redis')
const sockets = readdirSync(redisFolder)
  .filter((name) => name.endsWith('.sock'))
  .map((name) => join(redisFolder, name))
using memory = new MemoryWatch({ gateway: platform.pid, worker: worker?.pid as number, sockets })
await using neighbour = new Neighbour(`${platform.url}/fn/neighbour/hello`, key)

const body = randomBytes(6 * MIB)
const echoMs = { one: [] as number[], four: [] as number[] }
const inTurn = async (calls: number, into: number[]): Promise<void> => {
  for (let n = 0; n < calls; n++) into.push(await echo(door('echo'), body))
}
const STORIES: Readonly<Record<string, () => Promise<unknown>>> = {
  [`${ECHOES} echoes of 6 MiB, one at a time`]: () => inTurn(ECHOES, echoMs.one),
  [`${ECHOES} echoes of 6 MiB, four at a time`]: () => Promise.all(Array.from({ length: 4 }, () => inTurn(ECHOES / 4, echoMs.four))),
  '200 MiB to a reader of 20 MiB/s who rests 500 ms every 40 MiB': () =>
    readSlowly(door('fountain'), { bytes: STREAM_BYTES, mibPerSecond: 20, stillMs: 500, stillEveryMib: 40 }),
  '200 MiB to one who reads nothing for 3 s, then as fast as he can': () =>
    readSlowly(door('fountain'), { bytes: STREAM_BYTES, mibPerSecond: Number.POSITIVE_INFINITY, stillMs: 3_000, stillEveryMib: 1_000 }),
  '200 MiB uploaded to a function that reads 20 MiB/s': async () => {
    const taken = Number(await upload(door('sink'), STREAM_BYTES))
    if (taken !== STREAM_BYTES) throw new Error(`The function read ${taken} bytes`)
  },
}

interface Round {
  readonly growth: Growth
  readonly p50: number
  readonly p99: number
}

async function measured(work: () => Promise<unknown>): Promise<Round> {
  const { result, ms, failures } = await neighbour.during(() => memory.during(work))
  if (failures.length > 0) console.error(`${failures.length} calls of the neighbour failed: ${failures.join(', ')}`)
  return { growth: result.growth, p50: percentile(ms, 0.5), p99: percentile(ms, 0.99) }
}

await echo(door('echo'), Buffer.alloc(100_000))
await upload(door('sink'), 100_000)
await new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
await memory.begin()

const alone: Round[] = []
const rounds: Record<string, Round[]> = Object.fromEntries(Object.keys(STORIES).map((name) => [name, []]))
for (let n = 0; n < ROUNDS; n++) {
  console.error(`round ${n + 1} of ${ROUNDS}, load ${loadavg()[0]?.toFixed(1)}`)
  alone.push(await measured(() => new Promise((resolve) => setTimeout(resolve, ALONE_MS))))
  for (const [name, story] of Object.entries(STORIES)) rounds[name]?.push(await measured(story))
}

const median = (values: readonly number[]): number => percentile(values, 0.5)
const ms = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(', ')
const line = (claim: string, figure: string, met?: boolean): void =>
  console.log(`| ${claim} | ${figure} | ${met === undefined ? '–' : met ? 'yes' : '**no**'} |`)

console.log(`${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, ${ROUNDS} rounds\n`)
console.log('| claim | figure | met |\n|---|---|---|')
line('6 MiB there and back, one at a time', `p50 ${median(echoMs.one).toFixed(0)} ms, worst ${Math.max(...echoMs.one).toFixed(0)} ms`)
line('four at a time', `p50 ${median(echoMs.four).toFixed(0)} ms, worst ${Math.max(...echoMs.four).toFixed(0)} ms`)
const aloneP99 = median(alone.map(({ p99 }) => p99))
line('the neighbour alone, by round', `p50 ${ms(alone.map(({ p50 }) => p50))} ms; p99 ${ms(alone.map(({ p99 }) => p99))} ms`)
for (const [name, all] of Object.entries(rounds)) {
  const p99 = median(all.map((round) => round.p99))
  line(`${name}: the neighbour`, `p50 ${ms(all.map(({ p50 }) => p50))} ms; p99 ${ms(all.map((round) => round.p99))} ms`, p99 <= aloneP99 * UNMOVED)
  for (const part of PARTS) {
    // Its function holds the whole body, more than once.
    const held = part === 'cell' && name.includes('echoes')
    const first = median(all.map(({ growth }) => growth[part].first))
    const second = median(all.map(({ growth }) => growth[part].second))
    line(
      `${name}: ${part}`,
      `+${first.toFixed(1)} MiB at most in the first half, +${second.toFixed(1)} in the second`,
      held ? undefined : Math.max(first, second) <= FLAT_MIB,
    )
  }
}
