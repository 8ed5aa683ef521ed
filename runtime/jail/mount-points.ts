import { realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Where the file systems are mounted that hold these paths, the root's own aside; each once, outer ones first. */
export function mountPointsBelowRoot(paths: readonly string[]): string[] {
  const root = statSync('/').dev
  const points = new Set<string>()
  for (const path of paths) {
    let at = realpathSync(path)
    const { dev } = statSync(at)
    if (dev === root) continue
    // Up to the last directory that is still on it.
    while (statSync(dirname(at)).dev === dev) at = dirname(at)
    points.add(at)
  }
  return [...points].sort((a, b) => a.length - b.length)
}
