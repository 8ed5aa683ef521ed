import { isName, NAME_RULE } from '../../runtime/contract/names.ts'
import { ScheduleError } from './schedule-error.ts'
import { parseTiming, type ScheduleTiming } from './schedule-timing.ts'

export const MAX_SCHEDULES_PER_TENANT = 1_000
export const MAX_INPUT_BYTES = 8 * 1024

/** What its owner says of a schedule. */
export interface ScheduleSettings {
  readonly function: string
  /** A version or an alias, looked up whenever it runs. Absent: `live`. */
  readonly qualifier?: string
  readonly timing: ScheduleTiming
  /** `false`: it is kept, and fires no more. */
  readonly enabled: boolean
  /** What the function finds in `event.input`. Absent: null. */
  readonly input?: unknown
}

/** A schedule as the store keeps it. */
export interface Schedule extends ScheduleSettings {
  /** Not its name: another schedule that gets the name later is another schedule. */
  readonly id: string
  readonly tenant: string
  readonly name: string
  /** Milliseconds since 1970: from when on it counts. When its timing was set, or when it was last enabled. */
  readonly anchorAt: number
  readonly createdAt: number
  readonly updatedAt: number
}

const FIELDS = ['function', 'qualifier', 'cron', 'every', 'timeZone', 'enabled', 'input'] as const
const QUALIFIER = /^(?:[a-z][a-z0-9-]{0,62}|[1-9]\d{0,9})$/

type Body = Readonly<Record<string, unknown>>

/** A field that is not one of a schedule's. */
export function unknownField(body: Body): { readonly field: string; readonly allowed: readonly string[] } | undefined {
  const field = Object.keys(body).find((name) => !(FIELDS as readonly string[]).includes(name))
  return field === undefined ? undefined : { field, allowed: FIELDS }
}

/** A new schedule's settings. @throws ScheduleError */
export function parseSchedule(body: Body): ScheduleSettings {
  if (!isName(body.function)) throw new ScheduleError('function', `a function's name: ${NAME_RULE}`, body.function)
  return {
    function: body.function,
    ...orNothing('qualifier', parseQualifier(body.qualifier)),
    timing: parseTiming(body.cron ?? undefined, body.every ?? undefined, body.timeZone ?? undefined),
    enabled: parseEnabled(body.enabled ?? true),
    ...orNothing('input', parseInput(body.input)),
  }
}

/**
 * The settings with what `body` has; `null` takes a field back to its default. Naming `cron` or `every` takes the place of the other.
 *
 * @throws ScheduleError
 */
export function changeSchedule(settings: ScheduleSettings, body: Body): ScheduleSettings {
  const { timing } = settings
  const timed = { ...('every' in timing ? { every: timing.every } : timing), ...of(body, 'timeZone') }
  if (isGiven(body.every)) Reflect.deleteProperty(timed, 'cron')
  if (isGiven(body.every) && !('timeZone' in body)) Reflect.deleteProperty(timed, 'timeZone')
  if (isGiven(body.cron)) Reflect.deleteProperty(timed, 'every')
  const before = {
    function: settings.function,
    qualifier: settings.qualifier,
    enabled: settings.enabled,
    input: settings.input,
  }
  return parseSchedule({ ...before, ...timed, ...body })
}

export function isSameTiming(a: ScheduleTiming, b: ScheduleTiming): boolean {
  if ('every' in a || 'every' in b) return 'every' in a && 'every' in b && a.every === b.every
  return a.cron === b.cron && a.timeZone === b.timeZone
}

function parseQualifier(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string' || !QUALIFIER.test(value))
    throw new ScheduleError('qualifier', 'the number of a version or the name of an alias, as a text', value)
  return value
}

function parseEnabled(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new ScheduleError('enabled', 'true or false', value)
  return value
}

function parseInput(value: unknown): unknown {
  if (value === undefined || value === null) return undefined
  const bytes = Buffer.byteLength(JSON.stringify(value))
  if (bytes > MAX_INPUT_BYTES) throw new ScheduleError('input', `JSON of at most ${MAX_INPUT_BYTES} bytes`, `${bytes} bytes`)
  return value
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

function of(body: Body, field: string): Body {
  return field in body ? { [field]: body[field] } : {}
}

function orNothing<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: V }
}
