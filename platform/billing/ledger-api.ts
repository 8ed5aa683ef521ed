import { Hono } from 'hono'
import type { z } from 'zod'
import type { LaneDrains } from './lane-drains.ts'
import type { LedgerReader } from './ledger-reader.ts'
import { CSV_HEADER, csvLine, type LedgerRecord, ndjsonLine } from './ledger-record.ts'
import { CURSOR_HEADER, type Cursor, cursorText, type RecordsQuery, recordsQuerySchema, totalsQuerySchema } from './usage-query.ts'

const PAGE_RECORDS = 500

interface Parts {
  readonly reader: LedgerReader
  readonly drain: Pick<LaneDrains, 'toEnd' | 'status'>
}

/**
 * What the ledger process answers to gateways over its socket. Questions come as JSON, already checked and bound to
 * one tenant by the gateway. Each is answered only after the stream of the tenant's lane has been drained, so that callers
 * see the record of the call they just made.
 */
export function ledgerApi({ reader, drain }: Parts): Hono {
  const api = new Hono()

  api.get('/status', (c) => c.json(drain.status()))

  api.post('/totals', async (c) => {
    const query = read(totalsQuerySchema, await c.req.json())
    await drain.toEnd(query.lanes)
    return c.json(reader.totals(query))
  })

  api.post('/records', async (c) => {
    const query = read(recordsQuerySchema, await c.req.json())
    await drain.toEnd(query.lanes)
    const cursor = stopsAt(reader, query)
    const headers: Record<string, string> = cursor ? { [CURSOR_HEADER]: cursorText(cursor) } : {}
    return c.body(ReadableStream.from(chunks(reader, query)).pipeThrough(new TextEncoderStream()), 200, headers)
  })

  api.onError((error, c) => c.text(error.message, error instanceof BadQuestion ? 400 : 503))
  return api
}

class BadQuestion extends Error {}

function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new BadQuestion(parsed.error.message)
  return parsed.data
}

/** Page by page, each read when the one before has been taken: constant memory, and the drain runs in between. */
function* chunks(reader: LedgerReader, query: RecordsQuery): Generator<string> {
  const line = query.format === 'csv' ? csvLine : ndjsonLine
  if (query.format === 'csv') yield CSV_HEADER
  let after = query.after
  for (let left = query.limit; left > 0; left -= PAGE_RECORDS) {
    const page = reader.page(query, after, Math.min(PAGE_RECORDS, left))
    const last = page.at(-1)
    if (!last) return
    yield page.map(line).join('')
    if (page.length < PAGE_RECORDS) return
    after = placeOf(last)
  }
}

/** The last record the answer will hold, if there are more behind it. */
function stopsAt(reader: LedgerReader, query: RecordsQuery): Cursor | undefined {
  const [last, more] = reader.page(query, query.after, 2, query.limit - 1)
  return last && more ? placeOf(last) : undefined
}

function placeOf(record: LedgerRecord): Cursor {
  return { acceptedAt: record.acceptedAt, id: record.id, attempt: record.attempt }
}
