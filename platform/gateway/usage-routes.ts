import { Hono } from 'hono'
import { type LedgerClient, LedgerUnavailable } from '../billing/ledger-client.ts'
import { CURSOR_HEADER } from '../billing/usage-query.ts'
import { Problem } from '../problem.ts'
import type { Tenants } from '../registry/tenant-directory.ts'
import { type GatewayEnv, needScope } from './caller.ts'
import { readRecordsQuery, readTotalsQuery } from './usage-params.ts'

interface Deps {
  readonly ledger: Pick<LedgerClient, 'totals' | 'records'>
  readonly tenants: Pick<Tenants, 'settings'>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

const CONTENT_TYPES = { ndjson: 'application/x-ndjson', csv: 'text/csv; charset=utf-8' } as const

/** What a tenant's functions used and cost. Everyone sees their own tenant, and of it what their key is confined to. */
export function usageRoutes({ ledger, tenants, now }: Deps): Hono<GatewayEnv> {
  const routes = new Hono<GatewayEnv>()
  const lanesOf = async (tenant: string): Promise<string[]> => {
    const { lane, moving } = await tenants.settings(tenant)
    return moving === undefined ? [lane] : [lane, moving.from]
  }

  routes.get('/usage', async (c) => {
    const query = readTotalsQuery(new URL(c.req.url).searchParams, needScope(c, 'usage'), now())
    const totals = await available(ledger.totals({ ...query, lanes: await lanesOf(query.tenant) }))
    return c.json({ from: iso(query.from), to: iso(query.to ?? now()), groupBy: query.groupBy, ...totals })
  })

  routes.get('/usage/records', async (c) => {
    const query = readRecordsQuery(new URL(c.req.url).searchParams, needScope(c, 'usage'), now())
    const { body, cursor } = await available(ledger.records({ ...query, lanes: await lanesOf(query.tenant) }))
    const headers: Record<string, string> = { 'content-type': CONTENT_TYPES[query.format], 'cache-control': 'no-store' }
    if (cursor !== undefined) headers[CURSOR_HEADER] = cursor
    return c.body(body, 200, headers)
  })

  return routes
}

async function available<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof LedgerUnavailable)) throw error
    throw new Problem({
      status: 503,
      code: 'ledger_unavailable',
      detail: 'Cannot read usage now: the ledger does not answer. No record is lost; calls and deploys go on.',
      retryAfterSeconds: 2,
    })
  }
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
