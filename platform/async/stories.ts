import type { Idempotency } from '../../runtime/lane/submission.ts'
import type { Store } from '../registry/open-store.ts'
import { StoreScript } from '../registry/store-script.ts'
import type { AsyncEvent } from './async-event.ts'
import { type Attempt, type CallbackState, type EventError, parseStory, type Status, type Story } from './story.ts'

/** An event is tried for this long after it was accepted or redriven. */
export const MAX_EVENT_AGE_MS = 6 * 3_600_000
/** What became of it, and its result, are kept for this long. */
export const KEEP_OVER_MS = 24 * 3_600_000
/** How long a dead letter is kept. */
export const KEEP_DEAD_MS = 14 * 24 * 3_600_000
/** Bytes of one tenant's events that wait, run or are dead letters. */
export const MAX_HELD_BYTES = 64 * 1024 * 1024
/** Bytes of one tenant's events that are over, results included: beyond it the oldest are forgotten first. */
export const MAX_OVER_BYTES = 64 * 1024 * 1024
/** What an event counts beside all that is kept of it. */
export const EVENT_OVERHEAD_BYTES = 512
/** Attempts of which the story tells; what came before them is on the bill only. */
export const MAX_TOLD_ATTEMPTS = 20
/** A dispatcher that is late may still find it. */
const GRACE_MS = 3_600_000

export type Held =
  | { readonly kind: 'held' }
  | { readonly kind: 'full' }
  | { readonly kind: 'known'; readonly status: Status }
  /** The idempotency key came with this event before. */
  | { readonly kind: 'replay'; readonly id: string; readonly fingerprint: string }

/** What changes with a turn. `null` removes. */
export interface Turn {
  readonly from: readonly Status[]
  /** Settled attempts it must have: whoever knows fewer is late. */
  readonly settled?: number
  readonly to: Status
  readonly attempt?: Attempt
  readonly since?: number
  readonly spent?: number
  readonly requeues?: number
  readonly nextAt?: number | null
  readonly result?: string
  readonly resultNote?: string
  readonly error?: EventError | null
  readonly cancelling?: true | null
}

const script = (file: string): string => new URL(file, import.meta.url).href
const hold = new StoreScript(script('shelf.lua'), script('hold-event.lua'))
const turn = new StoreScript(script('shelf.lua'), script('turn-event.lua'))

/** The stories of all tenants' events, in the store. */
export class Stories {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async hold(event: AsyncEvent, body: Buffer, now: number, idempotency?: Idempotency): Promise<Held> {
    const expiresAt = now + MAX_EVENT_AGE_MS + GRACE_MS
    const key = idempotency === undefined ? ['', '', KEEP_OVER_MS] : [idempotency.hash, idempotency.fingerprint, KEEP_OVER_MS]
    const args = [event.tenant, event.id, now, expiresAt, EVENT_OVERHEAD_BYTES, MAX_HELD_BYTES, JSON.stringify(event), body, ...key]
    const [kind, first, second] = (await hold.run(this.#store, ...args)) as [Held['kind'], string, string]
    if (kind === 'known') return { kind, status: first as Status }
    return kind === 'replay' ? { kind, id: first, fingerprint: second } : { kind }
  }

  async read(tenant: string, id: string): Promise<Story | undefined> {
    const fields = await this.#store.hgetall(storyKey(tenant, id))
    return fields.event === undefined ? undefined : parseStory(fields)
  }

  async status(tenant: string, id: string): Promise<Status | undefined> {
    return ((await this.#store.hget(storyKey(tenant, id), 'status')) as Status | null) ?? undefined
  }

  /** undefined: the event is over, or gone. */
  async body(tenant: string, id: string): Promise<Buffer | undefined> {
    return (await this.#store.getBuffer(`${storyKey(tenant, id)}:body`)) ?? undefined
  }

  /** Whether it was done. When it was not, somebody else has turned it meanwhile. */
  async turn(tenant: string, id: string, change: Turn, now: number): Promise<boolean> {
    const { from, settled, to, attempt } = change
    const fields = fieldsOf(change, now)
    if (attempt !== undefined && attempt.attempt > MAX_TOLD_ATTEMPTS) fields.push(`attempt:${attempt.attempt - MAX_TOLD_ATTEMPTS}`, '')
    const args = [from.join(' '), settled ?? '', to, expiryOf(to, now), EVENT_OVERHEAD_BYTES, MAX_OVER_BYTES]
    return (await turn.run(this.#store, tenant, id, now, ...args, ...fields)) === 1
  }

  /** How the callback went; nothing else changes. */
  async noteCallback(tenant: string, id: string, state: CallbackState): Promise<void> {
    // A story that has gone meanwhile must not come back without its end.
    if ((await this.#store.exists(storyKey(tenant, id))) === 1) await this.#store.hset(storyKey(tenant, id), 'callback', JSON.stringify(state))
  }

  /** Ids of dead letters, newest first, from the one at `offset` on. */
  async deadIds(tenant: string, offset: number, count: number): Promise<string[]> {
    return await this.#store.zrevrange(deadKey(tenant), offset, offset + count - 1)
  }

  /** How many dead letters there are, those that have expired unnoticed included. */
  async deadCount(tenant: string): Promise<number> {
    return await this.#store.zcard(deadKey(tenant))
  }

  /** Takes off the list what has expired by itself. */
  async sweepDead(tenant: string, now: number): Promise<void> {
    await this.#store.zremrangebyscore(deadKey(tenant), '-inf', now - KEEP_DEAD_MS)
  }
}

function expiryOf(status: Status, now: number): number {
  if (status === 'dead') return now + KEEP_DEAD_MS
  return now + (status === 'queued' || status === 'running' ? MAX_EVENT_AGE_MS + GRACE_MS : KEEP_OVER_MS)
}

/** Names and values in turn; an empty value removes. */
function fieldsOf({ to, attempt, result, resultNote, error, ...rest }: Turn, now: number): string[] {
  const fields: string[] = []
  const set = (name: string, value: string | number | null | undefined): void => {
    if (value !== undefined) fields.push(name, value === null ? '' : String(value))
  }
  if (attempt !== undefined) {
    set(`attempt:${attempt.attempt}`, JSON.stringify(attempt))
    set('settled', attempt.attempt)
  }
  set('since', rest.since)
  set('spent', rest.spent)
  set('requeues', rest.requeues)
  set('nextAt', rest.nextAt)
  set('result', result)
  set('resultNote', resultNote)
  set('error', error === null || error === undefined ? error : JSON.stringify(error))
  set('cancelling', rest.cancelling === true ? '1' : rest.cancelling)
  set('endedAt', to === 'queued' || to === 'running' ? null : now)
  return fields
}

function storyKey(tenant: string, id: string): string {
  return `isolane:event:${tenant}/${id}`
}

function deadKey(tenant: string): string {
  return `isolane:events:${tenant}:dead`
}
