import { type Attack, asynchronous, CPU, MEMORY, pending, ROOMY, returned, sync, threw } from './attack.ts'

const hoards = (idea: string, body: string, more: Partial<Attack> = {}): Attack => ({
  idea,
  source: sync(body),
  settings: ROOMY,
  may: [MEMORY, CPU],
  radius: 'cell',
  ...more,
})
const OWN_ERROR = [MEMORY, CPU, threw('RangeError')]

export const memory: readonly Attack[] = [
  hoards('hoards small objects', 'const all = []; for (;;) all.push({ x: 1, y: [1, 2, 3] })'),
  hoards('hoards arrays of numbers', 'const all = []; for (;;) all.push(new Array(1e5).fill(1.5))'),
  hoards('grows one object by ever new keys', 'const o = {}; for (let i = 0; ; i++) o["k" + i] = i'),
  hoards('grows a map', 'const all = new Map(); for (let i = 0; ; i++) all.set(i, { i })'),
  hoards('grows a linked list', 'let last = null; for (;;) last = { last }'),
  hoards('hoards promises that wait', 'const all = []; for (;;) all.push(new Promise(() => {}).then(() => 1))'),
  hoards('queues microtasks without running one', 'for (;;) Promise.resolve().then(() => 1)'),
  hoards('hoards symbols', 'const all = []; for (let i = 0; ; i++) all.push(Symbol("s" + i), Symbol.for("r" + i))'),
  hoards('hoards BigInts', 'const all = []; for (let i = 1n; ; i++) all.push(i << 100_000n)', { may: OWN_ERROR }),
  hoards('repeats a string to half a gigabyte and reads it', 'const s = "x".repeat(2 ** 29 - 24); return /y/.test(s + "z") + s.charCodeAt(5)', {
    may: [...OWN_ERROR, 'returned'],
  }),
  hoards('doubles a string and flattens it', 'let s = "ab"; for (;;) { s += s; s.charCodeAt(s.length - 1); JSON.stringify(s) }', { may: OWN_ERROR }),
  hoards('joins half a gigabyte', 'return new Array(2 ** 12).fill("x".repeat(2 ** 17 - 1)).join("").length', { may: [...OWN_ERROR, 'returned'] }),
  hoards('hoards long strings', 'const all = []; for (let i = 0; ; i++) all.push(JSON.stringify(["x".repeat(1e5) + i]))', { may: OWN_ERROR }),
  hoards('hoards bytes and touches them', 'const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1))', { may: OWN_ERROR }),
  hoards('hoards bytes and never touches them', 'const all = []; for (;;) all.push(new Uint8Array(1e6))', { may: OWN_ERROR }),
  hoards('hoards bytes and takes no for no answer', 'const all = []; for (;;) try { all.push(new Uint8Array(1e6).fill(1)) } catch {}'),
  hoards('asks for 4 GiB at once', 'return new Uint8Array(2 ** 32).length', { may: [threw('RangeError')], radius: 'sandbox' }),
  hoards(
    'grows a resizable buffer past the limit',
    'const b = new ArrayBuffer(0, { maxByteLength: 2 ** 31 }); b.resize(2 ** 30); return new Uint8Array(b).fill(1).length',
    { may: OWN_ERROR },
  ),
  hoards(
    'grows many resizable buffers a little',
    'const all = []; for (;;) { const b = new ArrayBuffer(0, { maxByteLength: 2 ** 24 }); b.resize(2 ** 22); new Uint8Array(b).fill(1); all.push(b) }',
    { may: OWN_ERROR },
  ),
  hoards(
    'transfers a buffer into ever larger ones',
    'let b = new ArrayBuffer(1e6); for (let i = 2; ; i++) { b = b.transfer(i * 1e6); new Uint8Array(b).fill(1) }',
    { may: OWN_ERROR },
  ),
  hoards(
    'parses JSON into ever more trees',
    'const text = JSON.stringify(new Array(2e4).fill({ a: [1, 2] })), all = []; for (;;) all.push(JSON.parse(text))',
  ),
  hoards('spreads an endless generator into an array', 'function* ever() { for (;;) yield {} }\nreturn [...ever()].length', { may: OWN_ERROR }),
  hoards('sets an array’s length to 2³² and fills it', 'const a = []; a.length = 2 ** 32 - 1; return a.fill(0).length', { may: OWN_ERROR }),
  hoards('clones ever larger values', 'let value = [1]; const all = []; for (;;) { value = [structuredClone(value), value]; all.push(value) }', {
    may: OWN_ERROR,
  }),
  hoards('hoards blobs', 'const all = []; for (;;) all.push(new Blob(["x".repeat(1e6)]))', { may: OWN_ERROR }),
  hoards('fills a stream nobody reads', 'new ReadableStream({ start(c) { for (;;) c.enqueue(new Uint8Array(1e5).fill(1)) } })', { may: OWN_ERROR }),
  hoards('tees a stream and reads one side', '', {
    source: asynchronous('const [a] = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1e6).fill(1)) } }).tee(); for await (const _ of a);'),
    may: OWN_ERROR,
  }),
  hoards('encodes text without letting go', 'const all = [], encoder = new TextEncoder(); for (;;) all.push(encoder.encode("x".repeat(1e6)))', {
    may: OWN_ERROR,
  }),
  hoards('adds headers without end', 'const h = new Headers(); for (let i = 0; ; i++) h.append("x-" + i, "y".repeat(1e4))', { may: OWN_ERROR }),
  hoards('grows slowly, a little in each timer', '', {
    source: pending('const all = []; setInterval(() => all.push(new Array(5e5).fill(1.5)), 1)'),
    may: OWN_ERROR,
  }),
  hoards('keeps what every call leaves, in a global', '', {
    source: `globalThis.kept = []; export default () => { for (let i = 0; i < 3; i++) kept.push(new Array(1e6).fill(1.5)); return kept.length }`,
    calls: [1, 2, 3, 4, 5, 6],
    may: [...OWN_ERROR, returned(3), 'returned'],
    radius: 'cell',
  }),
]
