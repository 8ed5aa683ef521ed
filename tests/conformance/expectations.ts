import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FileResult } from './test-isolate.ts'

/** Name under which a file's own failure (an error at its top level, tests that never ended) is listed among its subtests. */
export const WHOLE_FILE = '(the file)'

/** `expectations/<area>.json`. */
export interface Expectations {
  /** Files that cannot say anything about a function: what they need that there is not. Not run. */
  readonly notApplicable: readonly { readonly reason: string; readonly files: readonly string[] }[]
  /** Subtests of files that do apply which cannot say anything either. They are run, must fail, and are not counted. */
  readonly notApplicableSubtests?: readonly SubtestGroup[]
  /** Subtests that fail, by file. One that passes after all is an error too: then it belongs here no longer. */
  readonly failing: readonly SubtestGroup[]
}

/** Names of subtests by file, and what they have in common. */
export interface SubtestGroup {
  readonly reason: string
  readonly subtests: Readonly<Record<string, readonly string[]>>
}

/** Reason of failures that `--update` found and nobody has explained yet: a run with such a group fails. */
export const UNEXPLAINED = ''

const NONE: Expectations = { notApplicable: [], failing: [] }

function fileOf(area: string): string {
  return fileURLToPath(new URL(`expectations/${area}.json`, import.meta.url))
}

export function readExpectations(area: string): Expectations {
  const file = fileOf(area)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Expectations) : NONE
}

export function writeExpectations(area: string, expectations: Expectations): void {
  writeFileSync(fileOf(area), `${JSON.stringify(expectations, undefined, 2)}\n`)
}

/** Names of what failed in a file, its own failure included. */
export function failuresOf(result: FileResult): string[] {
  const names = result.subtests.filter(({ status }) => status !== 'pass').map(({ name }) => name)
  return result.harness === undefined ? names : [WHOLE_FILE, ...names]
}

export function reasonNotApplicable(expectations: Expectations, path: string): string | undefined {
  return expectations.notApplicable.find(({ files }) => files.includes(path))?.reason
}

/** How many subtests of these files are not counted. */
export function countNotApplicable({ notApplicableSubtests = [] }: Expectations, results: ReadonlyMap<string, FileResult>): number {
  return notApplicableSubtests
    .flatMap(({ subtests }) => Object.entries(subtests))
    .reduce((sum, [file, names]) => sum + (results.has(file) ? names.length : 0), 0)
}

export interface Surprise {
  readonly file: string
  readonly name: string
  readonly kind: 'fails' | 'passes' | 'unexplained'
}

/** Where results and expectations differ, over the files that were run. */
export function surprises(expectations: Expectations, results: ReadonlyMap<string, FileResult>): Surprise[] {
  const found: Surprise[] = []
  for (const [file, result] of results) {
    const expected = new Map<string, string>()
    for (const { reason, subtests } of [...(expectations.notApplicableSubtests ?? []), ...expectations.failing])
      for (const name of subtests[file] ?? []) expected.set(name, reason)
    const failed = new Set(failuresOf(result))
    for (const name of failed) {
      const reason = expected.get(name)
      if (reason === undefined) found.push({ file, name, kind: 'fails' })
      else if (reason === UNEXPLAINED) found.push({ file, name, kind: 'unexplained' })
    }
    for (const name of expected.keys()) if (!failed.has(name)) found.push({ file, name, kind: 'passes' })
  }
  return found
}

/** Expectations that fit the results: groups keep their reasons and lose what passes; what is new is unexplained. */
export function updated(expectations: Expectations, results: ReadonlyMap<string, FileResult>): Expectations {
  const left = new Map([...results].map(([file, result]) => [file, new Set(failuresOf(result))]))
  const take = (file: string, names: readonly string[]): string[] => {
    const failures = left.get(file)
    // A file that was not run keeps what was known of it.
    if (failures === undefined) return [...names]
    return names.filter((name) => failures.delete(name))
  }
  const still = (groups: readonly SubtestGroup[]): SubtestGroup[] =>
    groups
      .filter(({ reason }) => reason !== UNEXPLAINED)
      .map(({ reason, subtests }) => ({ reason, subtests: compact(Object.entries(subtests).map(([file, names]) => [file, take(file, names)])) }))
      .filter(({ subtests }) => Object.keys(subtests).length > 0)
  const apart = still(expectations.notApplicableSubtests ?? [])
  const groups = still(expectations.failing)
  const fresh = compact([...left].map(([file, names]) => [file, [...names]]))
  const failing = [...groups, { reason: UNEXPLAINED, subtests: fresh }].filter(({ subtests }) => Object.keys(subtests).length > 0)
  return { notApplicable: expectations.notApplicable, ...(apart.length > 0 ? { notApplicableSubtests: apart } : {}), failing }
}

function compact(entries: readonly (readonly [string, readonly string[]])[]): Record<string, readonly string[]> {
  return Object.fromEntries(entries.filter(([, names]) => names.length > 0).sort(([a], [b]) => (a < b ? -1 : 1)))
}
