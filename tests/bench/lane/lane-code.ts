import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LaneView } from '../../../runtime/lane/lane-view.ts'
import type { Submitter } from '../../../runtime/lane/submitter.ts'
import type { WorkerLane } from '../../../runtime/lane/worker-lane.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** The lane's classes, with scripts of their own beside them. */
export interface LaneCode extends Disposable {
  readonly label: string
  readonly Submitter: typeof Submitter
  readonly WorkerLane: typeof WorkerLane
  readonly LaneView: typeof LaneView
}

/** The lane as it is in this checkout. */
export async function currentLane(): Promise<LaneCode> {
  return await load('now', join(ROOT, 'runtime'), () => {})
}

/** The lane as it was at a commit: its classes and its scripts. */
export async function laneAt(commit: string): Promise<LaneCode> {
  return await loadCopy(commit, (folder) => {
    const archive = execFileSync('git', ['-C', ROOT, 'archive', commit, 'runtime'], { maxBuffer: 256 * 1024 * 1024 })
    execFileSync('tar', ['-x', '-C', folder], { input: archive })
  })
}

/** The lane as it is, with `edit` done to the text of each file of its scripts. */
export async function laneWith(label: string, edit: (lua: string) => string): Promise<LaneCode> {
  return await loadCopy(label, (folder) => {
    for (const room of ['lane', 'contract']) cpSync(join(ROOT, 'runtime', room), join(folder, 'runtime', room), { recursive: true })
    const scripts = join(folder, 'runtime/lane/scripts')
    let edited = 0
    for (const name of readdirSync(scripts)) {
      const before = readFileSync(join(scripts, name), 'utf8')
      const after = edit(before)
      if (after !== before) edited++
      writeFileSync(join(scripts, name), after)
    }
    if (edited === 0) throw new Error(`Cannot make the lane "${label}": its edit found nothing to change in the scripts`)
  })
}

async function loadCopy(label: string, fill: (folder: string) => void): Promise<LaneCode> {
  const folder = mkdtempSync(join(tmpdir(), 'isolane-lane-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    mkdirSync(join(folder, 'runtime'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    fill(folder)
    return await load(label, join(folder, 'runtime'), remove)
  } catch (error) {
    remove()
    throw error
  }
}

async function load(label: string, runtime: string, remove: () => void): Promise<LaneCode> {
  const { Submitter } = await import(join(runtime, 'lane/submitter.ts'))
  const { WorkerLane } = await import(join(runtime, 'lane/worker-lane.ts'))
  const { LaneView } = await import(join(runtime, 'lane/lane-view.ts'))
  return { label, Submitter, WorkerLane, LaneView, [Symbol.dispose]: remove }
}
