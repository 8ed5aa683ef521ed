import { MAX_INVOKE_DEPTH } from './data.ts'
import { isVersionId } from './function-version.ts'
import { asInteger, asName, asObject, asString, ContractError } from './parse.ts'

export const TRIGGERS = ['http', 'rpc', 'async', 'schedule', 'loadtest', 'deploy', 'invoke'] as const
export type Trigger = (typeof TRIGGERS)[number]

/** Which door the event came through; the prelude shapes the handler's arguments and its reply by it. */
export const DOORS = ['url', 'rpc', 'scheduled'] as const
export type Door = (typeof DOORS)[number]

export function isDoor(value: unknown): value is Door {
  return (DOORS as readonly unknown[]).includes(value)
}

/**
 * One request to run one version, as gateway and worker speak of it. The event itself (head as text, body as
 * bytes) travels beside it and is opened by nobody but the isolate.
 */
export interface Invocation {
  /** UUIDv7. */
  readonly id: string
  /** 1 for the first try. */
  readonly attempt: number
  readonly tenant: string
  readonly name: string
  readonly version: number
  readonly versionId: string
  readonly trigger: Trigger
  readonly door: Door
  /** Who waits for it: where a worker finds its request's bytes, and brings its reply (contract/data.ts). */
  readonly gateway: string
  /** How many functions called each other to come here; 0: called from outside. */
  readonly depth: number
  /** Revision of the function's secrets when it was accepted (secrets.ts): it sees these or newer ones. Absent: it never had any. */
  readonly secrets?: number
}

const GATEWAY_ID = /^[a-z][a-z0-9-]{0,62}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function isInvocationId(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value)
}

export function parseInvocation(value: unknown): Invocation {
  const record = asObject(value, 'invocation')
  if (!isInvocationId(record.id)) throw new ContractError('id', record.id, 'a UUID')
  if (!isVersionId(record.versionId)) throw new ContractError('versionId', record.versionId, '16 to 64 hex digits')
  const trigger = asString(record.trigger, 'trigger') as Trigger
  if (!TRIGGERS.includes(trigger)) throw new ContractError('trigger', trigger, TRIGGERS.join(', '))
  if (!isDoor(record.door)) throw new ContractError('door', record.door, DOORS.join(', '))
  if (typeof record.gateway !== 'string' || !GATEWAY_ID.test(record.gateway))
    throw new ContractError('gateway', record.gateway, 'a letter and up to 62 of a-z, 0-9 and "-"')
  return {
    id: record.id,
    attempt: asInteger(record.attempt, 'attempt', 1, 1_000_000),
    tenant: asName(record.tenant, 'tenant'),
    name: asName(record.name, 'name'),
    version: asInteger(record.version, 'version', 1, 2 ** 31),
    versionId: record.versionId,
    trigger,
    door: record.door,
    gateway: record.gateway,
    depth: asInteger(record.depth, 'depth', 0, MAX_INVOKE_DEPTH),
    ...(record.secrets === undefined ? {} : { secrets: asInteger(record.secrets, 'secrets', 1, 2 ** 53) }),
  }
}
