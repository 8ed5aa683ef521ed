import { type Context, Hono } from 'hono'
import { isInvocationId } from '../../runtime/contract/invocation.ts'
import type { SecretsKey } from '../../runtime/contract/secrets-key.ts'
import type { AsyncEvents } from '../async/async-events.ts'
import { callbackSecret } from '../async/callback-secret.ts'
import { eventView } from '../async/event-view.ts'
import type { Story } from '../async/story.ts'
import { Problem } from '../problem.ts'
import { reaches } from './authenticate.ts'
import { type Caller, type GatewayEnv, hasScope, needScope } from './caller.ts'
import { deadLetterView } from './dead-letter-view.ts'
import { refuseUnknownQuery } from './unknown-query.ts'

interface Deps {
  readonly events: AsyncEvents
  readonly secretsKey: SecretsKey
}

const DEFAULT_LIMIT = 50
const MAX_LIMIT = 200

/** Invocations that nobody waits for, and what became of those that failed for good; to be mounted at `/v1`. Expects the caller in the context. */
export function asyncRoutes({ events, secretsKey }: Deps): Hono<GatewayEnv> {
  const routes = new Hono<GatewayEnv>()

  routes.get('/invocations/:id', async (c) => {
    // Whoever waits for an answer needs no more than `invoke`; neither does who comes back for it.
    const caller = hasScope(c.get('caller'), 'read') ? c.get('caller') : needScope(c, 'invoke')
    return c.json(eventView(await eventOf(c, caller), { owner: hasScope(caller, 'read') }), 200, { 'cache-control': 'no-store' })
  })

  routes.delete('/invocations/:id', async (c) => {
    const caller = needScope(c, 'invoke')
    const { event } = await eventOf(c, caller)
    switch (await events.cancel(caller.tenant, event.id)) {
      case 'cancelled':
        return c.json({ id: event.id, status: 'cancelled' })
      case 'told':
        return c.json({ id: event.id, status: 'running', cancelling: true }, 202)
      case 'over':
        throw new Problem({
          status: 409,
          code: 'invocation_over',
          detail: `Cannot cancel invocation ${event.id}: it is over. GET /v1/invocations/${event.id} tells how it ended`,
        })
      case 'unknown':
        throw noSuchInvocation(event.id)
    }
  })

  routes.get('/dead-letters', async (c) => {
    const caller = needScope(c, 'read')
    refuseUnknownQuery(queryOf(c), ['limit', 'offset'])
    const [limit, offset] = [integer(c, 'limit', 1, MAX_LIMIT, DEFAULT_LIMIT), integer(c, 'offset', 0, 1_000_000, 0)]
    const { total, letters } = await events.deadLetters(caller.tenant, offset, limit)
    const mine = letters.filter(({ event }) => reaches(caller, caller.tenant, event.name))
    return c.json({ total, deadLetters: mine.map((story) => eventView(story, { owner: true })) }, 200, { 'cache-control': 'no-store' })
  })

  routes.get('/dead-letters/:id', async (c) => {
    const caller = needScope(c, 'read')
    const story = await deadLetterOf(c, caller)
    const body = await events.body(caller.tenant, story.event.id)
    return c.json(deadLetterView(story, body), 200, { 'cache-control': 'no-store' })
  })

  routes.post('/dead-letters/redrive', async (c) => {
    const caller = needScope(c, 'invoke')
    refuseUnknownQuery(queryOf(c), [])
    return c.json(
      {
        redriven: await events.forAllDead(
          caller.tenant,
          ifReached(caller, (id) => events.redrive(caller.tenant, id)),
        ),
      },
      202,
    )
  })

  routes.post('/dead-letters/:id/redrive', async (c) => {
    const caller = needScope(c, 'invoke')
    const { event } = await deadLetterOf(c, caller)
    if (!(await events.redrive(caller.tenant, event.id))) throw noSuchDeadLetter(event.id)
    return c.json({ id: event.id, status: 'queued' }, 202, { location: `/v1/invocations/${event.id}` })
  })

  routes.delete('/dead-letters', async (c) => {
    const caller = needScope(c, 'invoke')
    refuseUnknownQuery(queryOf(c), [])
    return c.json({
      purged: await events.forAllDead(
        caller.tenant,
        ifReached(caller, (id) => events.purge(caller.tenant, id)),
      ),
    })
  })

  routes.delete('/dead-letters/:id', async (c) => {
    const caller = needScope(c, 'invoke')
    const { event } = await deadLetterOf(c, caller)
    if (!(await events.purge(caller.tenant, event.id))) throw noSuchDeadLetter(event.id)
    return c.body(null, 204)
  })

  routes.get('/callback-secret', (c) => {
    const { tenant } = needScope(c, 'deploy')
    return c.json({ secret: callbackSecret(secretsKey, tenant) }, 200, { 'cache-control': 'no-store' })
  })

  /** @throws Problem 404 also for what is another tenant's, or of a function that the key does not reach */
  async function eventOf(c: Context<GatewayEnv>, caller: Caller): Promise<Story> {
    const id = c.req.param('id') ?? ''
    const story = isInvocationId(id) ? await events.read(caller.tenant, id) : undefined
    if (story === undefined || !reaches(caller, caller.tenant, story.event.name)) throw noSuchInvocation(id)
    return story
  }

  async function deadLetterOf(c: Context<GatewayEnv>, caller: Caller): Promise<Story> {
    const story = await eventOf(c, caller)
    if (story.status !== 'dead') throw noSuchDeadLetter(story.event.id)
    return story
  }

  /** All of the tenant's, unless the key is confined to some functions. */
  function ifReached(caller: Caller, then: (id: string) => Promise<boolean>): (id: string) => Promise<boolean> {
    if (caller.functions === undefined) return then
    return async (id) => {
      const story = await events.read(caller.tenant, id)
      return story !== undefined && reaches(caller, caller.tenant, story.event.name) && (await then(id))
    }
  }

  return routes
}

function noSuchInvocation(id: string): Problem {
  return new Problem({
    status: 404,
    code: 'invocation_not_found',
    detail: `Cannot find an asynchronous invocation ${JSON.stringify(id.slice(0, 80))} here: there was none, or it was over more than a day ago`,
  })
}

function noSuchDeadLetter(id: string): Problem {
  return new Problem({
    status: 404,
    code: 'dead_letter_not_found',
    detail: `Cannot find a dead letter ${id} here: the invocation is not in the dead-letter list. GET /v1/invocations/${id} tells what it is doing`,
  })
}

function queryOf(c: Context<GatewayEnv>): URLSearchParams {
  return new URL(c.req.url).searchParams
}

function integer(c: Context<GatewayEnv>, field: string, min: number, max: number, fallback: number): number {
  const text = c.req.query(field)
  if (text === undefined) return fallback
  const value = Number(text)
  if (/^\d{1,9}$/.test(text) && value >= min && value <= max) return value
  const allowed = `an integer from ${min} to ${max}`
  throw new Problem({
    status: 400,
    code: 'bad_query',
    detail: `Cannot read ${field}: wanted ${allowed}, got ${JSON.stringify(text.slice(0, 80))}`,
    extra: { field, allowed },
  })
}
