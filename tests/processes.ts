import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { vi } from 'vitest'

/** Runs, and is not just waiting to be collected. */
export function isAlive(pid: number): boolean {
  const state = statOf(pid)?.state
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/** A process and everything below it, itself first. */
export function familyOf(pid: number): number[] {
  const parents = new Map(allPids().map((candidate) => [candidate, statOf(candidate)?.parent]))
  const family = [pid]
  for (const member of family) for (const [candidate, parent] of parents) if (parent === member) family.push(candidate)
  return family
}

/** Every living process that has to do with a folder: by its command line, its working directory or its environment. */
export function processesOf(folder: string): number[] {
  return allPids().filter((pid) => pid !== process.pid && isAlive(pid) && tracesOf(pid).some((trace) => trace.includes(folder)))
}

export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim()
}

/** Resolves with how long it took until none of them was left; rejects after `timeoutMs`, naming who is. */
export async function untilGone(find: () => number[], timeoutMs: number): Promise<number> {
  const startedAt = performance.now()
  await vi.waitFor(
    () => {
      const left = find().filter(isAlive)
      if (left.length > 0) throw new Error(`Still there after ${timeoutMs} ms:\n${left.map((pid) => `${pid} ${commandOf(pid)}`).join('\n')}`)
    },
    { timeout: timeoutMs, interval: 20 },
  )
  return performance.now() - startedAt
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function tracesOf(pid: number): string[] {
  return [commandOf(pid), workingDirectory(pid), read(`/proc/${pid}/environ`)]
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  const text = read(`/proc/${pid}/stat`)
  if (text === '') return undefined
  // The command, in brackets, may hold anything.
  const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: state as string, parent: Number(parent) }
}

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}

/** Processes come and go while they are looked at. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
