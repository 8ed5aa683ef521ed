import { type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import { json, text } from 'node:stream/consumers'
import type { DrainStatus } from './usage-drain.ts'
import { CURSOR_HEADER, type RecordsQuery, type Totals, type TotalsQuery } from './usage-query.ts'

/** The ledger did not answer. Nothing is lost: records wait in the lane's stream. */
export class LedgerUnavailable extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(`Cannot read the ledger: ${reason}`, options)
    this.name = 'LedgerUnavailable'
  }
}

/** `body`: the records in the format asked for, read from the ledger as they are taken. `cursor`: there are more, from here on. */
export interface RecordsAnswer {
  readonly body: ReadableStream<Uint8Array>
  readonly cursor: string | undefined
}

/** Longest wait for the head of an answer. */
const HEAD_TIMEOUT_MS = 15_000

/** A gateway's line to the ledger process, over its unix socket. Every method throws LedgerUnavailable when it is down. */
export class LedgerClient {
  readonly #socketPath: string

  constructor(socketPath: string) {
    this.#socketPath = socketPath
  }

  async totals(query: TotalsQuery): Promise<Totals> {
    return (await json(await this.#ask('POST', '/totals', query))) as Totals
  }

  async records(query: RecordsQuery): Promise<RecordsAnswer> {
    const answer = await this.#ask('POST', '/records', query)
    const cursor = answer.headers[CURSOR_HEADER]
    return { body: Readable.toWeb(answer) as ReadableStream<Uint8Array>, cursor: typeof cursor === 'string' ? cursor : undefined }
  }

  async status(): Promise<DrainStatus> {
    return (await json(await this.#ask('GET', '/status'))) as DrainStatus
  }

  async #ask(method: string, path: string, body?: unknown): Promise<IncomingMessage> {
    const answer = await this.#send(method, path, body === undefined ? '' : JSON.stringify(body))
    if (answer.statusCode === 200) return answer
    const reason = await text(answer)
    if (answer.statusCode === 503) throw new LedgerUnavailable(reason)
    throw new Error(`Cannot ask the ledger ${path}: it answered ${answer.statusCode} ${reason}`)
  }

  #send(method: string, path: string, body: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: this.#socketPath, method, path, agent: false, headers: { 'content-type': 'application/json' } })
      const timer = setTimeout(() => asked.destroy(new Error(`no answer for ${HEAD_TIMEOUT_MS} ms`)), HEAD_TIMEOUT_MS)
      asked.once('response', (answer) => {
        clearTimeout(timer)
        resolve(answer)
      })
      asked.once('error', (error) => {
        clearTimeout(timer)
        reject(new LedgerUnavailable(error.message, { cause: error }))
      })
      asked.end(body)
    })
  }
}
