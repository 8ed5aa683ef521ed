import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { AreaRun } from './run-area.ts'

const README = fileURLToPath(new URL('README.md', import.meta.url))
const BEGIN = '<!-- table: written by npm run test:wpt -->'
const END = '<!-- end of table -->'

export function reachesItsRate({ area, counts }: AreaRun): boolean {
  return counts.subtests > 0 && counts.passed / counts.subtests >= area.required
}

export function tableOf(runs: readonly AreaRun[], source: readonly string[], date: string): string {
  const rows = runs.map((run) => {
    const { area, counts } = run
    const required = percent(area.required)
    if (counts.subtests === 0) return `| ${area.name} | – | – | – | – | – | – | ${required} | not run: not in this source of the tests |`
    const verdict = reachesItsRate(run) ? 'reached' : '**not reached**'
    const rate = percent(counts.passed / counts.subtests)
    return `| ${area.name} | ${counts.files} | ${counts.leftOut} | ${counts.subtests} | ${counts.subtestsLeftOut} | ${counts.passed} | ${rate} | ${required} | ${verdict} |`
  })
  return [
    `Run of ${date}. Tests from ${source.join('; ')}.`,
    '',
    '| area | files run | files left out | subtests | subtests left out | passed | rate | required | verdict |',
    '|---|--:|--:|--:|--:|--:|--:|--:|---|',
    ...rows,
  ].join('\n')
}

/** Rounded down: a rate is never shown better than it is. */
function percent(share: number): string {
  return `${Math.floor(share * 1000 + 1e-9) / 10} %`
}

/** Puts the table in its place in the README. */
export function writeTable(table: string): void {
  const text = readFileSync(README, 'utf8')
  const [before, rest] = text.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined) throw new Error(`Cannot write the table: ${README} has lost its markers`)
  writeFileSync(README, `${before}${BEGIN}\n\n${table}\n\n${END}${after}`)
}
