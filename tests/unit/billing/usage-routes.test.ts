import { Hono } from 'hono'
import { describe, expect, test, vi } from 'vitest'
import { LedgerUnavailable } from '../../../platform/billing/ledger-client.ts'
import type { RecordsQuery, Totals, TotalsQuery } from '../../../platform/billing/usage-query.ts'
import type { Caller, GatewayEnv } from '../../../platform/gateway/caller.ts'
import { usageRoutes } from '../../../platform/gateway/usage-routes.ts'
import { Problem, problemResponse } from '../../../platform/problem.ts'
import type { KeyScope } from '../../../platform/registry/key-record.ts'
import type { TenantPlacement } from '../../../platform/registry/tenant-directory.ts'
import { idOf } from './usage-fixture.ts'

const NOW = Date.UTC(2026, 1, 1)
const NOTHING: Totals = { total: { requests: 0, gbSeconds: 0, cpuMs: 0, cost: '0', costUsd: '0.00' }, groups: [] }

function setUp(scopes: KeyScope[] = ['usage'], functions?: string[], placement: TenantPlacement = { weight: 1, revision: 1, lane: 'main' }) {
  const ledger = {
    totals: vi.fn(async (_: TotalsQuery) => NOTHING),
    records: vi.fn(async (_: RecordsQuery) => ({
      body: new Response('{"id":1}\n').body as ReadableStream<Uint8Array>,
      cursor: undefined as string | undefined,
    })),
  }
  const caller: Caller = { keyId: 'k', tenant: 'acme', scopes, ...(functions ? { functions } : {}) }
  const app = new Hono<GatewayEnv>()
  app.use(async (c, next) => {
    c.set('caller', caller)
    await next()
  })
  app.route('/v1', usageRoutes({ ledger, tenants: { settings: () => placement }, now: () => NOW }))
  app.onError((error) => {
    if (error instanceof Problem) return problemResponse(error.init)
    throw error
  })
  const get = (path: string) => app.request(path)
  return { get, ledger }
}

describe('GET /v1/usage', () => {
  test('asks for the caller’s own tenant, the last 30 days by function', async () => {
    const { get, ledger } = setUp()
    const answer = await get('/v1/usage')
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({ from: '2026-01-02T00:00:00.000Z', to: '2026-02-01T00:00:00.000Z', groupBy: 'function', ...NOTHING })
    expect(ledger.totals).toHaveBeenCalledWith({ tenant: 'acme', from: NOW - 30 * 86_400_000, groupBy: 'function', lanes: ['main'] })
  })

  test.each([
    ['2026-01-10', Date.UTC(2026, 0, 10)],
    ['2026-01-10T12:30', Date.UTC(2026, 0, 10, 12, 30)],
    ['2026-01-10T12:30:15.250Z', Date.UTC(2026, 0, 10, 12, 30, 15, 250)],
    ['2026-01-10T12:30:00%2B02:00', Date.UTC(2026, 0, 10, 10, 30)],
    ['2026-01-10T12:30:00+02:00', Date.UTC(2026, 0, 10, 10, 30)],
    ['1768000000000', 1_768_000_000_000],
  ])('takes from=%s', async (text, epochMs) => {
    const { get, ledger } = setUp()
    expect((await get(`/v1/usage?from=${text}&groupBy=day`)).status).toBe(200)
    expect(ledger.totals).toHaveBeenCalledWith({ tenant: 'acme', from: epochMs, groupBy: 'day', lanes: ['main'] })
  })

  test('a key confined to some functions sees no others', async () => {
    const { get, ledger } = setUp(['usage'], ['hello'])
    await get('/v1/usage')
    expect(ledger.totals.mock.lastCall?.[0]).toMatchObject({ functions: ['hello'] })
  })

  test.each([
    ['groupBy=colour', 'groupBy', 'function, version, day, hour, trigger, outcome'],
    ['from=yesterday', 'from', 'an ISO date'],
    ['from=2026-13-01', 'from', 'an ISO date'],
    ['from=-5', 'from', 'an ISO date'],
    ['from=', 'from', 'an ISO date'],
    ['from=2026-01-02&to=2026-01-01', 'to', 'an instant not before from (2026-01-02T00:00:00.000Z)'],
    ['groupBy=day&groupBy=hour', 'groupBy', 'function, version'],
    ['groupby=day', 'groupby', 'from, to, groupBy'],
  ])('?%s is refused, naming field, value and what is allowed', async (query, field, allowed) => {
    const { get, ledger } = setUp()
    const answer = await get(`/v1/usage?${query}`)
    expect(answer.status).toBe(400)
    const problem = (await answer.json()) as Record<string, string>
    expect(problem).toMatchObject({ code: 'bad_query', field })
    expect(problem.detail).toContain(field)
    expect(problem.allowed).toContain(allowed)
    expect(ledger.totals).not.toHaveBeenCalled()
  })

  test('asks of the lane the tenant is in, and while it moves of the one it comes from', async () => {
    const { get, ledger } = setUp(['usage'], undefined, { weight: 1, revision: 2, lane: 'b', moving: { from: 'main', since: NOW } })
    await get('/v1/usage')
    expect(ledger.totals.mock.lastCall?.[0]).toMatchObject({ lanes: ['b', 'main'] })
  })

  test('needs the scope usage', async () => {
    const { get, ledger } = setUp(['invoke', 'read', 'deploy'])
    for (const path of ['/v1/usage', '/v1/usage/records']) {
      const answer = await get(path)
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([403, 'scope_missing'])
    }
    expect(ledger.totals).not.toHaveBeenCalled()
    expect((await setUp(['admin']).get('/v1/usage')).status).toBe(200)
  })

  test('a ledger that is down is 503 with a time to come back, and nobody else’s concern', async () => {
    const { get, ledger } = setUp()
    ledger.totals.mockRejectedValue(new LedgerUnavailable('no socket'))
    ledger.records.mockRejectedValue(new LedgerUnavailable('no socket'))
    for (const path of ['/v1/usage', '/v1/usage/records']) {
      const answer = await get(path)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2'])
      expect(await answer.json()).toMatchObject({ code: 'ledger_unavailable' })
    }
  })
})

describe('GET /v1/usage/records', () => {
  test('passes every filter on and the records through', async () => {
    const { get, ledger } = setUp()
    const answer = await get(`/v1/usage/records?function=hello&version=3&outcome=threw&from=5&to=9&limit=7&cursor=6.1.${idOf(1)}`)
    expect(await answer.text()).toBe('{"id":1}\n')
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson')
    expect(ledger.records).toHaveBeenCalledWith({
      tenant: 'acme',
      lanes: ['main'],
      function: 'hello',
      version: 3,
      outcome: 'threw',
      from: 5,
      to: 9,
      limit: 7,
      after: { acceptedAt: 6, attempt: 1, id: idOf(1) },
      format: 'ndjson',
    })
  })

  test('looks for one invocation however old it is', async () => {
    const { get, ledger } = setUp()
    await get(`/v1/usage/records?id=${idOf(1)}&format=csv`)
    expect(ledger.records.mock.lastCall?.[0]).toMatchObject({ id: idOf(1), from: 0, format: 'csv' })
  })

  test('says where to go on when there is more', async () => {
    const { get, ledger } = setUp()
    ledger.records.mockResolvedValueOnce({ body: new Response('').body ?? new ReadableStream(), cursor: 'here' })
    expect((await get('/v1/usage/records')).headers.get('isolane-cursor')).toBe('here')
  })

  test.each([
    'id=7',
    'function=No!',
    'version=0',
    'version=1.5',
    'outcome=won',
    'limit=0',
    'limit=1e3',
    'limit=99999999',
    'cursor=x',
    'format=xml',
    'tenant=rival',
  ])('?%s is refused', async (query) => {
    const { get, ledger } = setUp()
    expect((await get(`/v1/usage/records?${query}`)).status).toBe(400)
    expect(ledger.records).not.toHaveBeenCalled()
  })
})
