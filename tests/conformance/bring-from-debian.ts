import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { runTool } from './run-tool.ts'

/** The version the expectations were written against comes first, whatever else there is. */
const PREFERRED_VERSION = '24.21.0+dfsg'
const SUITES = ['testing', 'unstable', 'stable'] as const
const TOOL_MS = 120_000
const DOWNLOAD_MS = 300_000
const FIXTURES = 'test/fixtures/wpt'

interface SourceFile {
  readonly url: string
  readonly version: string
  readonly sha256: string
}

/**
 * Node's source carries a part of WPT as fixtures, and Debian carries Node's source: from whatever mirror this machine's
 * apt uses. Needs apt-get, xz and tar. Returns its name for the table.
 */
export async function bringFromDebian(folder: string, paths: readonly string[], say: (line: string) => void): Promise<string> {
  say("Trying Node's source in the Debian mirror of this machine")
  const work = mkdtempSync(join(tmpdir(), 'isolane-wpt-'))
  try {
    const candidates = await nodeSources(await debianMirror(), work)
    for (const candidate of candidates) {
      const archive = await download(candidate)
      if (archive === undefined) continue
      say(`Unpacking ${basename(candidate.url)}`)
      const tarball = join(work, 'node.tar.xz')
      writeFileSync(tarball, archive)
      await runTool('tar', ['-xJf', tarball, '-C', work, '--wildcards', '--strip-components=1', `*/${FIXTURES}`], TOOL_MS)
      for (const path of paths) copyIfThere(join(work, FIXTURES, path), join(folder, path))
      return `the fixtures of Node ${candidate.version} (Debian's source package nodejs)`
    }
    throw new Error(`none of the ${candidates.length} versions of the source package nodejs in the mirror's index can be downloaded`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function debianMirror(): Promise<string> {
  const lines = await runTool('apt-get', ['indextargets', '--format', '$(ORIGIN) $(REPO_URI)', 'Created-By: Packages'], TOOL_MS)
  const mirror = lines.split('\n').find((line) => line.startsWith('Debian ') && !line.includes('security'))
  if (mirror === undefined) throw new Error("this machine's apt has no Debian mirror")
  return mirror.slice('Debian '.length).replace(/\/$/, '')
}

/** Source archives of Node by the mirror's indexes: the preferred version first, then newest suites first. */
async function nodeSources(mirror: string, work: string): Promise<SourceFile[]> {
  const found: SourceFile[] = []
  for (const suite of SUITES) {
    const response = await fetch(`${mirror}/dists/${suite}/main/source/Sources.xz`, { signal: AbortSignal.timeout(DOWNLOAD_MS) })
    if (!response.ok) continue
    const file = join(work, `${suite}.xz`)
    writeFileSync(file, new Uint8Array(await response.arrayBuffer()))
    found.push(...readSources(await runTool('xz', ['-dc', file], TOOL_MS), mirror))
    if (found.some(({ version }) => version.startsWith(PREFERRED_VERSION))) break
  }
  return found.sort((a, b) => Number(b.version.startsWith(PREFERRED_VERSION)) - Number(a.version.startsWith(PREFERRED_VERSION)))
}

/** Reads the paragraphs of a Sources index: `nodejs`, its folder, and the SHA-256 of its main archive. */
export function readSources(index: string, mirror: string): SourceFile[] {
  return index
    .split('\n\n')
    .filter((paragraph) => /^Package: nodejs$/m.test(paragraph))
    .flatMap((paragraph) => {
      const folder = /^Directory: (.+)$/m.exec(paragraph)?.[1]
      const version = /^Version: (.+)$/m.exec(paragraph)?.[1]
      const [, sha256, name] = /^ ([0-9a-f]{64}) \d+ (nodejs_\S+\.orig\.tar\.xz)$/m.exec(paragraph) ?? []
      return folder && version && sha256 && name ? [{ url: `${mirror}/${folder}/${name}`, version, sha256 }] : []
    })
}

/** The archive, or undefined when the mirror has it in its index only. */
async function download({ url, sha256 }: SourceFile): Promise<Uint8Array | undefined> {
  const response = await fetch(encodeURI(url).replaceAll('+', '%2B'), { signal: AbortSignal.timeout(DOWNLOAD_MS) })
  if (!response.ok) return undefined
  const bytes = new Uint8Array(await response.arrayBuffer())
  const actual = createHash('sha256').update(bytes).digest('hex')
  if (actual !== sha256) throw new Error(`${basename(url)} has the SHA-256 ${actual}, the index says ${sha256}`)
  return bytes
}

function copyIfThere(from: string, to: string): void {
  if (existsSync(from)) cpSync(from, to, { recursive: true })
}
