import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { LogLine } from '../../runtime/lane/function-log.ts'
import { reaches } from './authenticate.ts'
import { type GatewayEnv, needScope } from './caller.ts'
import { noSuchFunction } from './functions-here.ts'
import type { Functions } from './url-door.ts'

/** Reads a function's last lines. `follow` blocks its connection, so each follower has a reader of its own. */
export interface LogReader {
  read(tenant: string, name: string, after: string, blockMs: number): Promise<{ lastId: string; lines: LogLine[] }>
  close(): void
}

const FOLLOW_BLOCK_MS = 10_000

/** `GET /v1/functions/{name}/logs`: NDJSON, oldest first; `?follow=1` as server-sent events. */
export function logsRoutes({
  functions,
  logs,
  openReader,
}: {
  functions: Functions
  logs: LogReader
  openReader: () => LogReader
}): Hono<GatewayEnv> {
  return new Hono<GatewayEnv>().get('/functions/:name/logs', async (c) => {
    const caller = needScope(c, 'read')
    const name = c.req.param('name')
    if (!reaches(caller, caller.tenant, name) || (await functions.resolve(caller.tenant, name)) === undefined) throw noSuchFunction(name)
    if (c.req.query('follow') === undefined) {
      const { lines } = await logs.read(caller.tenant, name, '0', 0)
      return c.body(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), 200, { 'content-type': 'application/x-ndjson' })
    }
    return streamSSE(c, async (stream) => {
      const reader = openReader()
      stream.onAbort(() => reader.close())
      try {
        let after = '0'
        while (!stream.aborted && !stream.closed) {
          const { lastId, lines } = await reader.read(caller.tenant, name, after, FOLLOW_BLOCK_MS)
          for (const line of lines) await stream.writeSSE({ event: 'line', id: lastId, data: JSON.stringify(line) })
          after = lastId
        }
      } finally {
        reader.close()
      }
    })
  })
}
