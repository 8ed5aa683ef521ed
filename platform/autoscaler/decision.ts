import type { Terms } from './need.ts'

/** What held a decision back from what the terms alone would have said. */
export type Limit = 'min' | 'max' | 'hold-down' | 'step-down' | 'step-pause' | 'tolerance' | 'work-waits'

export interface Decision {
  /** On the lane's clock. */
  readonly at: number
  /** Workers there shall be, ready or starting. */
  readonly target: number
  readonly start: number
  readonly drain: number
  readonly terms: { readonly memory: Terms; readonly cpu: Terms }
  readonly limits: readonly Limit[]
  /** One sentence for people. */
  readonly reason: string
}
