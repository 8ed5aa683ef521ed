import { type Attack, CPU, returned, reveal, threw } from './attack.ts'

const absent = (idea: string, expressions: readonly string[], values: readonly unknown[]): Attack => ({
  idea,
  source: reveal(...expressions),
  may: [returned(values)],
  radius: 'sandbox',
})
const refusesCode = (idea: string, ...expressions: string[]): Attack =>
  absent(
    idea,
    expressions,
    expressions.map(() => 'EvalError'),
  )
const U = 'undefined'

export const gone: readonly Attack[] = [
  absent('looks for WebAssembly', ['typeof WebAssembly', 'typeof globalThis["Web" + "Assembly"]', '"WebAssembly" in globalThis'], [U, U, false]),
  absent('looks for SharedArrayBuffer', ['typeof SharedArrayBuffer', '"SharedArrayBuffer" in globalThis'], [U, false]),
  absent('looks for Atomics', ['typeof Atomics', '"Atomics" in globalThis'], [U, false]),
  absent('looks for eval', ['typeof eval', 'typeof globalThis["ev" + "al"]'], [U, U]),
  refusesCode('makes a function from text', 'new Function("return 1")()', 'Function("return 1")()'),
  refusesCode(
    'makes a function from text by a constructor it finds',
    '(() => {}).constructor("return 1")()',
    '[].map.constructor("return 1")()',
    'Object.getPrototypeOf(class {}).constructor("return 1")',
  ),
  refusesCode(
    'makes an async function from text',
    '(async () => {}).constructor("return 1")',
    'Object.getPrototypeOf(async () => {}).constructor("return 1")',
  ),
  refusesCode('makes a generator from text', '(function* () {}).constructor("yield 1")', '(async function* () {}).constructor("yield 1")'),
  refusesCode(
    'makes a function from text by Reflect.construct',
    'Reflect.construct((() => {}).constructor, ["return 1"])',
    'Reflect.apply(Function, null, ["return 1"])',
  ),
  refusesCode('makes a function from text by a bound constructor', 'Function.bind(null, "return 1")()()', '[Function].map((F) => F("return 1"))'),
  absent('extends Function to make one from text', ['new (class extends Function {})("return 1")'], ['EvalError']),
  absent('gives a timer text to run', ['setTimeout("globalThis.done = 1", 0)', 'setInterval("globalThis.done = 1", 0)'], ['TypeError', 'TypeError']),
  absent(
    'looks for the host’s globals',
    ['typeof process', 'typeof Buffer', 'typeof global', 'typeof __dirname', 'typeof setImmediate', 'typeof Deno', 'typeof Bun'],
    [U, U, U, U, U, U, U],
  ),
  absent(
    'looks for isolated-vm',
    ['typeof ivm', 'typeof _ivm', 'typeof Isolate', 'typeof Reference', 'typeof ExternalCopy', 'typeof Callback', 'typeof $0', 'typeof post'],
    [U, U, U, U, U, U, U, U],
  ),
  absent(
    'looks for workers and other realms',
    ['typeof Worker', 'typeof ShadowRealm', 'typeof XMLHttpRequest', 'typeof importScripts', 'typeof document'],
    [U, U, U, U, U],
  ),
  absent(
    'looks for the tools of an engine’s shell',
    ['typeof gc', 'typeof print', 'typeof load', 'typeof read', 'typeof quit', 'typeof d8', 'typeof version', 'typeof Realm'],
    [U, U, U, U, U, U, U, U],
  ),
  absent(
    'has an inert FinalizationRegistry',
    ['new FinalizationRegistry(() => {}).register({}, 1)', 'new FinalizationRegistry(() => {}).unregister({})'],
    [U, false],
  ),
  absent('looks for the prelude’s way in', ['Reflect.ownKeys(globalThis).filter((k) => /attach|entry|prelude|isolane|post/i.test(String(k)))'], [[]]),
  absent(
    'asks its function for its caller',
    [
      '(function f() { return f.caller === undefined || f.caller === null ? null : "a caller" })()',
      '(function () { return arguments.callee.caller })()',
    ],
    ['TypeError', 'TypeError'],
  ),
  absent(
    'walks the call sites of its stack for functions and receivers',
    [
      '(() => { Error.prepareStackTrace = (_, sites) => sites; const sites = new Error().stack; return sites.filter((s) => s.getFunction() !== undefined || (s.getThis() !== undefined && s.getThis() !== null)).length })()',
    ],
    [0],
  ),
  absent(
    'reads the stack for paths of the host',
    [
      '(() => { delete Error.prepareStackTrace; const { stack } = new Error(); return /node:|node_modules|isolated-vm|\\/(home|root|work|tmp|usr|var)\\//.test(stack) })()',
    ],
    [false],
  ),
  absent(
    'makes shared memory from what takes it',
    [
      'new Uint8Array(8).buffer.constructor.name',
      'typeof Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "growable")',
      'typeof structuredClone(new ArrayBuffer(8)).grow',
    ],
    ['ArrayBuffer', U, U],
  ),
  absent(
    'looks for a way to pause the thread',
    ['typeof Atomics?.wait', 'typeof alert', 'typeof sleep'].map((e) => (e.includes('Atomics') ? 'typeof globalThis.Atomics?.wait' : e)),
    [U, U, U],
  ),
  absent(
    'looks for timers finer than a millisecond would need',
    ['typeof performance.measureUserAgentSpecificMemory', 'typeof performance.eventLoopUtilization', 'typeof performance.memory'],
    [U, U, U],
  ),
  {
    idea: 'passes code as an event handler’s text',
    source: reveal('(() => { const t = new AbortController().signal; t.onabort = "globalThis.done = 1"; return typeof t.onabort })()'),
    may: [returned(['object']), threw('TypeError'), CPU],
    radius: 'sandbox',
  },
]
