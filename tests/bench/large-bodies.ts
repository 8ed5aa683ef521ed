// Large bodies, printed: memory of every process and what another tenant notices: `npm run bench:bodies`, or more rounds of it:
// `npm run bench:bodies -- --rounds=5`. A bench, not a test: nothing here fails. tests/flow/large-bodies.test.ts holds the memory.
import { randomBytes } from 'node:crypto'
import { cpus, loadavg } from 'node:os'
import { echo, readSlowly, upload } from './bodies/callers.ts'
import { type Growth, PARTS } from './bodies/memory-watch.ts'
import { openRig, type Rig } from './bodies/rig.ts'
import { percentile } from './lane/figures.ts'

const MIB = 1_048_576
const ROUNDS = Number(/^--rounds=(\d+)$/.exec(process.argv[2] ?? '')?.[1] ?? 3)
const ALONE_MS = 15_000
const ECHOES = 20
const STREAM_BYTES = 200 * MIB
/**
 * What a part may hold more than before, whatever passes through it. Gateway and worker: buffers on the way, and garbage not yet
 * collected. The cell: what its function may hold, its memoryMb.
 */
const FLAT_MIB = { gateway: 96, worker: 96, cell: 128, Redis: 8 } as const
/** A tenant's p99 counts as unmoved up to this many times what it is alone. */
const UNMOVED = 1.5

const body = randomBytes(6 * MIB)
const echoMs = { one: [] as number[], four: [] as number[] }

async function echoes(rig: Rig, calls: number, into: number[]): Promise<void> {
  for (let n = 0; n < calls; n++) into.push(await echo(rig.door('echo'), body))
}

/** In this order: a cell that has held large bodies whole keeps their pages, and would hide what a stream takes. */
const STORIES: Readonly<Record<string, (rig: Rig) => Promise<unknown>>> = {
  'the neighbour alone': () => new Promise((resolve) => setTimeout(resolve, ALONE_MS)),
  '200 MiB to a reader of 20 MiB/s who rests 500 ms every 40 MiB': (rig) =>
    readSlowly(rig.door('fountain'), { bytes: STREAM_BYTES, mibPerSecond: 20, stillMs: 500, stillEveryMib: 40 }),
  '200 MiB to one who reads nothing for 3 s, then as fast as he can': (rig) =>
    readSlowly(rig.door('fountain'), { bytes: STREAM_BYTES, mibPerSecond: Number.POSITIVE_INFINITY, stillMs: 3_000, stillEveryMib: 1_000 }),
  '200 MiB uploaded to a function that reads 20 MiB/s': async (rig) => {
    const taken = Number(await upload(rig.door('sink'), STREAM_BYTES))
    if (taken !== STREAM_BYTES) throw new Error(`The function read ${taken} bytes`)
  },
  [`${ECHOES} echoes of 6 MiB, one at a time`]: (rig) => echoes(rig, ECHOES, echoMs.one),
  [`${ECHOES} echoes of 6 MiB, four at a time`]: (rig) => Promise.all(Array.from({ length: 4 }, () => echoes(rig, ECHOES / 4, echoMs.four))),
}

interface Round {
  readonly growth: Growth
  readonly p50: number
  readonly p99: number
}

async function measured(rig: Rig, story: (rig: Rig) => Promise<unknown>): Promise<Round> {
  const { result, ms, failures } = await rig.neighbour.during(() => rig.memory.during(() => story(rig)))
  if (failures.length > 0) console.error(`${failures.length} calls of the neighbour failed: ${failures.join(', ')}`)
  return { growth: result.growth, p50: percentile(ms, 0.5), p99: percentile(ms, 0.99) }
}

const rounds: Record<string, Round[]> = Object.fromEntries(Object.keys(STORIES).map((name) => [name, []]))
for (let n = 0; n < ROUNDS; n++) {
  console.error(`round ${n + 1} of ${ROUNDS}, load ${loadavg()[0]?.toFixed(1)}`)
  await using rig = await openRig(STREAM_BYTES)
  for (const [name, story] of Object.entries(STORIES)) rounds[name]?.push(await measured(rig, story))
}

const median = (values: readonly number[]): number => percentile(values, 0.5)
const each = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(', ')
const line = (claim: string, figure: string, met?: boolean): void =>
  console.log(`| ${claim} | ${figure} | ${met === undefined ? '–' : met ? 'yes' : '**no**'} |`)

console.log(`${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, ${ROUNDS} rounds\n`)
console.log('| claim | figure | met |\n|---|---|---|')
line('6 MiB there and back, one at a time', `p50 ${median(echoMs.one).toFixed(0)} ms, worst ${Math.max(...echoMs.one).toFixed(0)} ms`)
line('four at a time', `p50 ${median(echoMs.four).toFixed(0)} ms, worst ${Math.max(...echoMs.four).toFixed(0)} ms`)
let aloneP99: number | undefined
for (const [name, all] of Object.entries(rounds)) {
  const p99 = median(all.map((round) => round.p99))
  const met = aloneP99 === undefined ? undefined : p99 <= aloneP99 * UNMOVED
  aloneP99 ??= p99
  line(`**${name}**: the neighbour, by round`, `p50 ${each(all.map(({ p50 }) => p50))} ms; p99 ${each(all.map((round) => round.p99))} ms`, met)
  for (const part of PARTS) {
    const first = Math.max(...all.map(({ growth }) => growth[part].first))
    const second = Math.max(...all.map(({ growth }) => growth[part].second))
    // The echo's function holds the whole body, more than once, in four sandboxes.
    const aim = part === 'cell' && name.includes('echoes') ? undefined : FLAT_MIB[part]
    const figure = `+${first.toFixed(1)} MiB at most in the first half, +${second.toFixed(1)} in the second`
    line(`${part}${aim === undefined ? '' : `, ≤ ${aim}`}`, figure, aim === undefined ? undefined : Math.max(first, second) <= aim)
  }
}
