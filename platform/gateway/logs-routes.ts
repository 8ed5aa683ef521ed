import { setTimeout as sleep } from 'node:timers/promises'
import { Hono } from 'hono'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import type { LogLine } from '../../runtime/lane/function-log.ts'
import { Problem } from '../problem.ts'
import type { Functions } from '../registry/function-directory.ts'
import { lanesLeft } from '../registry/tenant.ts'
import type { TenantPlacement, Tenants } from '../registry/tenant-directory.ts'
import { reaches } from './authenticate.ts'
import { type GatewayEnv, needScope } from './caller.ts'
import { noSuchFunction } from './functions-here.ts'

/** Reads a function's last lines. `follow` blocks its connection, so each follower has a reader of its own. */
export interface LogReader {
  read(tenant: string, name: string, after: string, blockMs: number): Promise<{ lastId: string; lines: LogLine[] }>
  close(): void
}

export interface LoggingLane {
  readonly logs: LogReader
  openLogs(): LogReader
}

export interface LogsRoutesDeps {
  readonly functions: Functions
  readonly tenants: Pick<Tenants, 'settings'>
  readonly lanes: ReadonlyMap<string, LoggingLane>
}

interface Subject {
  readonly tenant: string
  readonly name: string
}

const FOLLOW_BLOCK_MS = 10_000
/** While a tenant moves its last lines come from the lane it leaves. */
const MOVING_BLOCK_MS = 1_000
/** Longest wait for a lane that is to give what it has. */
const ANSWER_MS = 3_000

/** `GET /v1/functions/{name}/logs`: NDJSON, oldest first; `?follow=1` as server-sent events. */
export function logsRoutes({ functions, tenants, lanes }: LogsRoutesDeps): Hono<GatewayEnv> {
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
    const subject = { tenant: caller.tenant, name }
    const settings = await tenants.settings(caller.tenant)
    if (follow !== undefined) return streamSSE(c, (stream) => followLines(stream, { tenants, lanes }, subject))
    const before = await linesLeft(lanes, settings, subject, new Map())
    const now = await answer(lanes.get(settings.lane)?.logs.read(subject.tenant, name, '0', 0))
    if (now === undefined) {
      const detail = `Cannot read the lines of ${name} now: the lane they are in does not answer`
      throw new Problem({ status: 503, code: 'lane_unreachable', detail, retryAfterSeconds: 1 })
    }
    const lines = before.length === 0 ? now.lines : [...before, ...now.lines].sort((a, b) => a.at - b.at)
    return c.body(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), 200, {
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
    })
  })
}

async function followLines(stream: SSEStreamingApi, { tenants, lanes }: Omit<LogsRoutesDeps, 'functions'>, subject: Subject): Promise<void> {
  /** How far each lane has been read. */
  const after = new Map<string, string>()
  let reading: { lane: string; reader: LogReader } | undefined
  stream.onAbort(() => reading?.reader.close())
  const write = async (lines: readonly LogLine[], lastId: string): Promise<void> => {
    for (const line of lines) await stream.writeSSE({ event: 'line', id: lastId, data: JSON.stringify(line) })
  }
  try {
    while (!stream.aborted && !stream.closed) {
      const settings = await tenants.settings(subject.tenant)
      await write(await linesLeft(lanes, settings, subject, after), '0')
      if (reading?.lane !== settings.lane) {
        reading?.reader.close()
        const reader = lanes.get(settings.lane)?.openLogs()
        if (reader === undefined) return
        reading = { lane: settings.lane, reader }
        if (stream.aborted) return
      }
      const blockMs = settings.moving === undefined ? FOLLOW_BLOCK_MS : MOVING_BLOCK_MS
      const { lastId, lines } = await reading.reader.read(subject.tenant, subject.name, after.get(settings.lane) ?? '0', blockMs)
      after.set(settings.lane, lastId)
      await write(lines, lastId)
      // A line that says nothing keeps proxies from taking the silence for the end.
      if (lines.length === 0) await stream.write(': waiting\n\n')
    }
  } catch (error) {
    // Whoever read has gone, and their reader with them: nothing failed.
    if (!stream.aborted) throw error
  } finally {
    reading?.reader.close()
  }
}

/** What lies in lanes the tenant has left, as far as they answer; notes in `after` how far that is. */
async function linesLeft(
  lanes: LogsRoutesDeps['lanes'],
  settings: TenantPlacement,
  { tenant, name }: Subject,
  after: Map<string, string>,
): Promise<LogLine[]> {
  const all = await Promise.all(
    lanesLeft(settings, Date.now()).map(async (lane) => {
      const found = await answer(lanes.get(lane)?.logs.read(tenant, name, after.get(lane) ?? '0', 0))
      if (found !== undefined) after.set(lane, found.lastId)
      return found?.lines ?? []
    }),
  )
  return all.flat().sort((a, b) => a.at - b.at)
}

/** `undefined` from a lane that is away. */
async function answer<T>(reading: Promise<T> | undefined): Promise<T | undefined> {
  const done = new AbortController()
  try {
    return await Promise.race([reading, sleep(ANSWER_MS, undefined, { signal: done.signal })])
  } catch {
    return undefined
  } finally {
    done.abort()
  }
}
