import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The hard stop behind the memory watch: a control group for each cell, whose memory the kernel keeps below a limit
 * whatever the cell does between two looks, in however many processes. Of version 2 where that holds the memory, else of 1.
 *
 * Not a wall where the groups cannot be written to: as anybody but root, and in most containers, whose own limit stands
 * there instead. RLIMIT_DATA is no substitute: every isolate maps 514 MB of writable code range.
 */
export interface MemoryGroups {
  /** A group with that process in it; it works from some 20 ms later on, and says by `onError` if it does not. */
  create(pid: number, onError: (error: Error) => void): MemoryGroup
}

const PREFIX = 'isolane'
const LIMIT_FILES = ['memory.max', 'memory.limit_in_bytes']

/**
 * Tries it out once; undefined where groups cannot be made. Groups of workers that are no more are removed.
 *
 * A group is used again for the next cell: making and removing one stops half the kernel for up to a tenth of a second.
 */
export function probeMemoryGroups(ownPid: number): MemoryGroups | undefined {
  for (const parent of parents()) {
    const trial = join(parent, `${PREFIX}-${ownPid}-trial`)
    try {
      removeAbandoned(parent)
      mkdirSync(trial)
      const limitFile = LIMIT_FILES.find((name) => existsSync(join(trial, name)))
      if (limitFile === undefined) continue
      writeFileSync(join(trial, limitFile), String(2 ** 30))
      let made = 0
      const free: string[] = []
      return {
        create(pid, onError) {
          const folder = free.pop() ?? join(parent, `${PREFIX}-${ownPid}-${made++}`)
          return new MemoryGroup({ folder, limitFile, pid, onError, onLeft: () => void free.push(folder) })
        },
      }
    } catch {
      // Not here.
    } finally {
      remove(trial)
    }
  }
  return undefined
}

interface MemoryGroupParts {
  readonly folder: string
  readonly limitFile: string
  readonly pid: number
  readonly onError: (error: Error) => void
  readonly onLeft: () => void
}

export class MemoryGroup {
  readonly #limitPath: string
  readonly #onLeft: () => void
  readonly #made: Promise<void>
  #ready = false
  #limitMb = 0

  constructor({ folder, limitFile, pid, onError, onLeft }: MemoryGroupParts) {
    this.#limitPath = join(folder, limitFile)
    this.#onLeft = onLeft
    // Not synchronously: both wait for the whole kernel to take notice, tens of milliseconds on a busy machine.
    this.#made = this.#make(folder, pid).catch(onError)
  }

  /** Whether its process is in it by now. */
  get ready(): boolean {
    return this.#ready
  }

  get limitMb(): number {
    return this.#limitMb
  }

  /** Takes some 20 µs. Below what is used already it has no effect on version 1. */
  set limitMb(mb: number) {
    if (!this.#ready) return
    try {
      writeFileSync(this.#limitPath, String(Math.ceil(mb) * 1_048_576))
      this.#limitMb = mb
    } catch {
      // The group or its process has just gone, or uses more than that: the watch will see it.
    }
  }

  /** Its process has ended. */
  async leave(): Promise<void> {
    await this.#made
    this.#ready = false
    this.#onLeft()
  }

  async #make(folder: string, pid: number): Promise<void> {
    await mkdir(folder, { recursive: true })
    // What is left of the last one's limit could be too small for a cell that starts.
    await writeFile(this.#limitPath, String(2 ** 40))
    await writeFile(join(folder, 'cgroup.procs'), String(pid))
    this.#ready = true
  }
}

/** This process's own groups: new ones below them stay within whatever limits it has itself. Then the top, for processes cannot be beside groups everywhere. */
function parents(): string[] {
  const own = new Map<string, string>()
  for (const line of read('/proc/self/cgroup').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers !== undefined && path !== undefined) own.set(controllers, path)
  }
  const version2 = '/sys/fs/cgroup'
  const version1 = '/sys/fs/cgroup/memory'
  return [join(version2, own.get('') ?? '/'), version2, join(version1, own.get('memory') ?? '/'), version1].filter(
    (folder, i, all) => existsSync(join(folder, 'cgroup.procs')) && all.indexOf(folder) === i,
  )
}

function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = Number(new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1] ?? 0)
    if (pid > 0 && !existsSync(`/proc/${pid}`)) remove(join(parent, name))
  }
}

function remove(folder: string): void {
  try {
    rmdirSync(folder)
  } catch {
    // Never made, or somebody is still in it.
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
