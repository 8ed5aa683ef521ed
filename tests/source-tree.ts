import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** One import as it is written. */
export interface Import {
  /** Path of the importing file from the root. */
  readonly from: string
  readonly specifier: string
  /** Path of the imported file from the root; undefined for a package. */
  readonly to: string | undefined
  /** `import type`: gone before the program runs. */
  readonly typeOnly: boolean
}

/** Paths of all TypeScript files in these folders, from the root. */
export function sourceFiles(...folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) => readdirSync(posix.join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => posix.join(folder, file)))
    .filter((file) => file.endsWith('.ts'))
    .sort()
}

export function isFile(path: string): boolean {
  return existsSync(posix.join(ROOT, path))
}

export function readImports(file: string): Import[] {
  return parseImports(file, readFileSync(posix.join(ROOT, file), 'utf8'))
}

const STATEMENT = /^(?:import|export)\s+(?:(type\s)?[^'"`;]*?\sfrom\s+)?'([^']+)'/gm
const CALL = /\bimport\(\s*['"]([^'"]+)['"]/g

/** `import … from`, `export … from`, `import '…'` and `import('…')`, in the quotes the formatter leaves. */
export function parseImports(file: string, source: string): Import[] {
  const found: Import[] = []
  const add = (specifier: string, typeOnly: boolean): void => {
    const to = specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : undefined
    found.push({ from: file, specifier, to, typeOnly })
  }
  for (const [, type, specifier] of source.matchAll(STATEMENT)) add(specifier as string, type !== undefined)
  for (const [, specifier] of source.matchAll(CALL)) add(specifier as string, false)
  return found
}

/** The first ring of files that import each other for more than their types; undefined when there is none. */
export function findCycle(imports: readonly Import[]): string[] | undefined {
  const next = new Map<string, string[]>()
  for (const { from, to, typeOnly } of imports) {
    if (to !== undefined && !typeOnly) next.set(from, [...(next.get(from) ?? []), to])
  }
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): string[] | undefined => {
    const at = path.indexOf(file)
    if (at >= 0) return [...path.slice(at), file]
    if (done.has(file)) return undefined
    path.push(file)
    for (const target of next.get(file) ?? []) {
      const cycle = visit(target)
      if (cycle !== undefined) return cycle
    }
    path.pop()
    done.add(file)
    return undefined
  }
  for (const file of next.keys()) {
    const cycle = visit(file)
    if (cycle !== undefined) return cycle
  }
  return undefined
}

/** Everything that one file's program consists of: the imports reached from it, types not counted. */
export function programOf(entry: string, imports: readonly Import[]): Import[] {
  const reached = new Set([entry])
  const program: Import[] = []
  for (const file of reached) {
    for (const found of imports) {
      if (found.from !== file || found.typeOnly) continue
      program.push(found)
      if (found.to !== undefined) reached.add(found.to)
    }
  }
  return program
}
