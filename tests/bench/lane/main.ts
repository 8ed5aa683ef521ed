// The promises of the lane, measured with its real scripts and classes on modelled workers: `npm run bench:lane`, or some of
// them, with another seed, of the lane as it was at a commit: `npm run bench:lane -- fairness --seed=7 --at=830f941`.
// A bench, not a test: nothing here fails.
import { cpus } from 'node:os'
import { affinity } from './affinity.ts'
import { asyncFlood } from './async-flood.ts'
import { cost } from './cost.ts'
import { fairness } from './fairness.ts'
import type { Row } from './figures.ts'
import { currentLane, type LaneCode, laneAt } from './lane-code.ts'
import { overload } from './overload.ts'
import { placement } from './placement.ts'
import { shares } from './shares.ts'
import { starvation } from './starvation.ts'

const EXPERIMENTS: Readonly<Record<string, (code: LaneCode, seed: number) => AsyncGenerator<Row>>> = {
  fairness,
  shares,
  placement,
  affinity,
  overload,
  flood: asyncFlood,
  starvation,
  cost,
}

const named = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const setting = (name: string): string | undefined => process.argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3)
const seed = Number(setting('seed') ?? 1)
const commit = setting('at')
const unknown = named.find((name) => EXPERIMENTS[name] === undefined)
if (unknown !== undefined) {
  console.error(`Cannot measure "${unknown}": it is one of ${Object.keys(EXPERIMENTS).join(', ')}`)
  process.exit(2)
}

console.log(
  `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, seed ${seed}, the lane ${commit === undefined ? 'as it is' : `at ${commit}`}\n`,
)
console.log('| | claim | figure | met |\n|---|---|---|---|')
using code = commit === undefined ? await currentLane() : await laneAt(commit)
for (const name of named.length > 0 ? named : Object.keys(EXPERIMENTS)) {
  for await (const { claim, figure, met } of EXPERIMENTS[name]?.(code, seed) ?? []) {
    console.log(`| ${name} | ${claim} | ${figure} | ${met === undefined ? '–' : met ? 'yes' : '**no**'} |`)
  }
}
