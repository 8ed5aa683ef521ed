import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { KV_KEY_OVERHEAD_BYTES } from '../contract/kv.ts'

/** Whose records: a tenant, and `tenant` or `function/<name>`. */
export interface KvOwner {
  readonly tenant: string
  readonly scope: string
}

/** A value: its bytes, or the id of the file that has them. */
export type KvValue = { readonly bytes: Buffer } | { readonly blob: string; readonly size: number }

export interface KvRecord {
  readonly value: KvValue
  /** JSON text; empty: none. */
  readonly metadata: string
}

export interface KvRecordToPut extends KvRecord {
  readonly key: string
  /** Milliseconds since 1970; 0: never. */
  readonly expiresAt: number
}

/** `full`: nothing was written, for `more` bytes do not fit beside `used`. */
export type KvPutVerdict = { readonly kind: 'done' } | { readonly kind: 'full'; readonly used: number; readonly more: number }

export interface KvNames {
  readonly keys: readonly { readonly name: string; readonly expiresAt: number; readonly metadata: string }[]
  /** There may be more after this key. */
  readonly last?: string
}

export interface KvStoreOptions {
  readonly storeUrl: string
  readonly quotaBytes: number
  /** The records that pointed to these files are gone. */
  readonly onFreed: (blobs: readonly string[]) => void
  readonly onError: (error: Error) => void
}

const COMMAND_TIMEOUT_MS = 5_000
/** Of one page's names and metadata: the page goes to the function as one message. */
const MAX_PAGE_BYTES = 256 * 1024
const EMPTY = Buffer.alloc(0)
/** A head as kv-records.lua describes it: when it expires, and its metadata. */
const HEAD = /^(\d+) \d+ \d+ \S+ (.*)$/s

/** The key-value records in the store. Each call is one script, so one round trip and one step that nobody sees half done. */
export class KvStore {
  readonly #redis: Redis
  readonly #quotaBytes: number
  readonly #onFreed: KvStoreOptions['onFreed']

  constructor({ storeUrl, quotaBytes, onFreed, onError }: KvStoreOptions) {
    this.#quotaBytes = quotaBytes
    this.#onFreed = onFreed
    // Connected by the first call. A put that was cut off midway is told to the function, which knows whether doing it twice is right.
    this.#redis = new Redis(storeUrl, {
      connectionName: 'worker:kv',
      lazyConnect: true,
      maxRetriesPerRequest: 2,
      autoResendUnfulfilledCommands: false,
      commandTimeout: COMMAND_TIMEOUT_MS,
      disableClientInfo: true,
    })
    this.#redis.on('error', onError)
  }

  async get({ tenant, scope }: KvOwner, key: string, now: number): Promise<KvRecord | undefined> {
    const [size, blob, metadata, value] = (await this.#run(GET, tenant, now, scope, key)) as Buffer[]
    if (size === undefined) return undefined
    const file = String(blob)
    return { value: file === '-' ? { bytes: value as Buffer } : { blob: file, size: Number(size) }, metadata: String(metadata) }
  }

  async put({ tenant, scope }: KvOwner, record: KvRecordToPut, now: number): Promise<KvPutVerdict> {
    const { key, value, metadata, expiresAt } = record
    const [bytes, blob, size] = 'bytes' in value ? [value.bytes, '-', value.bytes.length] : [EMPTY, value.blob, value.size]
    const args = [scope, key, expiresAt, chargeOf(key, size, metadata), size, blob, metadata, bytes, this.#quotaBytes]
    for (;;) {
      const [verdict, used, more] = await this.#run(PUT, tenant, now, ...args)
      switch (String(verdict)) {
        case 'done':
          return { kind: 'done' }
        case 'full':
          return { kind: 'full', used: Number(used), more: Number(more) }
      }
    }
  }

  async delete({ tenant, scope }: KvOwner, key: string, now: number): Promise<void> {
    await this.#run(DELETE, tenant, now, scope, key)
  }

  async list({ tenant, scope }: KvOwner, { prefix, after, limit }: { prefix: string; after: string; limit: number }, now: number): Promise<KvNames> {
    const [last, page] = (await this.#run(LIST, tenant, now, scope, prefix, after, limit, MAX_PAGE_BYTES)) as [Buffer, Buffer[]]
    const keys = []
    for (let at = 0; at < page.length; at += 2) {
      const head = String(page[at + 1])
      const [, expiresAt, metadata] = HEAD.exec(head) as unknown as [string, string, string]
      keys.push({ name: String(page[at]), expiresAt: Number(expiresAt), metadata })
    }
    return last.length === 0 ? { keys } : { keys, last: String(last) }
  }

  close(): void {
    this.#redis.disconnect()
  }

  /** Every script answers the files it freed first. */
  async #run(script: Script, ...args: (string | number | Buffer)[]): Promise<unknown[]> {
    const [freed, ...rest] = (await this.#evaluate(script, args)) as [Buffer[], ...unknown[]]
    if (freed.length > 0) this.#onFreed(freed.map(String))
    return rest
  }

  async #evaluate({ sha1, lua }: Script, args: (string | number | Buffer)[]): Promise<unknown> {
    try {
      return await this.#redis.callBuffer('EVALSHA', sha1, 0, ...args)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return await this.#redis.callBuffer('EVAL', lua, 0, ...args)
    }
  }
}

/** What a record counts against its tenant's quota. */
export function chargeOf(key: string, valueBytes: number, metadata: string): number {
  return Buffer.byteLength(key) + valueBytes + Buffer.byteLength(metadata) + KV_KEY_OVERHEAD_BYTES
}

interface Script {
  readonly lua: string
  readonly sha1: string
}

const RECORDS = read('../contract/kv-records.lua')
const GET = script('get')
const PUT = script('put')
const DELETE = script('delete')
const LIST = script('list')

function script(name: string): Script {
  const lua = `${RECORDS}\n${read(`./kv-scripts/${name}.lua`)}`
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') }
}

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8')
}
