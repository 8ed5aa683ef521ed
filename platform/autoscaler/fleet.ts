/** `starting`: not (or just now not) seen taking work. `draining`: gets no new work, may come back. `ending`: told to leave. */
export type MemberState = 'starting' | 'ready' | 'draining' | 'ending'

export interface FleetMember {
  readonly id: string
  /** `undefined` while it waits to be started again after a failure. */
  readonly pid: number | undefined
  readonly state: MemberState
}

/**
 * Where workers come from. Numbers are the law's business, processes are the fleet's: it replaces a member that dies
 * unasked by itself, and says so.
 */
export interface Fleet {
  members(): readonly FleetMember[]
  /** Whether this fleet ever started a worker of that id: one it owns but no longer lists is dead. */
  owns(id: string): boolean
  start(count: number): void
  /** These workers take work now, as the lane sees it; called every tick. */
  seen(readyIds: ReadonlySet<string>): void
  /** Marks a ready member as draining, and back. */
  drain(id: string): void
  undrain(id: string): void
  /** Tells a member to finish what it runs and leave. There is no way back. */
  end(id: string): void
  /** Ends all, waits until the last is gone. */
  stop(): Promise<void>
}
