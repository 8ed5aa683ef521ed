import { type DrawnItem, VERSIONS } from './drawn-verbs.ts'
import type { Head } from './lane-shapes.ts'
import type { Settlement } from './model-workers.ts'

/** What a worker runs that the lane has never heard of, or has forgotten. */
export const FORGOTTEN: DrawnItem = {
  fn: 'acme/a',
  version: VERSIONS[0],
  mb: 64,
  trigger: 'rpc',
  bytes: 1,
  maxWaitMs: 60_000,
  deadlineMs: 60_000,
  idem: 0,
  print: 1,
  fresh: false,
}

export interface HeadParts {
  readonly id: string
  readonly attempt: number
  readonly fn: string
  readonly version: string
  readonly mb: number
  readonly gateway: string
  readonly deadlineMs: number
  readonly maxWaitMs: number
  readonly trigger: string
  readonly idem: string
}

export function headOf({ id, attempt, fn, version, mb, gateway, deadlineMs, maxWaitMs, trigger, idem }: HeadParts): Head {
  const text = [id, attempt, fn, 1, version, mb, gateway, deadlineMs, maxWaitMs, trigger, 10, mb, 1, idem].join('|')
  const cls = trigger === 'async' || trigger === 'schedule' ? 'a' : 's'
  return { text, key: `${id}/${attempt}`, id, attempt, fn, versionId: version, mb, gateway, deadlineMs, maxWaitMs, trigger, idem, class: cls }
}

export function settlementOf(key: string, worker: string, stats: { cpuMs: number; waitMs: number; mark: '' | '1' | 'n' }): Settlement {
  return { key, runMs: 1, frame: `reply to ${key}`, record: `${key} settled by ${worker}`, ...stats }
}

export function statsOf({ cpuMs, waitMs, runMs, mark }: Settlement): string {
  return `${cpuMs}|${waitMs}|${runMs}|${mark}`
}
