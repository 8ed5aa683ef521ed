import { type Attack, asynchronous, CPU, MEMORY, OUTPUT, ROOMY, returned, reveal, sync, threw, WALL } from './attack.ts'

const tries = (idea: string, source: string, may: readonly string[], more: Partial<Attack> = {}): Attack => ({
  idea,
  source,
  may,
  radius: 'sandbox',
  ...more,
})
/** Every one of these must come to an EvalError: no constructor from which code could be made hangs on them. */
const climbs = (idea: string, ...roots: string[]): Attack =>
  tries(idea, reveal(...roots.map((root) => `(${root}).constructor.constructor("return this")()`)), [returned(roots.map(() => 'EvalError'))])
const LOOP = '{ for (;;); }'
const ENDS = [CPU, MEMORY, OUTPUT, threw('RangeError'), threw('TypeError')]

export const platformApis: readonly Attack[] = [
  climbs('climbs from the console to code', 'console', 'console.log', 'console.table'),
  climbs('climbs from timers and clones to code', 'setTimeout', 'structuredClone', 'queueMicrotask', 'reportError', 'atob', 'fetch'),
  climbs(
    'climbs from the classes of the Web to code',
    'new Headers()',
    'new Response("")',
    'new Request("http://x/")',
    'new URL("http://x/")',
    'new FormData()',
    'new Blob([])',
    'AbortSignal.abort()',
  ),
  climbs('climbs from streams to code', 'new ReadableStream()', 'new WritableStream()', 'new TransformStream()', 'new ReadableStream().getReader()'),
  climbs('climbs from its arguments to code', 'event ?? {}', 'ctx', 'ctx.signal', 'ctx.waitUntil', 'ctx.getRemainingTimeInMillis'),
  climbs(
    'climbs from errors and iterators to code',
    'new DOMException("x")',
    'new Headers([["a", "b"]]).entries()',
    'new URLSearchParams("a=b")[Symbol.iterator]()',
    '(() => { try { null.x } catch (e) { return e } })()',
  ),
  tries(
    'takes a callback’s receiver',
    reveal(
      'new Promise((r) => { new Headers([["a", "b"]]).forEach(function () { r(this === undefined ? 1 : Object.getPrototypeOf(this) === null ? 2 : this === globalThis ? 3 : 4) }) })',
    ),
    [returned([1])],
  ),
  tries('clones an object whose getter loops', sync(`return structuredClone({ get x() ${LOOP} })`), [CPU]),
  tries('clones a proxy', sync('return structuredClone(new Proxy({ a: 1 }, { ownKeys() { for (;;); } }))'), [CPU]),
  tries('clones a hundred thousand levels', sync('let deep = []; for (let i = 0; i < 1e5; i++) deep = [deep]; return structuredClone(deep)'), [
    threw('RangeError'),
    threw('DataCloneError'),
    CPU,
  ]),
  tries(
    'clones what must not cross',
    reveal('structuredClone(() => 1)', 'structuredClone(Symbol("x"))', 'structuredClone(new WeakMap())', 'structuredClone(Promise.resolve())'),
    [returned(['DataCloneError', 'DataCloneError', 'DataCloneError', 'DataCloneError'])],
  ),
  tries(
    'transfers one buffer twice and uses it after',
    reveal(
      '(() => { const b = new ArrayBuffer(8); return structuredClone(b, { transfer: [b, b] }) })()',
      '(() => { const b = new ArrayBuffer(8); structuredClone(b, { transfer: [b] }); return b.byteLength })()',
    ),
    [returned(['DataCloneError', 0])],
  ),
  tries(
    'detaches a buffer while it is being cloned',
    reveal(
      '(() => { const b = new ArrayBuffer(64); const v = new Uint8Array(b); return structuredClone({ a: v, get x() { b.transfer(); return 1 }, b: v }) instanceof Object })()',
    ),
    [returned([true]), returned(['DataCloneError']), returned(['TypeError'])],
  ),
  tries(
    'transfers from an iterator that never ends',
    sync('return structuredClone(1, { transfer: { *[Symbol.iterator]() { for (;;) yield new ArrayBuffer(8) } } })'),
    ENDS,
    { radius: 'cell' },
  ),
  tries('fetches the address of a cloud’s metadata', asynchronous('return await (await fetch("http://169.254.169.254/latest/meta-data/")).text()'), [
    'threw',
  ]),
  tries('fetches a file', asynchronous('return await (await fetch("file:///etc/passwd")).text()'), ['threw']),
  tries('fetches the gateway itself', asynchronous('return await (await fetch("http://127.0.0.1/v1/workers")).text()'), ['threw']),
  tries('parses a URL of a megabyte without end', sync('const long = "http://x/" + "../a".repeat(2e5); for (;;) new URL(long)'), ENDS),
  tries(
    'parses host names that are hard to spell',
    sync('for (let i = 0; ; i++) try { new URL("http://" + "\\u00fc".repeat(5e4) + i + "/") } catch {}'),
    ENDS,
  ),
  tries(
    'fills search parameters from an endless iterator',
    sync('return new URLSearchParams({ *[Symbol.iterator]() { for (;;) yield ["a", "b"] } }).size'),
    ENDS,
    { settings: ROOMY, radius: 'cell' },
  ),
  tries('gives a stream a size function that loops', sync(`new ReadableStream({ start(c) { c.enqueue(1) } }, { size() ${LOOP} })`), [CPU]),
  tries(
    'gives a stream sizes that are no numbers',
    asynchronous(
      'const out = []; for (const size of [NaN, -1, Infinity, "x"]) try { new ReadableStream({ start(c) { c.enqueue(1) } }, { size: () => size }); out.push("none") } catch (e) { out.push(e.name) } return out',
    ),
    ['returned'],
  ),
  tries(
    'pipes a stream into itself',
    asynchronous('const t = new TransformStream(); await Promise.all([t.readable.pipeTo(t.writable), 1])'),
    [WALL, 'threw', CPU],
    { settings: 'memoryMb=64&timeoutMs=400' },
  ),
  tries(
    'pipes through a thousand transforms',
    asynchronous(
      'let s = new ReadableStream({ pull(c) { c.enqueue("x".repeat(100)) } }); for (let i = 0; i < 1000; i++) s = s.pipeThrough(new TransformStream()); for await (const _ of s);',
    ),
    ENDS,
    { radius: 'cell' },
  ),
  tries(
    'makes a blob from an iterator that never ends',
    sync('return new Blob({ *[Symbol.iterator]() { for (;;) yield "x".repeat(1000) } }).size'),
    ENDS,
    { settings: ROOMY, radius: 'cell' },
  ),
  tries(
    'makes a blob of parts that lie about their length',
    reveal('new Blob([new Proxy(new Uint8Array(4), {})]).size > 1e6', 'new Blob([{ toString() { throw new RangeError("x") } }])'),
    [returned([false, 'RangeError']), returned(['TypeError', 'RangeError'])],
  ),
  tries('slices a blob beyond its ends', reveal('new Blob(["abc"]).slice(-1e9, 1e9).size', 'new Blob(["abc"]).slice(2 ** 53, -(2 ** 53)).size'), [
    returned([3, 0]),
  ]),
  tries(
    'reads a multipart body built to be slow',
    asynchronous(
      'const body = ("--b\\r\\ncontent-disposition: form-data; name=x\\r\\n\\r\\n" + "\\r\\n--".repeat(2e5)); for (;;) await new Response(body, { headers: { "content-type": "multipart/form-data; boundary=b" } }).formData().catch(() => {})',
    ),
    ENDS,
    { radius: 'cell' },
  ),
  tries(
    'combines a hundred thousand signals',
    sync(
      'const one = new AbortController().signal; let all = AbortSignal.any([one]); for (;;) all = AbortSignal.any([all, one, ...new Array(1000).fill(one)])',
    ),
    ENDS,
    { settings: ROOMY, radius: 'cell' },
  ),
  tries(
    'dispatches an event inside itself without end',
    sync('const t = new EventTarget(); t.addEventListener("x", () => t.dispatchEvent(new Event("x"))); t.dispatchEvent(new Event("x")); return 1'),
    [returned(1), ...ENDS],
  ),
  tries(
    'adds a million listeners',
    sync('const t = new EventTarget(); for (let i = 0; i < 1e6; i++) t.addEventListener("x", () => {}); return 1'),
    [returned(1), ...ENDS],
    { radius: 'cell' },
  ),
  tries(
    'asks for a gigabyte of random numbers',
    reveal('crypto.getRandomValues(new Uint8Array(65537))', 'crypto.getRandomValues(new Float64Array(1))'),
    [returned(['QuotaExceededError', 'TypeMismatchError'])],
  ),
  tries('draws random numbers without end', sync('const b = new Uint8Array(65536); for (;;) crypto.getRandomValues(b)'), ENDS),
  tries(
    'puts line breaks into headers',
    reveal(
      'new Headers({ a: "b\\r\\nset-cookie: x=1" })',
      'new Response("", { headers: { "a\\r\\nb": "c" } })',
      'new Response("", { statusText: "x\\r\\ny" })',
    ),
    [returned(['TypeError', 'TypeError', 'TypeError'])],
  ),
  tries(
    'answers with a status that is none',
    reveal('new Response("", { status: 99 })', 'new Response("", { status: 1e9 })', 'new Response("x", { status: 204 })'),
    [returned(['RangeError', 'RangeError', 'TypeError'])],
  ),
  tries(
    'answers with headers of the platform’s own',
    'export default { fetch: () => new Response("x", { headers: { "isolane-outcome": "lost", "isolane-billed-ms": "0", "content-length": "5000", "transfer-encoding": "chunked", connection: "upgrade" } }) }',
    ['returned x'],
  ),
  tries(
    'logs with a format that never fits',
    sync(
      'console.log("%s".repeat(1e5), ...new Array(1000).fill({ toString() { throw 1 } })); console.log("%d%i%f%j%o%O%c%", Symbol("x"), 1n, {}, [], null); return 1',
    ),
    [returned(1)],
  ),
  tries(
    'logs an object that inspects itself',
    sync(`console.log({ [Symbol.for('nodejs.util.inspect.custom')](d, o, inspect) ${LOOP}, [Symbol.toStringTag]: 'x' }); return 1`),
    [returned(1), CPU],
  ),
  tries('decodes without end', sync('const bytes = new Uint8Array(4e6).fill(0xe2); const d = new TextDecoder(); for (;;) d.decode(bytes)'), ENDS, {
    radius: 'cell',
  }),
  tries('decodes base64 of ten megabytes', sync('const text = "AAAA".repeat(2.5e6); for (;;) atob(text)'), ENDS, { radius: 'cell' }),
]
