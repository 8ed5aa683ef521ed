import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'
import { ASKING, asSource, GROWING, RECURSING } from '../wasm-modules.ts'

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
})
afterAll(async () => void (await platform.stop()))

/**
 * Walks everything that can be reached from its roots: own properties, prototypes, symbols, what getters return and what is
 * thrown on the way. Answers the paths of whatever is suspicious, and how much it has seen.
 */
const WALK = `
const AT_MOST = 50000
const HANDLES = ['Reference', 'ExternalCopy', 'Isolate', 'Callback', 'Context', 'Module', 'Script', 'NativeModule', 'InspectorSession']
const HANDLE_METHODS = ['applySync', 'applySyncPromise', 'applyIgnored', 'derefInto', 'copySync', 'copyInto', 'createContextSync', 'compileScriptSync', 'compileModuleSync', 'evalClosureSync']
const HOST_PATH = /node:|node_modules|isolated[-_]vm|\\/(?:home|root|work|tmp|usr|var|opt|app|etc)\\/|[A-Z]:\\\\\\\\|platform:attach|cell\\.js/

export function walk(roots) {
  const seen = new Set(), findings = [], queue = []
  let functions = 0, stacks = 0
  const add = (value, path) => {
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') {
      if (typeof value === 'string' && value.length < 5000 && HOST_PATH.test(value) && !path.includes('[[source]]')) findings.push('host path at ' + path + ': ' + value.slice(0, 200))
      return
    }
    if (seen.has(value) || seen.size >= AT_MOST) return
    seen.add(value)
    queue.push([value, path])
  }
  for (const [path, root] of Object.entries(roots)) add(root, path)
  // An index, not shift(): a queue of tens of thousands would be copied each time.
  for (let at = 0; at < queue.length; at++) {
    const [value, path] = queue[at]
    if (typeof value === 'function') {
      functions++
      let source = ''
      try { source = Function.prototype.toString.call(value) } catch { findings.push('no source: ' + path) }
      if (HOST_PATH.test(source) || HANDLES.some((name) => source.startsWith('class ' + name) || source.startsWith('function ' + name + '('))) findings.push('source at ' + path + ': ' + source.slice(0, 100))
      const kind = Object.getPrototypeOf(value)
      let top = value
      while (Object.getPrototypeOf(top) !== null && typeof top !== 'string') { const next = Object.getPrototypeOf(top); if (next === top) break; top = next }
      // Every function of this realm ends at this realm's Object.prototype, by way of its Function.prototype.
      if (top !== Object.prototype) findings.push('foreign function at ' + path)
      let isOwn = value === Function.prototype
      for (let up = kind; up !== null && !isOwn; up = Object.getPrototypeOf(up)) isOwn = up === Function.prototype
      if (!isOwn) findings.push('not of this realm at ' + path)
    }
    let keys
    try { keys = Reflect.ownKeys(value) } catch (error) { add(error, path + '[[error]]'); continue }
    if (HANDLE_METHODS.some((name) => keys.includes(name))) findings.push('handle at ' + path + ': ' + keys.map(String).join())
    const name = value.constructor?.name
    // The one class of the language’s that shares its name with a handle.
    const isWasm = globalThis.WebAssembly !== undefined && value.constructor === WebAssembly.Module
    if (typeof name === 'string' && HANDLES.includes(name) && !isWasm) findings.push('instance of ' + name + ' at ' + path)
    add(Object.getPrototypeOf(value), path + '.__proto__')
    for (const key of keys) {
      const step = path + '.' + String(key)
      let descriptor
      try { descriptor = Object.getOwnPropertyDescriptor(value, key) } catch (error) { add(error, step); continue }
      if (descriptor === undefined) continue
      if (descriptor.get === undefined) { add(descriptor.value, step); continue }
      add(descriptor.get, step + '[[get]]')
      if (descriptor.set) add(descriptor.set, step + '[[set]]')
      try { add(descriptor.get.call(value), step) } catch (error) { stacks++; add(error, step + '[[thrown]]') }
    }
    if (value instanceof Error) { stacks++; try { add(String(value.stack), path + '.stack') } catch {} }
  }
  return { findings: findings.slice(0, 50), objects: seen.size, functions, stacks, complete: seen.size < AT_MOST }
}
`

/** Things that only come to be by calling: instances, iterators, errors out of the platform's own code. */
const MADE = `
export async function made() {
  const thrown = []
  const attempt = async (run) => { try { return await run() } catch (error) { thrown.push(error); return error } }
  const response = new Response(new Blob(['x']).stream(), { headers: { a: 'b' } })
  const values = [
    response, response.body, response.headers.entries(), new Request('http://x/', { method: 'POST', body: 'a=b' }), new URL('http://x/?a=b'), new URLSearchParams('a=b').keys(),
    new FormData(), AbortSignal.timeout(1e6), AbortSignal.any([]), new TransformStream(), new ReadableStream({ type: 'bytes' }), new WritableStream().getWriter(),
    new TextDecoderStream(), structuredClone(new Error('x')), new Event('x'), new DOMException('x'), crypto.getRandomValues(new Uint8Array(2)),
    setTimeout(() => {}, 1e6), performance.now(), console, (async function* () {})(), new Intl.Segmenter(),
  ]
  for (const run of [
    () => fetch('http://127.0.0.1/'), () => new URL('no'), () => new Headers({ 'a b': 'c' }), () => structuredClone(() => {}), () => atob('?'), () => new Response('', { status: 1 }),
    () => setTimeout('x'), () => new Function('1'), () => new TextDecoder('none'), () => new ReadableStream(1), () => crypto.getRandomValues(1), () => null.x, () => (function f() { return f() })(),
    () => new Request('no'), () => new Blob(1), () => new FormData().append(), () => AbortSignal.abort().throwIfAborted(), () => queueMicrotask(1), () => BigInt('x'), () => JSON.parse('{'), () => [].reduce(),
    () => new Response('x').json(), () => response.text().then(() => response.text()), () => { const parts = ['f', 's']; return import(parts.join('')) },
  ]) values.push(await attempt(run))
  Error.prepareStackTrace = (error, sites) => sites
  const sites = new Error('x').stack
  delete Error.prepareStackTrace
  values.push(sites, sites.map((site) => [site.getThis(), site.getFunction(), site.getFileName(), site.getScriptNameOrSourceURL(), site.getEvalOrigin(), site.toString()]))
  return { values, thrown, stacks: thrown.map((error) => error?.stack) }
}
`

interface Walk {
  readonly findings: string[]
  readonly objects: number
  readonly functions: number
  readonly stacks: number
  readonly complete: boolean
}

async function walked(name: string, source: string, wasm = false): Promise<Walk> {
  await platform.deploy(name, `${WALK}${MADE}${source}`, `memoryMb=512&timeoutMs=60000&wasm=${wasm}`)
  const response = await platform.fetch(`/fn/default/${name}`, { method: 'POST', body: '{"a":1}' })
  const text = await response.text()
  expect([response.status, text]).toEqual([200, expect.any(String)])
  return JSON.parse(text) as Walk
}

test.each([
  [
    'an event handler',
    'export default async (event, ctx) => { const things = await made(); return walk({ globalThis, event, ctx, env: ctx.env, self: this, things }) }',
  ],
  [
    'a fetch handler',
    'export default { async fetch(request, env, ctx) { const things = await made(); return Response.json(walk({ globalThis, request, env, ctx, self: this, body: request.body, headers: request.headers, things })) } }',
  ],
  [
    'a lambda handler',
    'export const handler = async (event, context) => { const things = await made(); return { statusCode: 200, body: JSON.stringify(walk({ globalThis, event, context, things })) } }',
  ],
])('nothing of the host can be reached from %s: no handle, no foreign function, no path', async (style, source) => {
  const { findings, objects, functions, stacks, complete } = await walked(`walk-${style.split(' ').at(-2)}`, source)
  expect(findings).toEqual([])
  expect(complete).toBe(true)
  // The walk saw what there is: a few thousand objects, the thrown errors' stacks among them.
  expect(objects).toBeGreaterThan(1_500)
  expect(functions).toBeGreaterThan(1_000)
  expect(stacks).toBeGreaterThan(15)
})

test('nor from a handler that has WebAssembly, and from what it makes with that', async () => {
  const { findings, complete, functions } = await walked(
    'walk-wasm',
    `const tried = async (run) => { try { return await run() } catch (error) { return error } }
     export default async (event, ctx) => {
       const bytes = ${asSource(GROWING)}, module = new WebAssembly.Module(bytes), answer = new WebAssembly.Suspending(() => new Promise(() => {}))
       const { exports: asking } = new WebAssembly.Instance(new WebAssembly.Module(${asSource(ASKING)}), { env: { answer } })
       const things = [await made(), module, new WebAssembly.Instance(module), await WebAssembly.instantiate(bytes), WebAssembly.Module.exports(module), new WebAssembly.Memory({ initial: 1 }), answer,
         new WebAssembly.Table({ element: 'anyfunc', initial: 1 }), new WebAssembly.Global({ value: 'i32' }, 1), asking, WebAssembly.promising(asking.ask), WebAssembly.promising(asking.ask)(),
         ...await Promise.all([() => WebAssembly.compile(1), () => WebAssembly.compile(new Uint8Array(9)), () => WebAssembly.instantiate(${asSource(ASKING)}, {}), () => WebAssembly.compileStreaming(1), () => new WebAssembly.Memory({ shared: true }),
           () => WebAssembly.Module(bytes), () => new WebAssembly.Instance(new WebAssembly.Module(${asSource(RECURSING)})).exports.recurse()].map(tried))]
       return walk({ globalThis, WebAssembly, event, ctx, self: this, things })
     }`,
    true,
  )
  expect(findings).toEqual([])
  expect(complete).toBe(true)
  expect(functions).toBeGreaterThan(1_000)
})

test('the walk itself finds a planted handle, a planted path and a function of another realm', async () => {
  const { findings } = await walked(
    'walk-planted',
    `class Reference { constructor() { this.applySync = () => {} } }
    export default () => {
      const orphan = Object.setPrototypeOf(() => {}, null)
      return walk({ planted: { deep: [new Reference(), { get path() { return 'at /home/somebody/cell.js:1:1' } }, orphan] } })
    }`,
  )
  expect(findings.join('\n')).toMatch(/handle at planted\.deep\.0/)
  expect(findings.join('\n')).toMatch(/host path at planted\.deep\.1\.path/)
  expect(findings.join('\n')).toMatch(/not of this realm at planted\.deep\.2/)
})
