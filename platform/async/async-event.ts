import { MAX_INVOKE_DEPTH } from '../../runtime/contract/data.ts'
import { DOORS, isInvocationId } from '../../runtime/contract/invocation.ts'
import { asInteger, asName, asObject, asString, ContractError } from '../../runtime/contract/parse.ts'
import type { NewEvent } from '../invocations/invoke.ts'

/** The bytes of one event, head aside. */
export const MAX_EVENT_BYTES = 256 * 1024

export type AsyncTrigger = 'async' | 'schedule'

/** An event that is to outlive whoever sent it. */
export interface NewAsyncEvent {
  /**
   * Its invocation's: a UUID, best a v7. Accepting one a second time changes nothing, so an id that is derived from what
   * caused it (derived-id.ts) makes one event of it.
   */
  readonly id: string
  readonly tenant: string
  /** Of the function. */
  readonly name: string
  /** A version or an alias, looked up for each attempt. Absent: `live`. */
  readonly qualifier?: string
  readonly trigger: AsyncTrigger
  readonly event: NewEvent
  /** At most MAX_EVENT_BYTES. */
  readonly body: Buffer
  /** How many functions stand behind it. Default 0: it came from outside. */
  readonly depth?: number
  /** Where the result is sent when it is over: an http: or https: URL. */
  readonly callback?: string
  /** Name of the schedule that fired it. */
  readonly schedule?: string
}

/** An accepted event, as the store keeps it; its bytes lie beside it. */
export interface AsyncEvent extends Omit<NewAsyncEvent, 'body'> {
  readonly depth: number
  readonly bodyBytes: number
  /** Milliseconds since 1970. */
  readonly acceptedAt: number
}

export function toAsyncEvent({ body, depth = 0, ...rest }: NewAsyncEvent, acceptedAt: number): AsyncEvent {
  return { ...rest, depth, bodyBytes: body.length, acceptedAt }
}

/** Reads an event as the store has it. */
export function parseAsyncEvent(value: unknown): AsyncEvent {
  const record = asObject(value, 'event')
  if (!isInvocationId(record.id)) throw new ContractError('id', record.id, 'a UUID')
  const { trigger } = record
  if (trigger !== 'async' && trigger !== 'schedule') throw new ContractError('trigger', trigger, '"async" or "schedule"')
  return {
    id: record.id,
    tenant: asName(record.tenant, 'tenant'),
    name: asName(record.name, 'name'),
    ...optionalText(record, 'qualifier'),
    trigger,
    event: parseEvent(record.event),
    depth: asInteger(record.depth, 'depth', 0, MAX_INVOKE_DEPTH),
    ...optionalText(record, 'callback'),
    ...optionalText(record, 'schedule'),
    bodyBytes: asInteger(record.bodyBytes, 'bodyBytes', 0, MAX_EVENT_BYTES),
    acceptedAt: asInteger(record.acceptedAt, 'acceptedAt', 0, 2 ** 53),
  }
}

function parseEvent(value: unknown): NewEvent {
  const event = asObject(value, 'event.event')
  switch (event.door) {
    case 'rpc':
      return { door: 'rpc', headers: parseHeaders(event.headers) }
    case 'url':
      return { door: 'url', method: asString(event.method, 'method'), url: asString(event.url, 'url'), headers: parseHeaders(event.headers) }
    case 'scheduled':
      return {
        door: 'scheduled',
        schedule: asString(event.schedule, 'event.schedule'),
        ...optionalText(event, 'cron'),
        ...optionalText(event, 'every'),
        scheduledTime: asInteger(event.scheduledTime, 'scheduledTime', 0, 2 ** 53),
      }
    default:
      throw new ContractError('door', event.door, DOORS.join(', '))
  }
}

function parseHeaders(value: unknown): [string, string][] {
  if (!Array.isArray(value)) throw new ContractError('headers', value, 'a list of pairs')
  return value.map((pair: unknown) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw new ContractError('headers', pair, 'a name and a value')
    return [asString(pair[0], 'header name'), asString(pair[1], 'header value')]
  })
}

function optionalText<K extends string>(record: Record<string, unknown>, field: K): { [k in K]?: string } {
  return record[field] === undefined ? {} : ({ [field]: asString(record[field], field) } as { [k in K]: string })
}
