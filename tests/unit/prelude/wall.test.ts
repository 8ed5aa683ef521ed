import { describe, expect, test } from 'vitest'
import { MAX_BUFFERED_BODY_BYTES } from '../../../runtime/contract/limits.ts'
import type { GuestPost } from '../../../runtime/contract/messages.ts'
import { MAX_LOG_BYTES_PER_CALL, MAX_POSTS_PER_SLICE, MAX_TIMERS_PER_CALL } from '../../../runtime/contract/messages.ts'
import { evaluate, Sandbox, VARIANTS } from './sandbox.ts'

const KINDS: Record<keyof GuestPost, true> = {
  loaded: true,
  failed: true,
  result: true,
  done: true,
  call: true,
  uncall: true,
  timer: true,
  untimer: true,
  log: true,
}

/** Visits everything a function can get hold of: properties, prototypes, what getters return, symbols too. */
const WALK = `
  const seen = new Set(), bad = []
  const makers = ['Reference', 'ExternalCopy', 'Isolate', 'Context', 'Callback', 'NativeModule', 'InspectorSession']
  const stack = [[globalThis, 'globalThis'], [async function () {}, 'async'], [function* () {}, 'gen'], [async function* () {}, 'asyncgen'], [ctx, 'ctx'], [event, 'event'],
    [new Request('https://a/'), 'request'], [new Response('x'), 'response'], [new Response('x').body.getReader(), 'reader'], [new URL('https://a/'), 'url'],
    [new AbortController(), 'abort'], [ctx.signal, 'signal'], [new Headers().entries(), 'iterator'], [require, 'require'], [module, 'module'], [new Error().stack, 'stack']]
  while (stack.length > 0) {
    const [value, path] = stack.pop()
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') continue
    if (seen.has(value)) continue
    seen.add(value)
    if (isForbidden(value)) bad.push(path)
    const tag = Object.prototype.toString.call(value), maker = value.constructor?.name
    if (makers.includes(maker) || makers.some((name) => tag.includes(name))) bad.push(path + ' is a ' + maker)
    const proto = Object.getPrototypeOf(value)
    stack.push([proto, path + '.__proto__'])
    if (proto === null && typeof value === 'function') bad.push(path + ' is a function of another realm')
    if (typeof value === 'function' && !(value instanceof Object)) bad.push(path + ' is not of this realm')
    for (const key of Reflect.ownKeys(value)) {
      const { value: held, get, set } = Object.getOwnPropertyDescriptor(value, key)
      const name = path + '.' + String(key)
      stack.push([held, name], [get, name + ' getter'], [set, name + ' setter'])
      if (get !== undefined) try { stack.push([value[key], name]) } catch (error) { stack.push([error, name + ' error']) }
    }
  }
  return { bad, count: seen.size }`

describe.each(VARIANTS)('from %s', (variant) => {
  test('nothing reachable is a handle of the host, the way out or the way in', () => {
    // The walk is told which functions are forbidden without being given them.
    const before = `const forbidden = new WeakSet([$0, globalThis.__isolaneAttach]); globalThis.isForbidden = (value) => forbidden.has(value)`
    using sandbox = new Sandbox(`module.exports = (event, ctx) => { ${WALK} }`, { variant, before, commonJs: true })
    const answer = sandbox.rpc({})
    if (answer.kind !== 'result') throw new Error(JSON.stringify(answer))
    const { bad, count } = JSON.parse(answer.body)
    expect(bad).toEqual([])
    expect(count).toBeGreaterThan(1_000)
  })

  test('the walk above notices a leaked post', () => {
    const before = `const forbidden = new WeakSet([$0]); globalThis.isForbidden = (value) => forbidden.has(value); Map.prototype.leak = { deep: $0 }`
    using sandbox = new Sandbox(`module.exports = (event, ctx) => { ${WALK} }`, { variant, before, commonJs: true })
    expect(sandbox.rpc({})).toMatchObject({ body: expect.stringContaining('Map.prototype.leak.deep') })
  })

  test('what cannot be metered is gone, and so is every way from text to code', () => {
    const found = evaluate(
      `const tries = { WebAssembly: typeof WebAssembly, SharedArrayBuffer: typeof SharedArrayBuffer, Atomics: typeof Atomics, eval: typeof eval, ShadowRealm: typeof ShadowRealm, attach: typeof __isolaneAttach }
       const kinds = [function () {}, async function () {}, function* () {}, async function* () {}, () => {}, class {}, Object.getOwnPropertyDescriptor(Event.prototype, 'type').get]
       tries.made = kinds.map((f) => { try { return f.constructor('return 1') && 'made' } catch (e) { return e.name } })
       tries.constructed = kinds.map((f) => { try { return new f.constructor('return 1') && 'made' } catch (e) { return e.name } })
       tries.reflect = (() => { try { return Reflect.construct(Function, ['return 1']) && 'made' } catch (e) { return e.name } })()
       tries.isFunction = (() => {}) instanceof Function
       tries.indirect = (() => { try { return (0, Reflect.get(globalThis, 'eval'))('1') } catch (e) { return e.name } })()
       tries.timer = (() => { try { return setTimeout('1') } catch (e) { return e.name } })()
       tries.imported = await (async () => { try { return typeof (await import('x')) } catch (e) { return 'refused' } })().catch(() => 'refused')
       return tries`,
      { variant, commonJs: false },
    )
    expect(found).toEqual({
      ...{
        WebAssembly: 'undefined',
        SharedArrayBuffer: 'undefined',
        Atomics: 'undefined',
        eval: 'undefined',
        ShadowRealm: 'undefined',
        attach: 'undefined',
      },
      ...{ made: Array(7).fill('EvalError'), constructed: Array(7).fill('EvalError'), reflect: 'EvalError', isFunction: true },
      ...{ indirect: 'TypeError', timer: 'TypeError', imported: 'refused' },
    })
  })

  test('stack frames give neither functions nor this of the prelude', () => {
    const leaked = evaluate(
      `Error.prepareStackTrace = (error, sites) => sites
       const found = []
       const probe = { get message() { for (const site of new Error().stack) if (site.getFunction() !== undefined || site.getThis() !== undefined) found.push(String(site)) ; return 'x' }, toJSON() { this.message; return 1 } }
       structuredClone({ get a() { return probe.message } }); console.log(probe); JSON.stringify(probe); new Headers({ get a() { return probe.message } })
       new EventTarget().dispatchEvent(new Event('x')); Error.prepareStackTrace = undefined
       return found.filter((site) => !site.includes('function.js'))`,
      { variant },
    )
    expect(leaked).toEqual([])
  })
})

test('messages are of the contract only, with text and buffers and numbers in them', () => {
  using sandbox = new Sandbox(
    `export default async (event) => { console.log('a', {}); const t = setTimeout(() => {}, 5); clearTimeout(t); await new Promise((r) => setTimeout(r, 3)); if (event.fail) throw new Error('x'); return new Uint8Array(3) }`,
  )
  sandbox.rpc({})
  sandbox.rpc({ fail: true })
  sandbox.rpc({ body: 1 })
  expect(new Set(sandbox.messages.map((message) => message.kind))).toEqual(new Set(['loaded', 'log', 'timer', 'untimer', 'result', 'failed']))
  for (const { kind, call, text, body, extra } of sandbox.messages) {
    expect(KINDS[kind]).toBe(true)
    expect(Number.isInteger(call)).toBe(true)
    expect(text === undefined || typeof text === 'string').toBe(true)
    expect(body === undefined || typeof body === 'string' || body instanceof ArrayBuffer).toBe(true)
    expect(extra === undefined || Number.isInteger(extra)).toBe(true)
  }
})

describe('limits', () => {
  test(`a slice may send ${MAX_POSTS_PER_SLICE} messages; beyond, the author gets a RangeError`, () => {
    using sandbox = new Sandbox(
      `export default () => { let n = 0; try { for (;;) { clearTimeout(setTimeout(() => {}, 1)); n++ } } catch (e) { return [n, e.name, e.message] } }`,
    )
    expect(sandbox.rpc()).toMatchObject({ kind: 'result', body: expect.stringMatching(/^\[5000,"RangeError","Cannot send more/) })
    expect(sandbox.messages.filter((message) => message.kind === 'timer')).toHaveLength(5_000)
  })

  test('the count begins anew with the next slice', () => {
    using sandbox = new Sandbox(
      `export default async () => { let n = 0; for (let round = 0; round < 3; round++) { try { for (;;) { clearTimeout(setTimeout(() => {}, 1)); if (++n % 4900 === 0) break } } catch {} await new Promise((r) => setTimeout(r, 1)) } return n }`,
    )
    expect(sandbox.rpc()).toMatchObject({ body: '14700' })
  })

  test(`a call may have ${MAX_TIMERS_PER_CALL} timers at once`, () => {
    using sandbox = new Sandbox(
      `export default () => { let n = 0; try { for (;;) { setTimeout(() => {}, 1); n++ } } catch (e) { return [n, e.name] } }`,
    )
    expect(sandbox.rpc()).toMatchObject({ body: `[${MAX_TIMERS_PER_CALL},"RangeError"]` })
  })

  test('beyond its bytes of log a call is told once, and console never throws', () => {
    using sandbox = new Sandbox(`export default () => { for (let i = 0; i < 100000; i++) console.log('ü'.repeat(100)); return 1 }`)
    expect(sandbox.rpc()).toMatchObject({ body: '1' })
    const bytes = sandbox.logs.slice(0, -1).reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0)
    expect(bytes).toBeLessThanOrEqual(MAX_LOG_BYTES_PER_CALL)
    expect(bytes).toBeGreaterThan(MAX_LOG_BYTES_PER_CALL - 300)
    expect(sandbox.logs.at(-1)).toMatch(/^warn further log lines of this invocation were dropped/)
    sandbox.rpc()
    expect(sandbox.logs.filter((line) => line.includes('dropped'))).toHaveLength(2)
  })

  test.each([
    ['text', `new Response('ü'.repeat(size / 2))`],
    ['bytes', `new Response(new Uint8Array(size))`],
  ])('a whole body of %s may have MAX_BUFFERED_BODY_BYTES and not one more', async (_, response) => {
    using sandbox = new Sandbox(`export default ({ size }) => ${response}`)
    expect((await sandbox.ask({ size: MAX_BUFFERED_BODY_BYTES })).kind).toBe('result')
    expect(sandbox.rpc({ size: MAX_BUFFERED_BODY_BYTES + 2 })).toMatchObject({
      kind: 'failed',
      error: { name: 'RangeError', message: expect.stringContaining(String(MAX_BUFFERED_BODY_BYTES)) },
    })
    expect(sandbox.messages.at(-1)).toMatchObject({ kind: 'failed', extra: 1 })
  })

  test('no error of a function can pass for the limit on whole bodies', () => {
    using sandbox = new Sandbox(`export default () => { throw Object.assign(new RangeError("The reply's body has too many bytes"), { extra: 1 }) }`)
    sandbox.rpc()
    expect(sandbox.messages.at(-1)).toMatchObject({ kind: 'failed', extra: undefined })
  })

  test('too many headers fail the call', () => {
    using sandbox = new Sandbox(
      `export default () => { const h = new Headers(); for (let i = 0; i < 70; i++) h.append('x-' + i, 'v'.repeat(1000)); return new Response('', { headers: h }) }`,
    )
    expect(sandbox.rpc()).toMatchObject({ kind: 'failed', error: { message: expect.stringContaining('status and headers') } })
  })
})
