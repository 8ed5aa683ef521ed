import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform()
  const response = await upload('shop', SHOP)
  if (response.status !== 201) throw new Error(await response.text())
})
afterAll(async () => void (await platform.stop()))

/** Types, comments and empty lines see to it that no place in the bundle is that of the upload. */
const SHOP = {
  'index.ts': `import { fail, later } from './lib/fail.ts'
import legacy from './old/legacy.cjs'

interface Event { readonly how: string; readonly words?: string }
type Name = string

class Till {
  async buy(): Promise<void> { await later() }
}

const ways: Record<string, (event: Event) => unknown> = {
  throws: () => fail('a' as Name),
  awaits: () => new Till().buy(),
  legacy: () => legacy.go(),
  natively: () => [1].map(() => JSON.parse('{')),
  streams: () => new Response(new ReadableStream({ pull() { throw new Error('in pull') } })),
  captures: () => { const own = { message: 'own' } as any; Error.captureStackTrace(own); throw own },
  stops: () => { Error.stackTraceLimit = 1; try { fail('b') } finally { Error.stackTraceLimit = 10 } },
  imitates: () => { throw Object.assign(new Error('x'), { stack: 'Error: x\\n    at /home/me/app.js:1:2' }) },
  logs: () => { console.error('first', new Error('logged')); console.log(new Error('as text').stack); console.trace('here'); console.log('last') },
  forgets: () => { Promise.reject(new RangeError('nobody')); return 3 },
  forgetsNoError: () => { Promise.reject({ not: 'an error' }); return 3 },
  wakes: async () => { setTimeout(() => fail('later'), 1); await new Promise((done) => setTimeout(done, 30)) },
  says: ({ words }) => { console.log(words); throw new Error(words) },
}

export default function handler(event: Event): unknown {
  return ways[event.how]?.(event)
}
`,
  'lib/fail.ts': `/* Longer
 * than
 * its code */
export function fail(what: string): never {
  const one: number = 1
  throw new RangeError(what + one)
}

export const later = async (): Promise<void> => {
  await null
  fail('later')
}
`,
  'old/legacy.cjs': "\n\nexports.go = function go() {\n  throw new Error('old')\n}\n",
}

function upload(name: string, modules: Record<string, string>): Promise<Response> {
  const form = new FormData()
  form.set('metadata', new Blob([JSON.stringify({ main_module: Object.keys(modules)[0] })], { type: 'application/json' }))
  for (const [module, source] of Object.entries(modules)) form.set(module, new File([source], module))
  return platform.fetch(`/v1/functions/${name}`, { method: 'PUT', body: form })
}

interface Answer {
  readonly status: number
  readonly detail?: string
  readonly error?: { readonly name: string; readonly message: string; readonly stack: string }
  readonly errors?: readonly { readonly file?: string; readonly line?: number; readonly column?: number }[]
}

async function call(name: string, event: unknown): Promise<Answer> {
  const response = await platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: JSON.stringify(event) })
  return { ...(response.status === 200 ? {} : ((await response.json()) as object)), status: response.status }
}

/** The lines of one function that came after the first `from`. */
async function lines(name: string, from = 0): Promise<{ level: string; message: string }[]> {
  const text = await (await platform.fetch(`/v1/functions/${name}/logs`)).text()
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { level: string; message: string })
    .slice(from)
}

const HOST = /node:|node_modules|isolated-vm|isolane:prelude|upload:|function\.js|\/(home|root|work|tmp|usr|var|srv)\//

describe('the stack of an error that was thrown', () => {
  test.each([
    ['by a function of another module', 'throws', ['at fail (lib/fail.ts:6:9)', 'at Object.throws (index.ts:12:17)', 'at handler (index.ts:28:24)']],
    ['behind an await', 'awaits', ['at fail (lib/fail.ts:6:9)', 'at later (lib/fail.ts:11:3)', 'at async Till.buy (index.ts:8:32)']],
    ['by a CommonJS module', 'legacy', ['at Object.go (old/legacy.cjs:4:9)', 'at Object.legacy (index.ts:14:24)', 'at handler (index.ts:28:24)']],
    [
      'by the engine',
      'natively',
      [
        'at JSON.parse (<anonymous>)',
        'at index.ts:15:38',
        'at Array.map (<anonymous>)',
        'at Object.natively (index.ts:15:23)',
        'at handler (index.ts:28:24)',
      ],
    ],
    ['by a stream of the reply', 'streams', ['at Object.pull (index.ts:16:67)']],
    ['and made by captureStackTrace', 'captures', ['at Object.captures (index.ts:17:66)', 'at handler (index.ts:28:24)']],
    ['under a stackTraceLimit of its own', 'stops', ['at fail (lib/fail.ts:6:9)']],
  ])('%s names the files and lines that were uploaded', async (_, how, frames) => {
    const { status, error } = await call('shop', { how })
    expect(status).toBe(502)
    expect(error?.stack.split('\n').slice(1)).toEqual(frames.map((frame) => `    ${frame}`))
    expect(JSON.stringify(error)).not.toMatch(HOST)
  })

  test('is the author’s to write', async () => {
    expect((await call('shop', { how: 'imitates' })).error?.stack).toBe('Error: x\n    at /home/me/app.js:1:2')
  })

  test('is his through a version that PATCH made, and through the function’s URL', async () => {
    const patched = await platform.fetch('/v1/functions/shop', { method: 'PATCH', body: '{"memoryMb":64}' })
    expect(patched.status).toBe(200)
    expect((await call('shop', { how: 'throws' })).error?.stack).toContain('at fail (lib/fail.ts:6:9)')
    await platform.deploy('url', '\n\ninterface A {}\nexport default { fetch() { throw new Error("at the url") } }')
    const answer = (await (await platform.fetch('/fn/default/url')).json()) as Answer
    expect(answer.error?.stack).toBe('Error: at the url\n    at Object.fetch (index.ts:4:34)')
  })

  test('names what its author bundled before the upload, where he left the map in', async () => {
    const inlined = await build({
      stdin: {
        contents: SHOP['lib/fail.ts'].replace('export const later', 'export default () => fail("bundled")\nexport const later'),
        sourcefile: 'src/fail.ts',
        loader: 'ts',
      },
      bundle: true,
      format: 'esm',
      sourcemap: 'inline',
      sourcesContent: false,
      write: false,
    })
    await platform.deploy('bundled', inlined.outputFiles[0]?.text ?? '')
    expect((await call('bundled', null)).error?.stack).toMatch(
      /^RangeError: bundled1\n {4}at fail \(src\/fail.ts:6:9\)\n {4}at \S+ \(src\/fail.ts:9:22\)$/,
    )
  })

  test('and its message are bounded, whatever places they claim to be from', async () => {
    await upload('windbag', { [`${'long'.repeat(40)}.ts`]: 'export default (event: string) => {\n  throw new Error(event)\n}' })
    const places = Array.from({ length: 60 }, (_, at) => `file:///function.js:${at + 1}:3`).join(' ')
    const { error } = await call('windbag', `${places} `.repeat(100))
    for (const text of [error?.message ?? '', error?.stack ?? '']) {
      expect(text).toContain('longlong')
      expect(text.length).toBeLessThanOrEqual(16_000)
    }
  })
})

describe('the log of a function', () => {
  const FRAME = 'at handler (index.ts:28:24)'
  const since = async (how: string, count: number): Promise<string[]> => {
    const before = (await lines('shop')).length
    await call('shop', { how })
    return await vi.waitFor(async () => {
      const news = await lines('shop', before)
      expect(news).toHaveLength(count)
      return news.map(({ level, message }) => `${level} ${message}`)
    })
  }

  test('names them for errors that were logged, in the order of the lines', async () => {
    const news = await since('logs', 4)
    expect(news).toEqual([
      `error first Error: logged\n    at Object.logs (index.ts:20:40)\n    ${FRAME}`,
      `info Error: as text\n    at Object.logs (index.ts:20:74)\n    ${FRAME}`,
      `debug Trace: here\n    at Object.logs (index.ts:20:111)\n    ${FRAME}`,
      'info last',
    ])
  })

  test('and for those that nobody caught: thrown, rejected, or thrown by a timer', async () => {
    expect(await since('throws', 1)).toEqual([
      `error Uncaught RangeError: a1\n    at fail (lib/fail.ts:6:9)\n    at Object.throws (index.ts:12:17)\n    ${FRAME}`,
    ])
    expect(await since('forgets', 1)).toEqual([
      `error Uncaught (in promise) RangeError: nobody\n    at Object.forgets (index.ts:21:35)\n    ${FRAME}`,
    ])
    expect(await since('forgetsNoError', 1)).toEqual(['error Uncaught (in promise) an object that is not an Error'])
    expect(await since('wakes', 1)).toEqual(['error Uncaught RangeError: later1\n    at fail (lib/fail.ts:6:9)\n    at index.ts:23:41'])
  })

  test('holds nothing of the host', async () => {
    const own = (await lines('shop')).filter(({ message }) => !message.includes('/home/me/'))
    expect(own.length).toBeGreaterThan(10)
    expect(JSON.stringify(own)).not.toMatch(HOST)
  })
})

describe('a deploy that fails at its start', () => {
  test.each([
    ['in a nested module', { 'index.ts': "\nimport './lib/a.ts'\nexport default () => 1", 'lib/a.ts': 'type A = 1\n\n  null.x' }, 'lib/a.ts', 3, 8],
    ['in a CommonJS module', { 'index.ts': "import './a.cjs'\nexport default () => 1", 'a.cjs': '\nnull.x' }, 'a.cjs', 2, 6],
    ['in a text that only the engine finds wrong', { 'index.ts': 'interface A {}\nexport default () => /(/' }, 'index.ts', 2, 22],
  ])('%s says where', async (_, modules, file, line, column) => {
    const answer = (await (await upload('broken', modules)).json()) as Answer
    expect(answer).toMatchObject({ status: 422, errors: [{ file, line, column }] })
    expect(answer.detail).toContain(`${file}:${line}:${column}: `)
    expect(JSON.stringify(answer)).not.toMatch(HOST)
  })
})
