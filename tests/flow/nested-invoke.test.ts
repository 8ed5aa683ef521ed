import { once } from 'node:events'
import { request } from 'node:http'
import { buffer, text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { MAX_INVOKE_DEPTH, type NestedReply } from '../../runtime/contract/data.ts'
import type { EventHead } from '../../runtime/contract/messages.ts'
import type { NestedAnswer } from '../../runtime/data/data-client.ts'
import { type GatewayAlone, startGatewayAlone } from './gateway-alone.ts'
import type { Script, ScriptedRun } from './scripted-worker.ts'

let gateway: GatewayAlone
beforeAll(async () => {
  gateway = await startGatewayAlone()
})
afterAll(async () => void (await gateway[Symbol.asyncDispose]()))
afterEach(() => expect(gateway.worker.errors.splice(0)).toEqual([]))

const OK = { kind: 'http', status: 200, headers: [] } as const
const URL_EVENT = { method: 'GET', url: 'http://acme.example/x', headers: [] }

async function whole({ head, first, bytes }: NestedAnswer): Promise<{ head: NestedReply; body: string }> {
  return { head, body: Buffer.concat([first, await buffer(bytes)]).toString() }
}

/** Deploys `outer`, runs `ask` inside one call of it, and gives back what that gave. */
async function within<T>(ask: (run: ScriptedRun) => Promise<T>): Promise<T> {
  const asked = Promise.withResolvers<T>()
  gateway.worker.scripts.set('outer', async (run) => {
    try {
      asked.resolve(await ask(run))
    } catch (error) {
      asked.reject(error)
    }
    run.settle({ kind: 'returned' }, OK, 'outer')
  })
  expect(await (await fetch(`${gateway.url}/fn/default/outer`)).text()).toBe('outer')
  return await asked.promise
}

beforeAll(async () => {
  await gateway.deploy('outer', async () => {})
  await gateway.deploy('inner', async (run) => run.settle({ kind: 'returned' }, { ...OK, headers: [['x-mine', 'yes']] }, 'inner'))
})

describe('a function that calls another', () => {
  test('gets its answer, and the other is of the same tenant, one deeper, with what is left of the time', async () => {
    let seen: ScriptedRun | undefined
    await gateway.deploy('seen', async (run) => {
      seen = run
      run.settle({ kind: 'returned' }, { ...OK, headers: [['x-mine', 'yes']] }, 'seen')
    })
    const headers = [
      ['X-Thing', 'T'],
      ['te', 'trailers'],
      ['isolane-depth', '0'],
      ['authorization', 'Bearer isl_12345678'],
    ]
    const event = { method: 'PATCH', url: 'https://acme.example/a%20b?x=1', headers, id: 'mine', deadlineAt: 1 }
    const { head, body } = await within(async (run) => whole(await run.invoke({ name: 'seen', door: 'url', leftMs: 900 }, event, 'the body')))
    expect([head, body]).toEqual([{ kind: 'returned', head: { ...OK, headers: [['x-mine', 'yes']] } }, 'seen'])
    expect(seen?.invocation).toMatchObject({ tenant: 'default', name: 'seen', trigger: 'invoke', door: 'url', depth: 1 })
    expect(seen?.event).toEqual({
      door: 'url',
      id: seen?.invocation.id,
      deadlineAt: expect.any(Number),
      timeoutMs: 5_000,
      method: 'PATCH',
      url: 'https://acme.example/a%20b?x=1',
      headers: [['x-thing', 'T']],
    } satisfies Record<keyof Extract<EventHead, { door: 'url' }>, unknown> | object)
    expect(seen?.body.toString()).toBe('the body')
    expect(seen?.claim.leftMs).toBeLessThanOrEqual(900)
  })

  test('by rpc: the event is its JSON body', async () => {
    let seen: ScriptedRun | undefined
    await gateway.deploy('adds', async (run) => {
      seen = run
      run.settle({ kind: 'returned' }, { kind: 'json' }, '3')
    })
    const { head, body } = await within(async (run) => whole(await run.invoke({ name: 'adds', door: 'rpc' }, '', '[1,2]')))
    expect([head, body, seen?.body.toString()]).toEqual([{ kind: 'returned', head: { kind: 'json' } }, '3', '[1,2]'])
  })

  test('hears how it failed', async () => {
    const error = { name: 'TypeError', message: 'no', stack: 'at' }
    await gateway.deploy('throws', async (run) => run.settle({ kind: 'threw', error, phase: 'run' }))
    const { head, body } = await within(async (run) => whole(await run.invoke({ name: 'throws', door: 'url' }, URL_EVENT)))
    expect([head, body]).toEqual([{ kind: 'failed', code: 'function_threw', detail: 'default/throws threw TypeError: no' }, ''])
  })

  test('gets a streamed answer as it comes', async () => {
    const step = Promise.withResolvers<void>()
    await gateway.deploy('streams', async (run) => {
      const { outgoing, finished } = await run.reply({ ...OK, stream: {} })
      outgoing.write('first')
      await step.promise
      outgoing.end(' and last')
      await finished
      run.settle()
    })
    const got = await within(async (run) => {
      const answer = await run.invoke({ name: 'streams', door: 'url' }, URL_EVENT)
      const first = answer.first.length > 0 ? answer.first : ((await once(answer.bytes, 'data'))[0] as Buffer)
      step.resolve()
      return [answer.head, `${first}${await text(answer.bytes)}`]
    })
    expect(got).toEqual([{ kind: 'returned', head: { ...OK, stream: {} } }, 'first and last'])
  })

  test('sees a streamed answer cut that fails on its way', async () => {
    const seen = Promise.withResolvers<void>()
    await gateway.deploy('fails-late', async (run) => {
      const { outgoing, finished } = await run.reply({ ...OK, stream: {} })
      outgoing.write('first')
      await seen.promise
      run.settle({ kind: 'exceeded', limit: 'cpu', allowed: 1, unit: 'ms', phase: 'run' })
      await finished.catch(() => {})
    })
    await within(async (run) => {
      const answer = await run.invoke({ name: 'fails-late', door: 'url' }, URL_EVENT)
      seen.resolve()
      await expect(buffer(answer.bytes)).rejects.toThrow(/aborted/)
    })
  })

  test('that gives up ends the other', async () => {
    const ended = Promise.withResolvers<void>()
    const started = Promise.withResolvers<void>()
    await gateway.deploy('never', async (run) => {
      started.resolve()
      await run.aborted
      run.settle({ kind: 'cancelled' })
      ended.resolve()
    })
    await within(async (run) => {
      const stop = new AbortController()
      const asked = run.invoke({ name: 'never', door: 'url' }, URL_EVENT, '', stop.signal)
      await started.promise
      stop.abort()
      await expect(asked).rejects.toThrow()
      await ended.promise
    })
  })

  test('may go eight deep, and is refused beyond', async () => {
    const depths: number[] = []
    const goDown: Script = async (run) => {
      depths.push(run.invocation.depth)
      const { head, body } = await whole(await run.invoke({ name: 'down', door: 'url' }, URL_EVENT))
      run.settle({ kind: 'returned' }, OK, head.kind === 'failed' ? head.code : body)
    }
    await gateway.deploy('down', async (run) => run.settle({ kind: 'returned' }, OK, ''))
    // From now on the lane knows that it hardly computes: one worker holds all of the chain.
    await (await fetch(`${gateway.url}/fn/default/down`)).text()
    gateway.worker.scripts.set('down', goDown)
    expect(await (await fetch(`${gateway.url}/fn/default/down`)).text()).toBe('invoke_too_deep')
    expect(depths).toEqual(Array.from({ length: MAX_INVOKE_DEPTH + 1 }, (_, depth) => depth))
  })
})

describe('is refused', () => {
  const refusal = async (wanted: Parameters<ScriptedRun['invoke']>[0], event: unknown = URL_EVENT, body = ''): Promise<string> => {
    const { head } = await within(async (run) => whole(await run.invoke(wanted, event, body)))
    expect(head).toMatchObject({ kind: 'failed', detail: expect.stringMatching(/./) })
    return (head as Extract<NestedReply, { kind: 'failed' }>).code
  }

  test.each([
    ['a function there is not', { name: 'nowhere' }],
    ['a name that cannot be one', { name: '../outer' }],
    ['a version there is not', { name: 'inner', qualifier: '77' }],
    ['an alias there is not', { name: 'inner', qualifier: 'green' }],
  ])('%s', async (_, wanted) => {
    expect(await refusal({ ...wanted, door: 'url' })).toBe('function_not_found')
  })

  test('an event that is not JSON, at the rpc door', async () => {
    expect(await refusal({ name: 'inner', door: 'rpc' }, '', '{')).toBe('json_invalid')
  })

  test.each([
    ['no request at all', 'nonsense'],
    ['a list', []],
    ['a method with a space', { ...URL_EVENT, method: 'GE T' }],
    ['a relative address', { ...URL_EVENT, url: '/x' }],
    ['an address of another kind', { ...URL_EVENT, url: 'file:///etc/passwd' }],
    ['an address with a line break', { ...URL_EVENT, url: 'http://a.example/\r\nx: y' }],
    ['a header name with a colon', { ...URL_EVENT, headers: [['a:b', 'c']] }],
    ['a header value with a line break', { ...URL_EVENT, headers: [['a', 'b\r\nc: d']] }],
    ['headers that are no pairs', { ...URL_EVENT, headers: [['a']] }],
    ['headers that are no list', { ...URL_EVENT, headers: { a: 'b' } }],
  ])('%s', async (_, event) => {
    expect(await refusal({ name: 'inner', door: 'url' }, event)).toBe('request_invalid')
  })

  test('a caller nobody waits for any more', async () => {
    const after = await within(async (run) => run)
    const { head } = await whole(await after.invoke({ name: 'inner', door: 'url' }, URL_EVENT))
    expect(head).toMatchObject({ kind: 'failed', code: 'cancelled' })
  })
})

describe('calls that come back in by address', () => {
  const from = (depth: string) => fetch(`${gateway.url}/fn/default/inner`, { headers: { 'isolane-depth': depth } })

  test('go on counting', async () => {
    let seen: ScriptedRun | undefined
    await gateway.deploy('counted', async (run) => {
      seen = run
      run.settle({ kind: 'returned' }, OK, '')
    })
    await fetch(`${gateway.url}/fn/default/counted`, { headers: { 'isolane-depth': '3' } })
    expect(seen?.invocation.depth).toBe(3)
    expect(JSON.stringify(seen?.event)).not.toContain('isolane-depth')
  })

  test.each(['9', '-1', '1.5', 'many'])('with %s behind them are refused', async (depth) => {
    const answer = await from(depth)
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([508, 'invoke_too_deep'])
  })

  test('are refused at the rpc door as well', async () => {
    const headers = { authorization: `Bearer ${gateway.key}`, 'isolane-depth': '9' }
    const answer = await fetch(`${gateway.url}/v1/functions/inner/invocations`, { method: 'POST', body: 'null', headers })
    expect(answer.status).toBe(508)
  })
})

test('a data server for workers elsewhere is reached over TCP, with the same secret', async () => {
  await using remote = await startGatewayAlone({ remoteWorkers: true })
  const run = Promise.withResolvers<ScriptedRun>()
  await remote.deploy('elsewhere', async (it) => {
    run.resolve(it)
    const address = await remote.worker.lane.dataAddress(it.invocation.gateway)
    const [, host, port] = /^(.+):(\d+)$/.exec(address?.tcp ?? '') ?? []
    const path = `/invocations/${it.claim.key}/request`
    const ask = async (secret: string): Promise<[number | undefined, string]> => {
      const sent = request({ host, port, path, headers: { authorization: `Bearer ${secret}` } }).end()
      const [answer] = await once(sent, 'response')
      return [answer.statusCode, await text(answer)]
    }
    expect(await ask('not it')).toEqual([401, ''])
    it.settle({ kind: 'returned' }, { kind: 'json' }, JSON.stringify(await ask(address?.secret ?? '')))
  })
  const answer = await fetch(`${remote.url}/fn/default/elsewhere`, { method: 'POST', body: 'small' })
  expect(await answer.json()).toEqual([200, 'small'])
  expect(remote.worker.errors).toEqual([])
})
