import { z } from 'zod'
import { OUTCOME_KINDS } from './parse-usage-record.ts'

export const GROUPINGS = ['function', 'version', 'day', 'hour', 'trigger', 'outcome'] as const
export type Grouping = (typeof GROUPINGS)[number]

export const RECORD_FORMATS = ['ndjson', 'csv'] as const

export const MAX_RECORD_LIMIT = 1_000_000

const instant = z.int().min(0)

/** Whose usage, and from when: [from, to) by the instant of acceptance, epoch ms. No `to`: up to the newest. */
const span = {
  tenant: z.string(),
  /** Only these functions; absent: all of the tenant's. */
  functions: z.array(z.string()).optional(),
  from: instant,
  to: instant.optional(),
  /** Where this tenant's newest records come from; absent: every lane. */
  lanes: z.array(z.string()).optional(),
}

/** What the gateway asks the ledger for; both sides check with these. */
export const totalsQuerySchema = z.strictObject({ ...span, groupBy: z.enum(GROUPINGS) })
export type TotalsQuery = z.infer<typeof totalsQuerySchema>

/** A place in the order records are listed in: the last one a reader has. */
const cursor = z.strictObject({ acceptedAt: instant, id: z.string(), attempt: z.int().min(0) })
export type Cursor = z.infer<typeof cursor>

export const recordsQuerySchema = z.strictObject({
  ...span,
  function: z.string().optional(),
  version: z.int().optional(),
  outcome: z.enum(OUTCOME_KINDS).optional(),
  id: z.string().optional(),
  after: cursor.optional(),
  limit: z.int().min(1).max(MAX_RECORD_LIMIT),
  format: z.enum(RECORD_FORMATS),
})
export type RecordsQuery = z.infer<typeof recordsQuerySchema>

/** `gbSeconds` and `cpuMs` for reading; `cost` exact, pico-dollars as a decimal string; `costUsd` the same in dollars. */
export interface Sums {
  readonly requests: number
  readonly gbSeconds: number
  readonly cpuMs: number
  readonly cost: string
  readonly costUsd: string
}

/** Each group carries, beside its sums, what it is grouped by (`function`; `function` and `version`; `day` as YYYY-MM-DD; `hour` as ISO; …). */
export interface Totals {
  readonly total: Sums
  readonly groups: readonly (Sums & Readonly<Record<string, string | number>>)[]
}

/** Header of a records answer that stopped at its limit: where the next one goes on. */
export const CURSOR_HEADER = 'isolane-cursor'

export function cursorText(at: Cursor): string {
  return `${at.acceptedAt}.${at.attempt}.${at.id}`
}

/** `undefined` for what `cursorText` cannot have written. */
export function parseCursor(text: string): Cursor | undefined {
  const parts = /^(\d{1,16})\.(\d{1,7})\.([0-9a-f-]{36})$/.exec(text)
  if (!parts?.[1] || !parts[2] || !parts[3] || !Number.isSafeInteger(Number(parts[1]))) return undefined
  return { acceptedAt: Number(parts[1]), attempt: Number(parts[2]), id: parts[3] }
}
