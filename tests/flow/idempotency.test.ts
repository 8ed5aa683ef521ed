import { request } from 'node:http'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type GatewayAlone, startGatewayAlone } from './gateway-alone.ts'
import type { ScriptedRun } from './scripted-worker.ts'

let gateway: GatewayAlone
let redis: Redis
beforeAll(async () => {
  gateway = await startGatewayAlone()
  redis = new Redis(gateway.redisUrl)
})
afterAll(async () => {
  redis?.disconnect()
  expect(gateway.worker.errors).toEqual([])
  await gateway[Symbol.asyncDispose]()
})

const OK = { kind: 'http', status: 201, headers: [['x-made', 'yes']] } as const

let made = 0
/** A function, and the calls of it that a worker has begun. */
async function deployed(
  script: (run: ScriptedRun) => Promise<void> | void,
): Promise<{ name: string; runs: ScriptedRun[]; begun: Promise<ScriptedRun> }> {
  const name = `once-${++made}`
  const runs: ScriptedRun[] = []
  const begun = Promise.withResolvers<ScriptedRun>()
  await gateway.deploy(name, async (run) => {
    runs.push(run)
    begun.resolve(run)
    await script(run)
  })
  return { name, runs, begun: begun.promise }
}

function send(name: string, key: string, init: RequestInit = {}, path = ''): Promise<Response> {
  const headers = { 'idempotency-key': key, ...(init.headers as Record<string, string>) }
  return fetch(`${gateway.url}/fn/default/${name}${path}`, { method: 'POST', body: 'one order', ...init, headers })
}

async function told(answer: Response) {
  const { headers } = answer
  return {
    status: answer.status,
    body: await answer.text(),
    id: headers.get('isolane-invocation-id'),
    replayed: headers.get('isolane-idempotent-replay'),
    outcome: headers.get('isolane-outcome'),
    billedMs: headers.get('isolane-billed-ms'),
  }
}

/** Until so many wait for the one that runs. */
async function joined(name: string, count: number): Promise<void> {
  await vi.waitFor(async () => {
    const [key = ''] = await redis.keys(`{main}:idem:default/${name}:*`)
    expect((await redis.hget(key, 'joined'))?.split(' ').length).toBe(count)
  })
}

async function recordsOf(name: string): Promise<{ id: string; outcome: string; billedMs: number }[]> {
  const entries = await redis.xrange('{main}:usage', '-', '+')
  const all = entries.flatMap(([, fields]) => fields.filter((_, i) => i % 2 === 1)).map((text) => JSON.parse(text))
  return all.filter((record) => record.function === name && record.trigger !== 'deploy')
}

describe('requests with the same Idempotency-Key', () => {
  test('that come while the first runs are one: all get its answer, and it is on the bill once', async () => {
    const { name, runs, begun } = await deployed(() => {})
    const answers = Array.from({ length: 5 }, () => send(name, 'k-1').then(told))
    const run = await begun
    await joined(name, 4)
    run.settle({ kind: 'returned' }, OK, 'order 1')
    const all = await Promise.all(answers)
    const firsts = all.filter(({ replayed }) => replayed === null)
    expect(firsts).toEqual([{ status: 201, body: 'order 1', id: run.invocation.id, replayed: null, outcome: 'returned', billedMs: '7' }])
    const replay = { status: 201, body: 'order 1', id: run.invocation.id, replayed: 'true', outcome: 'returned', billedMs: '0' }
    expect(all.filter(({ replayed }) => replayed !== null)).toEqual(Array(4).fill(replay))
    expect(runs).toHaveLength(1)
    expect(await recordsOf(name)).toHaveLength(1)
  })

  test.each([
    ['came to an answer', { kind: 'returned' }, OK, 201],
    ['threw', { kind: 'threw', error: { name: 'Error', message: 'no', stack: '' }, phase: 'run' }, undefined, 502],
  ] as const)('that come when the first %s get what it came to, headers and all', async (_, outcome, head, status) => {
    const { name, runs } = await deployed((run) => run.settle(outcome, head, head && 'order 2'))
    const first = await told(await send(name, '"k-2"'))
    const second = await send(name, 'k-2')
    expect([second.headers.get('x-made'), second.headers.get('isolane-version')]).toEqual([head ? 'yes' : null, null])
    const body = head ? first.body : expect.stringContaining('failed. It was not run again: ')
    expect(await told(second)).toEqual({ ...first, body, replayed: 'true', billedMs: '0' })
    expect([first.status, runs.length, (await recordsOf(name)).length]).toEqual([status, 1, 1])
  })

  test('are one at the RPC door, too', async () => {
    const { name, runs } = await deployed((run) => run.settle({ kind: 'returned' }, { kind: 'json' }, run.body))
    const call = (body: string, query = '') =>
      fetch(`${gateway.url}/v1/functions/${name}/invocations${query}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.key}`, 'idempotency-key': 'k-3' },
        body,
      }).then(told)
    const first = await call('{"order":3}')
    expect(await call('{"order":3}')).toEqual({ ...first, replayed: 'true', billedMs: '0' })
    expect([first.body, runs.length]).toEqual(['{"order":3}', 1])
    expect((await call('{"order":4}')).status).toBe(422)
    expect((await call('{"order":3}', '?qualifier=1')).status).toBe(422)
  })

  test.each([
    ['another body', { body: 'two orders' }, ''],
    ['another method', { method: 'PUT' }, ''],
    ['another path', {}, '/elsewhere'],
    ['another query', {}, '?q=1'],
    ['another content type', { headers: { 'content-type': 'text/csv' } }, ''],
    ['the credentials of somebody else', { headers: { authorization: 'Basic eDp5' } }, ''],
  ])('but %s are refused: the key is taken', async (_, init, path) => {
    const { name, runs } = await deployed((run) => run.settle({ kind: 'returned' }, OK))
    await send(name, 'k-4')
    const answer = await send(name, 'k-4', init, path)
    expect(answer.status).toBe(422)
    expect(await answer.json()).toMatchObject({ code: 'idempotency_key_reused', title: 'Cannot be processed' })
    expect(runs).toHaveLength(1)
  })

  test('are all answered, however many ask for a large answer at once', async () => {
    const large = 'x'.repeat(60_000)
    const { name, runs } = await deployed((run) => run.settle({ kind: 'returned' }, OK, large))
    await send(name, 'k-1').then(told)
    const all = await Promise.all(Array.from({ length: 40 }, () => send(name, 'k-1').then(told)))
    expect(all.filter(({ status, body, replayed }) => status === 201 && body === large && replayed === 'true')).toHaveLength(40)
    expect(runs).toHaveLength(1)
  })

  test('beyond those who may wait for the one that runs are told when to come again', async () => {
    const { name, runs, begun } = await deployed(() => {})
    const answers = Array.from({ length: 65 }, () => send(name, 'k-1').then(told))
    const run = await begun
    await joined(name, 64)
    const late = await send(name, 'k-1')
    expect([late.status, late.headers.get('retry-after'), ((await late.json()) as { code: string }).code]).toEqual([429, '1', 'queue_full'])
    run.settle({ kind: 'returned' }, OK, 'order 1')
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(answers.map(() => 'order 1'))
    expect(runs).toHaveLength(1)
  })

  test('to two functions have nothing to do with each other', async () => {
    const [one, two] = [await deployed((run) => run.settle({ kind: 'returned' }, OK)), await deployed((run) => run.settle({ kind: 'returned' }, OK))]
    expect([(await send(one.name, 'k-5')).status, (await send(two.name, 'k-5')).status]).toEqual([201, 201])
    expect([one.runs.length, two.runs.length]).toEqual([1, 1])
  })

  test('may carry a body too large for the lane: it is told apart by all of it', async () => {
    const { name, runs } = await deployed(async (run) => {
      let bytes = 0
      for await (const piece of await run.request()) bytes += (piece as Buffer).length
      run.settle({ kind: 'returned' }, OK, String(bytes))
    })
    const body = Buffer.alloc(300_000, 'x')
    expect(await told(await send(name, 'k-6', { body }))).toMatchObject({ body: '300000', replayed: null })
    expect(await told(await send(name, 'k-6', { body }))).toMatchObject({ body: '300000', replayed: 'true' })
    body[299_999] = 0
    expect((await send(name, 'k-6', { body })).status).toBe(422)
    expect(runs).toHaveLength(1)
  })

  test('hear that an answer was not kept when it was streamed, and which call it was', async () => {
    const { name, runs, begun } = await deployed(async (run) => {
      const { outgoing, finished } = await run.reply({ kind: 'http', status: 200, headers: [], stream: {} })
      outgoing.end('streamed')
      await finished
      run.settle()
    })
    expect(await (await send(name, 'k-7')).text()).toBe('streamed')
    const { id } = (await begun).invocation
    await vi.waitFor(async () => expect(await recordsOf(name)).toHaveLength(1))
    const answer = await send(name, 'k-7')
    expect([answer.status, answer.headers.get('isolane-invocation-id')]).toEqual([409, id])
    expect(await answer.json()).toMatchObject({ code: 'answer_not_kept', invocation: id })
    expect(runs).toHaveLength(1)
  })

  test('that may have run in part are not run again, and hear so', async () => {
    const { name, runs } = await deployed((run) => run.settle({ kind: 'lost', reason: 'a test', started: 'maybe' }, undefined, '', 0))
    const first = await send(name, 'k-13')
    expect([first.status, first.headers.get('retry-after')]).toEqual([503, '1'])
    const again = await send(name, 'k-13')
    expect([again.status, again.headers.get('retry-after'), again.headers.get('isolane-idempotent-replay')]).toEqual([503, null, 'true'])
    expect(await again.json()).toMatchObject({ code: 'lost', detail: expect.stringMatching(/nothing is billed\. It was not run again: /) })
    expect(runs).toHaveLength(1)
  })

  test('that never ran leave the key free', async () => {
    let times = 0
    const { name, runs } = await deployed((run) => {
      if (++times <= 2) run.settle({ kind: 'lost', reason: 'a test', started: 'no' }, undefined, '', 0)
      else run.settle({ kind: 'returned' }, OK, 'at last')
    })
    // Twice: the gateway makes the first one again by itself.
    expect((await send(name, 'k-8')).status).toBe(503)
    expect(await told(await send(name, 'k-8'))).toMatchObject({ status: 201, body: 'at last', replayed: null })
    expect(runs.map(({ invocation }) => invocation.attempt)).toEqual([1, 2, 1])
  })
})

describe('at two gateways', () => {
  const call = (url: string, name: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${url}/fn/default/${name}`, { method: 'POST', body: 'one order', headers: { 'idempotency-key': 'k-11' }, ...init })

  test('requests with the same key are one, while it runs and later', async () => {
    const other = await gateway.openAnother()
    const { name, runs, begun } = await deployed(() => {})
    const first = call(gateway.url, name).then(told)
    const run = await begun
    const second = call(other.url, name).then(told)
    await joined(name, 1)
    run.settle({ kind: 'returned' }, OK, 'order 11')
    const [mine, theirs, later] = [await first, await second, await told(await call(other.url, name))]
    expect([mine, theirs, later]).toMatchObject([
      { body: 'order 11', replayed: null },
      { body: 'order 11', replayed: 'true', id: mine.id },
      { body: 'order 11', replayed: 'true', id: mine.id },
    ])
    expect(runs).toHaveLength(1)
  })

  test('the answer of a call whose gateway has gone is there for who comes to another one', async () => {
    const gone = await gateway.openAnother()
    const { name, runs, begun } = await deployed(() => {})
    const leaving = new AbortController()
    const first = call(gone.url, name, { signal: leaving.signal }).catch((error: Error) => error.name)
    const run = await begun
    leaving.abort()
    expect(await first).toBe('AbortError')
    await gone.close()
    const again = call(gateway.url, name).then(told)
    await joined(name, 1)
    run.settle({ kind: 'returned' }, OK, 'order 12')
    expect(await again).toMatchObject({ body: 'order 12', replayed: 'true', id: run.invocation.id })
    expect(runs).toHaveLength(1)
  })
})

describe('a caller with an Idempotency-Key who leaves', () => {
  /** Sends the request of `send`, and can be cut off. */
  function leaving(name: string, key: string) {
    const sent = request(`${gateway.url}/fn/default/${name}`, {
      agent: false,
      method: 'POST',
      headers: { 'idempotency-key': key, 'content-type': 'text/plain;charset=UTF-8' },
    })
    sent.on('error', () => {})
    sent.end('one order')
    return sent
  }

  test('does not end what runs, and gets its answer when he comes back', async () => {
    const { name, runs, begun } = await deployed(() => {})
    const sent = leaving(name, 'k-9')
    const run = await begun
    sent.destroy()
    await new Promise((resolve) => sent.once('close', resolve))
    const again = send(name, 'k-9').then(told)
    await joined(name, 1)
    run.settle({ kind: 'returned' }, OK, 'order 9')
    expect(await again).toMatchObject({ status: 201, body: 'order 9', replayed: 'true', id: run.invocation.id })
    expect((await recordsOf(name)).map(({ outcome }) => outcome)).toEqual(['returned'])
    expect(runs).toHaveLength(1)
  })

  test('in the middle of a streamed answer does not end that either', async () => {
    const { name, begun } = await deployed(() => {})
    const sent = leaving(name, 'k-10')
    const received = new Promise((resolve) => sent.once('response', (answer) => answer.on('error', () => {}).once('data', resolve)))
    const run = await begun
    const { outgoing, finished } = await run.reply({ kind: 'http', status: 200, headers: [], stream: {} })
    outgoing.write('x'.repeat(100_000))
    await received
    sent.destroy()
    await new Promise((resolve) => sent.once('close', resolve))
    // More than is held anywhere on the way: somebody must read it.
    for (let n = 0; n < 50; n++) if (!outgoing.write('x'.repeat(100_000))) await new Promise((resolve) => outgoing.once('drain', resolve))
    outgoing.end()
    await finished
    run.settle()
    await vi.waitFor(async () => expect((await recordsOf(name)).map(({ outcome }) => outcome)).toEqual(['returned']))
  })
})

test.each(['', 'a b', 'x'.repeat(256)])('the key %j is refused at both doors, before anything runs', async (key) => {
  const { name, runs } = await deployed((run) => run.settle({ kind: 'returned' }, OK))
  const headers = { 'idempotency-key': key, authorization: `Bearer ${gateway.key}` }
  for (const path of [`/fn/default/${name}`, `/v1/functions/${name}/invocations`]) {
    const answer = await fetch(gateway.url + path, { method: 'POST', headers, body: '1' })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ code: 'header_invalid', field: 'Idempotency-Key' })
  }
  expect(runs).toHaveLength(0)
})
