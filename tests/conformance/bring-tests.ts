import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AREAS, SHARED_PATHS } from './areas.ts'
import { bringFromDebian } from './bring-from-debian.ts'
import { bringFromGit } from './bring-from-git.ts'

/** Where the tests are kept: ignored by git, brought once. */
export const TESTS_ROOT = fileURLToPath(new URL('../../.isolane-wpt', import.meta.url))
const SOURCE_FILE = 'SOURCE.txt'

/** Everything of WPT that is wanted, as folders from its root. */
const WANTED = [...new Set([...SHARED_PATHS, ...AREAS.flatMap((area) => area.paths)])].map((path) => path.replace(/\/$/, ''))

export function testsArePresent(): boolean {
  return existsSync(join(TESTS_ROOT, 'resources/testharness.js'))
}

/** Where the tests came from, for the table: one line per source. */
export function sourceOfTests(): string[] {
  return readFileSync(join(TESTS_ROOT, SOURCE_FILE), 'utf8').trim().split('\n')
}

/**
 * Brings the tests: WPT's own repository where that can be reached, else what Debian's source of Node carries of it.
 *
 * @throws Error that says what was tried
 */
export async function bringTests(say: (line: string) => void): Promise<void> {
  const failures: string[] = []
  for (const bring of [bringFromGit, bringFromDebian]) {
    const folder = mkdtempSync(`${TESTS_ROOT}-`)
    try {
      const source = await bring(folder, WANTED, say)
      writeFileSync(join(folder, SOURCE_FILE), `${source}\n`)
      rmSync(TESTS_ROOT, { recursive: true, force: true })
      renameSync(folder, TESTS_ROOT)
      return
    } catch (error) {
      failures.push(`  ${error instanceof Error ? error.message : error}`)
      say(`${failures.at(-1)}`)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  throw new Error(
    ['Cannot bring the Web Platform Tests. Tried:', ...failures, 'If you have a checkout of them: npm run test:wpt -- --from <folder>'].join('\n'),
  )
}

/** Adds what a checkout (or a part of one) has and the folder here has not. Returns what was added. */
export function addTestsFrom(folder: string): string[] {
  const added = WANTED.filter((path) => existsSync(join(folder, path)) && !existsSync(join(TESTS_ROOT, path)))
  if (added.length === 0) return []
  mkdirSync(TESTS_ROOT, { recursive: true })
  for (const path of added) cpSync(join(folder, path), join(TESTS_ROOT, path), { recursive: true })
  const before = existsSync(join(TESTS_ROOT, SOURCE_FILE)) ? sourceOfTests() : []
  writeFileSync(join(TESTS_ROOT, SOURCE_FILE), [...before, `a checkout given by hand (${added.join(', ')})`, ''].join('\n'))
  return added
}
