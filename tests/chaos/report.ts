import { isAccepted } from './calls.ts'
import type { Told } from './story.ts'

const MOST_LINES = 10

/** What a story comes to, for people: counts, outages, and every claim with what speaks against it. */
export function report({ claims, evidence, withAsync }: Told): string {
  const { calls, struck, recoveries, usage, entered, events } = evidence
  const lines: string[] = []
  const table = (title: string, rows: readonly (readonly [string, ...(string | number)[]])[]): void => {
    lines.push('', title)
    for (const [name, ...values] of rows) lines.push(`  ${name.padEnd(38)} ${values.map((value) => String(value).padStart(8)).join(' ')}`)
  }
  const endings = count(
    calls.map(({ ending, status, code }) => (ending === 'answered' ? `${status}${code === undefined ? '' : ` ${code}`}` : ending)),
  )
  table('Calls', [['all', calls.length], ['accepted', calls.filter(isAccepted).length], ...count(calls.map(({ kind }) => kind))])
  table('How they ended', endings)
  table('Invocations', [
    ['usage records', usage.length],
    ['of these repeats (attempt 2 and on)', usage.filter(({ attempt }) => attempt > 1).length],
    ['entered, as the functions say', entered.size],
    ...count(usage.map(({ outcome }) => `record: ${outcome}`)),
  ])
  if (withAsync) table('Events', count([...events.values()]))
  const longest = new Map<string, number>()
  for (const [i, { name }] of struck.entries()) longest.set(name, Math.max(longest.get(name) ?? 0, recoveries[i] ?? Number.POSITIVE_INFINITY))
  table(
    'What was done to it: how often, and the longest time (ms) that a gateway gave no good answer',
    [...longest].map(([name, ms]) => [name, struck.filter((one) => one.name === name).length, ms]),
  )
  lines.push('', 'Claims')
  for (const { claim, broken, excused } of claims) {
    lines.push(`  ${broken.length === 0 ? 'holds ' : 'BROKEN'} ${claim}${excused.length === 0 ? '' : ` (${excused.length} within what may be lost)`}`)
    for (const words of broken.slice(0, MOST_LINES)) lines.push(`           ${words}`)
    if (broken.length > MOST_LINES) lines.push(`           and ${broken.length - MOST_LINES} more`)
    for (const words of excused.slice(0, MOST_LINES)) lines.push(`         ~ ${words}`)
  }
  return lines.join('\n')
}

function count(words: readonly string[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
}
