import { isInvocationId } from '../../runtime/contract/invocation.ts'
import { isName, NAME_RULE } from '../../runtime/contract/names.ts'
import { OUTCOME_KINDS } from '../billing/parse-usage-record.ts'
import { type Cursor, GROUPINGS, MAX_RECORD_LIMIT, parseCursor, RECORD_FORMATS, type RecordsQuery, type TotalsQuery } from '../billing/usage-query.ts'
import { Problem } from '../problem.ts'
import type { Caller } from './caller.ts'
import { refuseUnknownQuery } from './unknown-query.ts'

const DAY_MS = 86_400_000
/** `from` when it is not given. */
const DEFAULT_SPAN_MS = 30 * DAY_MS
const DEFAULT_RECORD_LIMIT = 10_000
/** The last instant a Date can name. */
const MAX_EPOCH_MS = 8_640_000_000_000_000

/** GET /v1/usage: from, to, groupBy (default function). */
export function readTotalsQuery(params: URLSearchParams, caller: Caller, now: number): TotalsQuery {
  refuseUnknownQuery(params, ['from', 'to', 'groupBy'])
  return { ...whose(caller), ...readSpan(params, lastDays(now)), groupBy: oneOf(params, 'groupBy', GROUPINGS) ?? 'function' }
}

/** GET /v1/usage/records: from, to, function, version, outcome, id, limit (default 10 000), cursor, format (default ndjson). */
export function readRecordsQuery(params: URLSearchParams, caller: Caller, now: number): RecordsQuery {
  refuseUnknownQuery(params, ['from', 'to', 'function', 'version', 'outcome', 'id', 'limit', 'cursor', 'format'])
  const id = checked(params, 'id', (text) => (isInvocationId(text) ? text : undefined), 'an invocation id (a UUID)')
  const name = checked(params, 'function', (text) => (isName(text) ? text : undefined), NAME_RULE)
  const version = integer(params, 'version', 1, 2 ** 31)
  const outcome = oneOf(params, 'outcome', OUTCOME_KINDS)
  const after: Cursor | undefined = checked(params, 'cursor', parseCursor, 'the Isolane-Cursor of an earlier answer')
  return {
    ...whose(caller),
    ...readSpan(params, id === undefined ? lastDays(now) : () => 0),
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { function: name }),
    ...(version === undefined ? {} : { version }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(after === undefined ? {} : { after }),
    limit: integer(params, 'limit', 1, MAX_RECORD_LIMIT) ?? DEFAULT_RECORD_LIMIT,
    format: oneOf(params, 'format', RECORD_FORMATS) ?? 'ndjson',
  }
}

function whose(caller: Caller): { tenant: string; functions?: string[] } {
  return { tenant: caller.tenant, ...(caller.functions === undefined ? {} : { functions: [...caller.functions] }) }
}

function readSpan(params: URLSearchParams, defaultFrom: (to: number | undefined) => number): { from: number; to?: number } {
  const allowed = 'an ISO date or time such as 2026-01-31 or 2026-01-31T12:00:00Z, or milliseconds since 1970'
  const to = checked(params, 'to', instant, allowed)
  const from = checked(params, 'from', instant, allowed) ?? defaultFrom(to)
  if (to !== undefined && to < from) throw refusal('to', params.get('to'), `an instant not before from (${new Date(from).toISOString()})`)
  return to === undefined ? { from } : { from, to }
}

/** The month up to `to`, or up to now. */
function lastDays(now: number): (to: number | undefined) => number {
  return (to) => Math.max(0, Math.min(to ?? now, now) - DEFAULT_SPAN_MS)
}

/** A time without a zone is taken as UTC. */
function instant(text: string): number | undefined {
  if (/^\d{1,16}$/.test(text)) return Number(text) <= MAX_EPOCH_MS ? Number(text) : undefined
  const parts = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+ -]\d{2}:\d{2})?)?$/.exec(text)
  if (!parts) return undefined
  const [, date, time = '00:00', zone = 'Z'] = parts
  // A "+" in a query string arrives as a space unless it was encoded.
  const epochMs = Date.parse(`${date}T${time}${zone.replace(' ', '+')}`)
  return epochMs >= 0 ? epochMs : undefined
}

function integer(params: URLSearchParams, field: string, min: number, max: number): number | undefined {
  const parse = (text: string) => (/^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined)
  return checked(params, field, parse, `an integer from ${min} to ${max}`)
}

function oneOf<const T extends string>(params: URLSearchParams, field: string, allowed: readonly T[]): T | undefined {
  return checked(params, field, (text) => allowed.find((value) => value === text), allowed.join(', '))
}

/** `undefined` when the parameter is absent; a refusal when it is there and `parse` knows no value for it. */
function checked<T>(params: URLSearchParams, field: string, parse: (text: string) => T | undefined, allowed: string): T | undefined {
  const given = params.getAll(field)
  if (given.length === 0) return undefined
  const value = given.length === 1 ? parse(given[0] as string) : undefined
  if (value === undefined) throw refusal(field, given.join('&'), allowed)
  return value
}

function refusal(field: string, value: string | null, allowed: string): Problem {
  const detail = `Cannot read ${field}: wanted ${allowed}, got ${JSON.stringify(value)}`
  return new Problem({ status: 400, code: 'bad_query', detail, extra: { field, value, allowed } })
}
