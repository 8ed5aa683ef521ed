/** What a lane is made of, as the model has it. */
export type Class = 's' | 'a'

/** A submission, as scheduling and billing see it. */
export interface Head {
  /** As gateways write it (scripts/lane.lua). */
  readonly text: string
  readonly key: string
  readonly id: string
  readonly attempt: number
  readonly fn: string
  readonly versionId: string
  readonly mb: number
  readonly gateway: string
  readonly deadlineMs: number
  readonly maxWaitMs: number
  readonly trigger: string
  readonly idem: string
  readonly class: Class
}

export interface Job extends Head {
  readonly share: number
  readonly acceptedAt: number
  readonly cost: number
  readonly payload: string
}

export interface Lease extends Head {
  readonly share: number
  readonly acceptedAt: number
  readonly startedAt: number
  readonly cost: number
}

export interface Worker {
  readonly id: string
  epoch: string
  capacity: number
  mb: number
  cpu: number
  running: number
  state: 'r' | 'd'
  beat: number
}

/** Of a tenant and class. */
export interface Flow {
  readonly key: string
  readonly class: Class
  readonly tenant: Tenant
  tag: number
  v: number
  queued: number
  work: number
  /** How many of its functions could start one. */
  filed: number
}

export interface Tenant {
  readonly name: string
  rev: number
  weight: number
  moved: string
  paused: number
  mb: number
  cpu: number
  running: number
  kept: number
  bytes: number
  readonly s: Flow
  readonly a: Flow
}

/** Of a function and class. */
export interface Line {
  queued: number
  tag: number
  filed: boolean
}

export interface Fn {
  readonly key: string
  readonly tenant: string
  rev: number
  cap: number
  running: number
  struck: number
  boxed: number
  readonly s: Line
  readonly a: Line
}

/** What a line remembers of a job. */
export interface Entry {
  readonly text: string
  readonly key: string
  readonly acceptedAt: number
  readonly limitMs: number
  readonly deadlineMs: number
  readonly mb: number
  readonly versionId: string
  readonly trigger: string
}

/** What stands under an idempotency key. */
export interface Idem {
  readonly print: string
  readonly key: string
  readonly from: string
  state: 'run' | 'done' | 'large'
  kind?: string
  answer?: string
  joined?: string
}

export interface Stream {
  entries: { readonly id: string; readonly fields: readonly string[] }[]
  lastMs: number
  lastSeq: number
}

/** What one verb has found out about a version, and what it writes of it (false: takes out). */
export interface Version {
  readonly id: string
  readonly resident: Map<string, number>
  readonly leased: Map<string, number>
  n: number
  cpu: number
  wait: number
  run: number
  readonly write: Map<string, string | false>
  changed: boolean
}
