import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { commandOf, familyOf, isAlive } from '../processes.ts'

const LOOK_EVERY_MS = 250

/** Remembers every process that ever was below this one: who outlives its parent is found by it. */
export class Kin {
  /** By number and birth, since numbers are given out again. */
  readonly #seen = new Map<string, { pid: number; command: string }>()
  readonly #stop = new AbortController()
  readonly #looking: Promise<void>

  constructor() {
    this.#looking = this.#look()
  }

  /** Those that live and have lost their way to this process. */
  orphans(): string[] {
    const family = new Set(familyOf(process.pid))
    return this.#living().flatMap(({ pid, command }) => (family.has(pid) ? [] : [`${pid} ${command}`]))
  }

  /** Those that live. */
  survivors(): string[] {
    return this.#living().map(({ pid, command }) => `${pid} ${command}`)
  }

  /** SIGKILL to every one of them. */
  end(): void {
    for (const { pid } of this.#living()) process.kill(pid, 'SIGKILL')
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#looking
  }

  #living(): { pid: number; command: string }[] {
    return [...this.#seen].flatMap(([key, kin]) => (isAlive(kin.pid) && keyOf(kin.pid) === key ? [kin] : []))
  }

  async #look(): Promise<void> {
    for (; !this.#stop.signal.aborted; await pause(LOOK_EVERY_MS)) {
      for (const pid of familyOf(process.pid).slice(1)) {
        const key = keyOf(pid)
        if (key !== undefined && !this.#seen.has(key)) this.#seen.set(key, { pid, command: commandOf(pid).slice(0, 200) })
      }
    }
  }
}

/** Its number and when it was born, in ticks since the machine was; undefined: it has gone. */
function keyOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`
  } catch {
    return undefined
  }
}
