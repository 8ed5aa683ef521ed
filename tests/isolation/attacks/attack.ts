/** One hostile idea. */
export interface Attack {
  /** Says what it tries; the name of its test. */
  readonly idea: string
  /** The module it uploads. `$NOW` in it becomes the time of the upload, in ms. */
  readonly source: string
  /** Settings of the upload, as its query; absent: `SMALL`. */
  readonly settings?: string
  /** Events of its calls, one after the other; the last one is judged. Absent: one call. Empty: the upload is the attack. */
  readonly calls?: readonly unknown[]
  /** What may come of it: exactly this, or anything that starts with these words. */
  readonly may: readonly string[]
  /** How far it may reach: its own sandbox, or the whole cell (its tenant's process) with what waits in there. */
  readonly radius: 'sandbox' | 'cell'
  /** Sandboxes it opens by calling itself, besides its own: each takes memory while it is warm. */
  readonly sandboxes?: number
  /** A weakness that is known and stated, not hidden. */
  readonly weakness?: string
}

export interface Subject {
  readonly title: string
  readonly attacks: readonly Attack[]
}

/** 109 ms of CPU (3 s of 64 MB's share of a core), and wall time enough to burn them on a crowded machine. */
export const SMALL = 'memoryMb=64&timeoutMs=3000'
/** 434 ms of CPU: mostly enough to reach a memory limit first. */
export const ROOMY = 'memoryMb=64&timeoutMs=12000'
/** Ends by the clock on the wall soon. */
export const BRIEF = 'memoryMb=64&timeoutMs=400'

export const CPU = 'exceeded cpu'
export const WALL = 'exceeded wall'
export const MEMORY = 'exceeded memory'
export const OUTPUT = 'exceeded output'
/** The head of its reply was out already: all that is left is to close the connection. */
export const CUT_OFF = 'cut off'

export const returned = (value: unknown): string => `returned ${JSON.stringify(value)}`
export const threw = (name: string): string => `threw ${name}`
export const refused = (why: string): string => `refused ${why}`

/** A module whose handler has this body. */
export const sync = (body: string): string => `export default (event, ctx) => { ${body} }`
export const asynchronous = (body: string): string => `export default async (event, ctx) => { ${body} }`
/** A handler that never answers by itself. */
export const pending = (body: string): string => sync(`return new Promise((resolve) => { ${body} })`)
/** Answers what each of these expressions comes to: its value, or the name of the error it throws. */
export const reveal = (...expressions: readonly string[]): string =>
  asynchronous(`return [${expressions.map((expression) => `await tried(async () => (${expression}))`).join(', ')}]`).concat(
    `\nasync function tried(run) { try { const value = await run(); return value === undefined ? 'undefined' : typeof value === 'function' ? 'a function' : value } catch (error) { return error?.name ?? String(error) } }`,
  )
