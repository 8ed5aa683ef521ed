import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { LogLine } from '../../runtime/lane/function-log.ts'
import { Problem } from '../problem.ts'
import type { Functions } from '../registry/function-directory.ts'
import { reaches } from './authenticate.ts'
import { type GatewayEnv, needScope } from './caller.ts'
import { noSuchFunction } from './functions-here.ts'

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
    const follow = c.req.query('follow')
    if (follow !== undefined && follow !== '1' && follow !== 'true') {
      throw new Problem({
        status: 400,
        code: 'bad_query',
        detail: `Cannot read follow: wanted 1 or true, got ${JSON.stringify(follow)}`,
        extra: { field: 'follow', allowed: '1, true' },
      })
    }
    if (follow === undefined) {
      const { lines } = await logs.read(caller.tenant, name, '0', 0)
      return c.body(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), 200, {
        'content-type': 'application/x-ndjson',
        'cache-control': 'no-store',
      })
    }
    return streamSSE(c, async (stream) => {
      const reader = openReader()
      stream.onAbort(() => reader.close())
      try {
        let after = '0'
        while (!stream.aborted && !stream.closed) {
          const { lastId, lines } = await reader.read(caller.tenant, name, after, FOLLOW_BLOCK_MS)
          for (const line of lines) await stream.writeSSE({ event: 'line', id: lastId, data: JSON.stringify(line) })
          // A line that says nothing keeps proxies from taking the silence for the end.
          if (lines.length === 0) await stream.write(': waiting\n\n')
          after = lastId
        }
      } catch (error) {
        // Whoever read has gone, and their reader with them: nothing failed.
        if (!stream.aborted) throw error
      } finally {
        reader.close()
      }
    })
  })
}
