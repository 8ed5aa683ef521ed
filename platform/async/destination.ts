import { MAX_INVOKE_DEPTH } from '../../runtime/contract/data.ts'
import { MAX_EVENT_BYTES, type NewAsyncEvent } from './async-event.ts'
import { derivedId } from './derived-id.ts'
import type { Story } from './story.ts'

/** Functions of the tenant that are told how a function's events end. */
export interface Destinations {
  readonly onSuccess: string | undefined
  readonly onFailure: string | undefined
}

/**
 * The event that tells another function how this one ended; undefined: nobody is to be told, or the chain is as long as calls
 * of functions by functions may be. Its id is derived: told twice after a crash, it is one event.
 */
export function destinationEvent(story: Story, { onSuccess, onFailure }: Destinations): NewAsyncEvent | undefined {
  const { event, status, endedAt } = story
  const name = status === 'succeeded' ? onSuccess : status === 'dead' ? onFailure : undefined
  if (name === undefined || endedAt === undefined || event.depth >= MAX_INVOKE_DEPTH) return undefined
  return {
    id: derivedId(`${event.id}/${status}`, endedAt),
    tenant: event.tenant,
    name,
    trigger: 'async',
    event: { door: 'rpc', headers: [] },
    body: destinationBody(story),
    depth: event.depth + 1,
  }
}

function destinationBody({ event, status, result, resultNote, error }: Story): Buffer {
  const about = { invocation: event.id, function: event.name, outcome: status, ...(error !== undefined && { error }) }
  const note = (text: string | undefined): string => (text === undefined ? '' : `,"resultNote":${JSON.stringify(text)}`)
  const withResult = (rest: string): Buffer => Buffer.from(`${JSON.stringify(about).slice(0, -1)}${rest}}`)
  // The result is JSON text already, checked when it was kept.
  const whole = withResult(result === undefined ? note(resultNote) : `,"result":${result}`)
  return whole.length <= MAX_EVENT_BYTES ? whole : withResult(note(`The result is not here: GET /v1/invocations/${event.id} has it`))
}
