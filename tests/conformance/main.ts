import { parseArgs } from 'node:util'
import { AREAS } from './areas.ts'
import { addTestsFrom, bringTests, sourceOfTests, TESTS_ROOT, testsArePresent } from './bring-tests.ts'
import { type Surprise, surprises, updated, writeExpectations } from './expectations.ts'
import { type AreaRun, runAreas } from './run-area.ts'
import { reachesItsRate, tableOf, writeTable } from './table.ts'

// npm run test:wpt [-- [areas…] [--update] [--from <folder with WPT or a part of it>] [--messages]]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { update: { type: 'boolean', default: false }, from: { type: 'string' }, messages: { type: 'boolean', default: false } },
})
const unknown = positionals.find((name) => !AREAS.some((area) => area.name === name))
if (unknown !== undefined) throw new Error(`There is no area ${unknown}; there are ${AREAS.map(({ name }) => name).join(', ')}`)

const say = (line: string) => process.stderr.write(`${line}\n`)
if (!testsArePresent()) await bringTests(say)
if (values.from !== undefined) say(`Added from ${values.from}: ${addTestsFrom(values.from).join(', ') || 'nothing that was not there'}`)

const startedAt = performance.now()
const areas = positionals.length === 0 ? AREAS : AREAS.filter(({ name }) => positionals.includes(name))
const runs = await runAreas(TESTS_ROOT, areas, (done, total) => {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${total} files`)
  else if (done % 50 === 0) say(`${done} of ${total} files`)
})
say(`\rDone in ${Math.round((performance.now() - startedAt) / 100) / 10} s`)

if (values.update)
  for (const { area, expectations, results } of runs) if (results.size > 0) writeExpectations(area.name, updated(expectations, results))

const table = tableOf(runs, sourceOfTests(), new Date().toISOString().slice(0, 10))
process.stdout.write(`${table}\n`)
if (positionals.length === 0) writeTable(table)

const found = values.update ? [] : runs.flatMap((run) => surprises(run.expectations, run.results).map((surprise) => describe(run, surprise)))
const tooLow = runs.filter((run) => run.results.size > 0 && !reachesItsRate(run)).map(({ area }) => `${area.name}: below its required rate`)
for (const line of [...found, ...tooLow]) say(line)
process.exitCode = found.length + tooLow.length > 0 ? 1 : 0

function describe(run: AreaRun, { file, name, kind }: Surprise): string {
  const result = run.results.get(file)
  const message = result?.subtests.find((one) => one.name === name)?.message ?? result?.harness ?? ''
  const words = { fails: 'fails and should pass', passes: 'passes and is listed as failing', unexplained: 'fails, and nobody has said why' }
  return `${file} › ${name}: ${words[kind]}${values.messages ? `\n    ${message}` : ''}`
}
