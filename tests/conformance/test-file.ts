import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import type { Area } from './areas.ts'

/** One test file of WPT in one of its variants. */
export interface TestFile {
  /** From WPT's root, with the variant's query: `url/url-constructor.any.js?include=file`. */
  readonly id: string
  readonly path: string
  /** `?…`, or empty. */
  readonly query: string
  /** Scripts to run before it, from WPT's root. */
  readonly scripts: readonly string[]
  /** Why its own name or META says that it is not for us; undefined when it says nothing of the kind. */
  readonly notForUs: string | undefined
}

/** The test files of an area below `root`, by name; none when the source of tests has none. */
export function testFilesOf(root: string, area: Area): TestFile[] {
  return area.paths
    .flatMap((path) => anyFilesBelow(root, path))
    .flatMap((path) => variantsOf(path, readFileSync(posix.join(root, path), 'utf8')))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

function anyFilesBelow(root: string, folder: string): string[] {
  try {
    return readdirSync(posix.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.any.js'))
      .map((file) => posix.join(folder, file))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Reads the `// META: key=value` lines at the head of a test. */
export function variantsOf(path: string, source: string): TestFile[] {
  const metas = [...source.matchAll(/^\/\/ META: (\w+)=(.*?)\s*$/gm)].map(([, key, value]) => ({ key, value: value as string }))
  const values = (wanted: string) => metas.filter(({ key }) => key === wanted).map(({ value }) => value)
  const scripts = values('script').map((script) => (script.startsWith('/') ? script.slice(1) : posix.join(posix.dirname(path), script)))
  const notForUs = reasonInName(path) ?? reasonInGlobals(values('global'))
  const variants = values('variant')
  return (variants.length === 0 ? [''] : variants).map((query) => ({ id: `${path}${query}`, path, query, scripts, notForUs }))
}

function reasonInName(path: string): string | undefined {
  const name = posix.basename(path)
  if (name.startsWith('idlharness'))
    return 'checks the shape of interfaces against their IDL text, with a parser that not every source of the tests carries'
  if (name.includes('.tentative.')) return 'tests a proposal, not a standard'
  if (name.includes('.sub.')) return 'needs the WPT server, which fills it in'
  if (name.includes('.h2.')) return 'needs the WPT server with HTTP/2'
  return undefined
}

function reasonInGlobals(globals: readonly string[]): string | undefined {
  if (globals.length === 0) return undefined
  const names = globals.flatMap((list) => list.split(','))
  return names.some((name) => name === 'worker' || name.endsWith('dedicatedworker'))
    ? undefined
    : `its META says that it is for ${names.join(', ')} only`
}
