import { KV_QUOTA_BYTES, type KvFound, type KvListed, type KvPage, type KvScope, kvScopeName, MAX_KV_OPERATIONS } from '../contract/kv.ts'
import { MAX_CHUNK_BYTES } from '../contract/messages.ts'
import { cursorAfter, parseKeyArgs, parseListArgs, parsePutArgs } from './kv-args.ts'
import { KvFiles } from './kv-files.ts'
import { KvIntake } from './kv-intake.ts'
import { type KvOwner, type KvRecord, KvStore, type KvValue } from './kv-store.ts'
import { type HostContext, HostError, type HostOperation, type HostSpending } from './operation.ts'
import { TenantTurns } from './tenant-turns.ts'

export interface KvOptions {
  readonly storeUrl: string
  readonly dataDir: string
  readonly onError: (error: Error) => void
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
  readonly quotaBytes?: number
}

export interface Kv {
  readonly operations: Readonly<Record<'kv.get' | 'kv.put' | 'kv.delete' | 'kv.list', HostOperation>>
  close(): void
}

/** Whoever reads a record whose file is gone reads again: it was put anew in between. */
const MAX_READS = 10
/** Calls of one tenant that the store has at once: all tenants of a worker share its connection. */
const MAX_CALLS_IN_STORE = 16

/**
 * Key-value state, answered once it is on disk. Tenant and function are those of the invocation; all that a function chooses
 * is between its own keys and its tenant's. Last write wins, and whoever was told of a write reads it.
 */
export function createKv({ storeUrl, dataDir, onError, now = Date.now, quotaBytes = KV_QUOTA_BYTES }: KvOptions): Kv {
  const files = new KvFiles(dataDir)
  const removeAll = (blobs: readonly string[]): void => {
    // What stays behind now goes with the next sweep.
    for (const blob of blobs) files.remove(blob).catch(onError)
  }
  const store = new KvStore({ storeUrl, quotaBytes, onFreed: removeAll, onError })
  const turns = new TenantTurns(MAX_CALLS_IN_STORE)
  const inTurn = <T>({ invocation, signal }: HostContext, work: () => Promise<T>): Promise<T> => turns.run(invocation.tenant, signal, work)
  const operationsOf = new WeakMap<HostSpending, number>()

  const count = ({ spent }: HostContext): void => {
    const operations = (operationsOf.get(spent) ?? 0) + 1
    operationsOf.set(spent, operations)
    if (operations > MAX_KV_OPERATIONS) {
      throw new HostError(
        'RangeError',
        `Cannot use KV: an invocation may do ${MAX_KV_OPERATIONS} KV operations (fixed for all functions), and has done them`,
      )
    }
  }

  const get: HostOperation = async (args, _body, context) => {
    count(context)
    const { scope, key } = parseKeyArgs(args)
    const owner = ownerOf(context, scope)
    for (let read = 0; read < MAX_READS; read++) {
      const record = await inTurn(context, () => store.get(owner, key, now()))
      if (record === undefined) return { value: null }
      if ('bytes' in record.value) return { value: found(record, record.value.bytes.length), body: record.value.bytes }
      checkPipe(context)
      const { blob, size } = record.value
      const source = await files.source(owner.tenant, blob, size)
      if (source === undefined) continue
      // The invocation has ended meanwhile: nobody would close it.
      if (context.signal.aborted) source.cancel()
      else context.pipes.addSource(context.number, source)
      return { value: found(record, size) }
    }
    throw new Error(`The file of a KV value of ${owner.tenant} is gone, its record is still there`)
  }

  const put: HostOperation = async (args, body, context) => {
    count(context)
    const request = parsePutArgs(args, now())
    const owner = ownerOf(context, request.scope)
    const commit = async (value: KvValue): Promise<void> => {
      // After a call that failed midway the record may be there: its file stays, and goes with a sweep if it is not.
      let isRefused = true
      try {
        const verdict = await inTurn(context, () => {
          isRefused = false
          return store.put(owner, { ...request, value }, now())
        })
        if (verdict.kind === 'done') return
        isRefused = true
        const { used, more } = verdict
        throw new HostError(
          'QuotaExceededError',
          `Cannot put (507): this takes ${more} bytes more, and ${used} of the ${quotaBytes} bytes of KV that the tenant may have (fixed for all tenants) are in use`,
        )
      } finally {
        if (isRefused && 'blob' in value) removeAll([value.blob])
      }
    }
    if (!request.isStream) {
      if (body.length > MAX_CHUNK_BYTES) throw new HostError('TypeError', `Cannot put: a value above ${MAX_CHUNK_BYTES} bytes must come as a stream`)
      await commit({ bytes: body })
      return {}
    }
    checkPipe(context)
    // No await before the sink is there: the first piece may be right behind this call.
    await using intake = new KvIntake(() => files.draft(owner.tenant))
    const { pipes, number, signal } = context
    pipes.addSink(number, intake)
    const giveUp = (): void => intake.abort()
    signal.addEventListener('abort', giveUp)
    try {
      const value = await intake.whole()
      await commit(Buffer.isBuffer(value) ? { bytes: value } : { blob: await value.draft.commit(), size: value.size })
    } finally {
      signal.removeEventListener('abort', giveUp)
      if (pipes.sink(number) === intake) pipes.dropSink(number)
    }
    return {}
  }

  const remove: HostOperation = async (args, _body, context) => {
    count(context)
    const { scope, key } = parseKeyArgs(args)
    await inTurn(context, () => store.delete(ownerOf(context, scope), key, now()))
    return {}
  }

  const list: HostOperation = async (args, _body, context) => {
    count(context)
    const { scope, ...listing } = parseListArgs(args)
    const { keys, last } = await inTurn(context, () => store.list(ownerOf(context, scope), listing, now()))
    const page: KvPage = { keys: keys.map(listed), ...(last === undefined ? {} : { cursor: cursorAfter(last) }) }
    return { value: page }
  }

  return { operations: { 'kv.get': get, 'kv.put': put, 'kv.delete': remove, 'kv.list': list }, close: () => store.close() }
}

function ownerOf({ invocation }: HostContext, scope: KvScope): KvOwner {
  return { tenant: invocation.tenant, scope: kvScopeName(scope, invocation.name) }
}

/** The number of a call is the function's to choose, and must not take over a pipe that is in use. */
function checkPipe({ pipes, number }: HostContext): void {
  if (number < 1 || pipes.source(number) !== undefined || pipes.sink(number) !== undefined) {
    throw new HostError('TypeError', `Cannot open pipe ${number}: it is in use`)
  }
}

function found({ metadata }: KvRecord, size: number): KvFound {
  return { size, ...(metadata === '' ? {} : { metadata }) }
}

function listed({ name, expiresAt, metadata }: { name: string; expiresAt: number; metadata: string }): KvListed {
  return { name, ...(expiresAt === 0 ? {} : { expiration: Math.ceil(expiresAt / 1_000) }), ...(metadata === '' ? {} : { metadata }) }
}
