// Runs every attack once and writes the table: `node infra/setup.mjs run tests/isolation/publish.ts`.
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Arena, type Finding } from './arena.ts'
import { SUBJECTS } from './attacks/all.ts'
import type { Attack } from './attacks/attack.ts'
import { percentile } from './traffic.ts'
import { CALM, faults } from './verdict.ts'

interface Row {
  readonly attack: Attack
  readonly finding: Finding
  readonly faults: readonly string[]
}

const sections: { title: string; rows: Row[] }[] = []
await using arena = await Arena.open()
const begunAt = performance.now()
for (const { title, attacks } of SUBJECTS) {
  const rows: Row[] = []
  for (const attack of attacks) {
    const finding = await arena.run(attack)
    rows.push({ attack, finding, faults: faults(attack, finding) })
    process.stderr.write(`${rows.at(-1)?.faults.length === 0 ? 'contained' : 'NOT CONTAINED'}  ${attack.idea}\n`)
  }
  sections.push({ title, rows })
}
const seconds = Math.round((performance.now() - begunAt) / 1_000)
const all = sections.flatMap(({ rows }) => rows)
const innocentMs = arena.innocent.samples.filter(({ startedAt }) => startedAt >= begunAt).map(({ ms }) => ms)
const failures = arena.innocent.samples.filter(({ ending }) => ending !== '200').length
const excused = all.filter(({ attack, finding }) => finding.radius === 'cell' && attack.radius === 'sandbox').length
const crowding = all.reduce((sum, { finding }) => sum + finding.crowding, 0) / all.length

writeFileSync(
  fileURLToPath(new URL('README.md', import.meta.url)),
  `# The isolation suite

One hostile idea per row, run against the whole platform over HTTP: its code is uploaded by one tenant and called on a machine with a single worker, while another tenant's function
is called twenty times a second and a sibling of the attacker's ten times a second. \`containment.test.ts\` holds every row to what it may come to, how far it may reach, how long it
may take and how large a cell may grow; \`reachability.test.ts\` walks everything a function can reach and finds no handle of the host; \`process-wall.test.ts\` tries what code could do
that had broken out of its isolate. The table below is a run, written by \`node infra/setup.mjs run tests/isolation/publish.ts\`.

${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux, Node ${process.version}; on average ${crowding.toFixed(1)} processes wanted each core.

* ${all.length} ideas in ${seconds} s, ${all.filter(({ faults }) => faults.length === 0).length} contained as their rows demand. ${all.filter(({ finding }) => finding.radius === 'cell').length} ended the cell they ran in, the others at most their own sandbox.
* ${excused} of those ${all.filter(({ finding }) => finding.radius === 'cell').length} should have ended no more than their sandbox. They are excused where the machine was crowded (${CALM} or more processes for each core): see *radius* below.
* The other tenant's function: ${innocentMs.length} calls, ${failures} failures; p50 ${percentile(innocentMs, 0.5).toFixed(1)} ms, p99 ${percentile(innocentMs, 0.99).toFixed(1)} ms. Before, with nobody attacking: p50 ${arena.quiet.p50.toFixed(1)} ms, p99 ${arena.quiet.p99.toFixed(1)} ms. The aim is that its p99 at most
  doubles; where it is above that, the aim is missed, and no row is held to it.
* Largest cell seen: ${Math.round(Math.max(...all.map(({ finding }) => finding.peakMb)))} MB. Cells that only the suite's own watch could end: ${all.reduce((sum, { finding }) => sum + finding.rescued, 0)}.

## How to read it

* **outcome**: what the attacker's caller got. Most rows run with \`memoryMb=64\` and 109 ms of CPU, the memory rows with 434 ms.
* **ms**: from sending the call (or the upload) to its whole answer: queue, cold start and all.
* **radius**: \`sandbox\`: no process ended. \`cell\`: the tenant's process ended; calls of the same tenant that waited in it are \`lost\`: what they had used is on the bill of the one that ended it. The kill clock acts at
  CPU budget + 250 ms of CPU, and waits for the isolate's own guard where that stands further off, up to twice the budget + 250 ms; past that a plain loop, too, ends its cell.
* **MB**: anonymous memory of the worker's largest cell, looked at every 10 ms.
* **innocent**: the slowest of the other tenant's calls meanwhile, in ms; there are only a handful in each row.
${sections.map(({ title, rows }) => section(title, rows)).join('')}`,
)

function section(title: string, rows: readonly Row[]): string {
  return `
## ${title[0]?.toUpperCase()}${title.slice(1)}

| a function that | outcome | ms | radius | MB | innocent |
|---|---|---:|---|---:|---:|
${rows.map(line).join('\n')}
`
}

function line({ attack, finding, faults }: Row): string {
  const { outcome, attempts, containedMs, radius, peakMb, innocentSlowestMs } = finding
  const notes = [
    attempts > 1 ? `at attempt ${attempts}` : '',
    attack.weakness ? `known weakness: ${attack.weakness}` : '',
    ...faults.map((fault) => `**${fault}**`),
  ].filter(Boolean)
  const cells = [attack.idea, [shown(outcome), ...notes].join('; '), containedMs.toFixed(0), radius, peakMb.toFixed(0), innocentSlowestMs.toFixed(0)]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function shown(outcome: string): string {
  // A reply may be of any bytes; a table is text.
  const plain = outcome.replace(/\p{Cc}/gu, '␀')
  const text = plain.length > 60 ? `${plain.slice(0, 59)}…` : plain
  return /["[{<]/.test(text) ? `\`${text.replaceAll('`', "'")}\`` : text
}
