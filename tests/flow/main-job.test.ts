import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform()
})
afterAll(async () => void (await platform.stop()))

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/
const TIMING = /^queue;dur=([\d.]+), init;dur=([\d.]+), run;dur=([\d.]+), cpu;dur=([\d.]+)$/

/** One answer, reduced to what its usage record must agree with. */
interface Answer {
  readonly id: string
  readonly trigger: 'http' | 'rpc'
  readonly version: number
  readonly outcome: string
  readonly start: string
  readonly billedMs: number
  readonly queueMs: number
  readonly initMs: number
  readonly runMs: number
  readonly cpuMs: number
}

interface UsageLine extends Answer {
  readonly function: string
  readonly cost: string
}

function readAnswer(response: Response, trigger: 'http' | 'rpc'): Answer {
  const header = (name: string): string => response.headers.get(name) ?? `no ${name}`
  const id = header('isolane-invocation-id')
  expect(id).toMatch(UUID)
  const timing = header('server-timing')
  expect(timing).toMatch(TIMING)
  const [queueMs, initMs, runMs, cpuMs] = (TIMING.exec(timing) as RegExpExecArray).slice(1).map(Number) as [number, number, number, number]
  return {
    id,
    trigger,
    version: Number(header('isolane-version')),
    outcome: header('isolane-outcome'),
    start: header('isolane-start'),
    billedMs: Number(header('isolane-billed-ms')),
    queueMs,
    initMs,
    runMs,
    cpuMs,
  }
}

async function usageOf(name: string): Promise<UsageLine[]> {
  const text = await (await platform.fetch(`/v1/usage/records?function=${name}`)).text()
  return text
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as UsageLine)
}

/** The function's own records, once that many have reached the ledger. */
function recordsOf(name: string, count: number): Promise<UsageLine[]> {
  return vi.waitFor(
    async () => {
      const lines = await usageOf(name)
      if (lines.length < count) throw new Error(`${lines.length} of ${count} records of ${name} are there`)
      return lines
    },
    { timeout: 20_000, interval: 50 },
  )
}

const STYLES = {
  fetch: {
    source: `export default { async fetch(request) {
      const event = request.method === 'POST' ? await request.json() : { n: Number(new URL(request.url).searchParams.get('n')) }
      return Response.json({ doubled: event.n * 2 })
    } }`,
  },
  event: {
    source: 'export default async function (event) { return { doubled: Number(event.query?.n ?? event.n) * 2 } }',
  },
  lambda: {
    source: `export const handler = async (event) => {
      const n = Number(event.queryStringParameters?.n ?? event.n)
      return event.rawPath === undefined ? { doubled: n * 2 } : { statusCode: 200, body: JSON.stringify({ doubled: n * 2 }) }
    }`,
  },
} as const

describe.each(Object.entries(STYLES))('the main job with a handler of style %s', (style, { source }) => {
  const name = `double-${style}`
  const answers: Answer[] = []

  async function call(n: number): Promise<Answer> {
    const trigger = n % 2 === 0 ? 'http' : 'rpc'
    const response =
      trigger === 'http'
        ? await platform.fetch(`/fn/default/${name}/double?n=${n}`)
        : await platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: JSON.stringify({ n }) })
    expect(await response.json()).toEqual({ doubled: n * 2 })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^application\/json/)
    const answer = readAnswer(response, trigger)
    expect(answer).toMatchObject({ version: 1, outcome: 'returned' })
    expect(answer.start).toMatch(/^(cold|warm)$/)
    expect(answer.billedMs).toBe(Math.max(1, Math.ceil(answer.runMs)))
    return answer
  }

  test('is deployed with a report of what its first load cost', async () => {
    // Room for a whole batch in one sandbox, so that what comes after the first answer is warm.
    const deployed = await platform.deploy(name, source, 'concurrency=16')
    expect(deployed).toMatchObject({
      name,
      version: 1,
      style,
      url: `/fn/default/${name}`,
      live: { moved: true, version: 1 },
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      sourceBytes: Buffer.byteLength(source),
      settings: { memoryMb: 128, timeoutMs: 5_000, concurrency: 16, access: 'private' },
      report: { initMs: expect.any(Number), cpuMs: expect.any(Number), heapMb: expect.any(Number), coldStartMs: expect.any(Number) },
    })
  })

  test('answers once and then a thousand times over both doors, every answer with its headers', async () => {
    answers.push(await call(0))
    for (let from = 1; from <= 1_000; from += 10) {
      answers.push(...(await Promise.all(Array.from({ length: 10 }, (_, i) => call(from + i)))))
    }
    expect(answers).toHaveLength(1_001)
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1_001)
    expect(answers.filter(({ start }) => start === 'warm').length).toBeGreaterThan(900)
  })

  test('leaves exactly one usage record for each answer, with its id and its numbers, and one for the deploy', async () => {
    const records = await recordsOf(name, 1_002)
    const deploys = records.filter(({ trigger }) => (trigger as string) === 'deploy')
    expect(deploys).toHaveLength(1)
    const own = new Map(records.filter((record) => !deploys.includes(record)).map((record) => [record.id, record]))
    expect(own.size).toBe(1_001)
    for (const answer of answers) expect(own.get(answer.id)).toMatchObject(answer)
    expect(records).toHaveLength(1_002)
  })

  test('its totals are the sums of its records', async () => {
    const records = await usageOf(name)
    const { groups } = await platform.json<{ groups: { function: string; requests: number; cost: string; cpuMs: number; gbSeconds: number }[] }>(
      '/v1/usage',
    )
    const total = groups.find((group) => group.function === name)
    expect(total?.requests).toBe(records.length)
    expect(total?.cost).toBe(String(records.reduce((sum, { cost }) => sum + BigInt(cost), 0n)))
    expect(total?.cpuMs).toBeCloseTo(
      records.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
      1,
    )
    expect(total?.gbSeconds).toBeGreaterThan(0)
  })
})

describe('what is billed', () => {
  test('a call that needs a new sandbox says cold and what its start cost; the one beside it is warm', async () => {
    await platform.deploy('naps', 'export default () => new Promise((wake) => setTimeout(() => wake({ ok: true }), 150))', 'concurrency=1')
    const call = async () => readAnswer(await platform.fetch('/v1/functions/naps/invocations', { method: 'POST', body: '{}' }), 'rpc')
    const answers = await Promise.all([call(), call(), call()])
    const cold = answers.filter(({ start }) => start === 'cold')
    expect(cold.length).toBeGreaterThanOrEqual(2)
    for (const { initMs, runMs } of cold) {
      expect(initMs).toBeGreaterThan(0)
      expect(runMs).toBeGreaterThan(140)
    }
    for (const { initMs } of answers.filter(({ start }) => start === 'warm')) expect(initMs).toBe(0)
  })

  test('a function that throws is answered 502 with its message for its owner, and billed', async () => {
    await platform.deploy('fails', 'export default (event) => { throw new RangeError("nothing doing with " + event.what) }')
    const response = await platform.fetch('/v1/functions/fails/invocations', { method: 'POST', body: '{"what":"this"}' })
    expect(response.status).toBe(502)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ code: 'function_threw', error: { name: 'RangeError', message: 'nothing doing with this' } })
    const answer = readAnswer(response, 'rpc')
    expect(answer).toMatchObject({ outcome: 'threw', version: 1 })
    const record = (await recordsOf('fails', 2)).find(({ id }) => id === answer.id)
    expect(record).toMatchObject(answer)
    expect(BigInt(record?.cost ?? 0)).toBeGreaterThan(0n)
  })
})
