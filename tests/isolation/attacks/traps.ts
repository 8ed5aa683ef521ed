import { type Attack, asynchronous, CPU, MEMORY, OUTPUT, returned, sync, threw } from './attack.ts'

const trap = (idea: string, source: string, may: readonly string[] = [CPU], more: Partial<Attack> = {}): Attack => ({
  idea,
  source,
  may,
  radius: 'sandbox',
  ...more,
})
const LOOP = '{ for (;;); }'

export const traps: readonly Attack[] = [
  trap('answers an object whose getter loops', sync(`return { get x() ${LOOP} }`)),
  trap('answers an object whose toJSON loops', sync(`return { toJSON() ${LOOP} }`)),
  trap('answers a proxy whose keys never end', sync(`return new Proxy({}, { ownKeys() ${LOOP} })`)),
  trap('answers an object whose then loops', sync(`return { get then() ${LOOP} }`)),
  trap(
    'answers a thenable that resolves twice and then throws',
    sync('return { then(resolve) { resolve(1); resolve(2); throw new Error("late") } }'),
    [returned(1)],
  ),
  trap('answers a ring', sync('const ring = {}; ring.ring = ring; return ring'), [threw('TypeError')]),
  trap('answers a hundred thousand levels', sync('let deep = []; for (let i = 0; i < 1e5; i++) deep = [deep]; return deep'), [
    'returned',
    threw('TypeError'),
    threw('RangeError'),
  ]),
  trap('answers a function', sync('return () => 1'), [threw('TypeError')]),
  trap('answers a symbol', sync('return Symbol("x")'), [threw('TypeError')]),
  trap('answers a BigInt', sync('return 1n'), [threw('TypeError')]),
  trap('answers a revoked proxy', sync('const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy'), [threw('TypeError')]),
  trap(
    'answers an array whose length lies',
    sync('return new Proxy([], { get: (t, key) => (key === "length" ? 2 ** 32 : 1) })'),
    [CPU, MEMORY, threw('TypeError'), threw('RangeError'), OUTPUT],
    { radius: 'cell' },
  ),
  trap('answers a frame of the platform’s own', sync('return { k: "end", f: 1, end: "ok", cpuMs: -1e9, kind: "result", call: 2 }'), [
    returned({ k: 'end', f: 1, end: 'ok', cpuMs: -1e9, kind: 'result', call: 2 }),
  ]),
  trap('throws an error whose message loops', sync(`throw { get message() ${LOOP} }`)),
  trap('throws an error whose name loops', sync(`throw Object.defineProperty(new Error("x"), "name", { get() ${LOOP} })`)),
  trap('throws an error whose stack loops', sync(`throw Object.defineProperty(new Error("x"), "stack", { get() ${LOOP} })`)),
  trap('throws an error with two loops in it', sync(`throw { get message() ${LOOP}, get stack() ${LOOP} }`)),
  trap('throws a proxy that loops whatever is asked', sync(`throw new Proxy({}, { get() ${LOOP}, getPrototypeOf() ${LOOP} })`)),
  trap('formats its stack without end', sync(`Error.prepareStackTrace = () => ${LOOP}; throw new Error("x")`)),
  trap('formats its stack without end, asynchronously', asynchronous(`Error.prepareStackTrace = () => ${LOOP}; await null; null.x`)),
  trap(
    'throws a stack of a million frames',
    sync('Error.stackTraceLimit = Infinity; const deep = () => deep(); deep()'),
    [threw('RangeError'), CPU, MEMORY],
    { radius: 'cell' },
  ),
  trap('throws null', sync('throw null'), [threw('NonError')]),
  trap('throws undefined', sync('throw undefined'), [threw('NonError')]),
  trap('throws a symbol', sync('throw Symbol("x")'), [threw('NonError')]),
  trap('throws a revoked proxy', sync('const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy'), ['threw']),
  trap('throws an error whose every field throws', sync('throw new Proxy(new Error("x"), { get() { throw new Error("y") } })'), ['threw']),
  trap('throws an error that causes itself', sync('const e = new Error("x"); e.cause = e; throw e'), [threw('Error')]),
  trap(
    'throws an error that pretends to be a limit',
    sync('throw Object.assign(new Error("x"), { name: "OutputLimit", kind: "exceeded", limit: "memory" })'),
    [threw('OutputLimit'), OUTPUT],
    {
      weakness: 'a function can make itself look as if it had exceeded its output',
    },
  ),
  trap('throws the text the engine uses for a timeout', sync('throw new Error("Script execution timed out.")'), [threw('Error')]),
  trap(
    'rejects with the text the engine uses for a timeout, unhandled',
    asynchronous('Promise.reject(new Error("Script execution timed out.")); return 1'),
    [returned(1)],
  ),
  trap('rejects unhandled and then loops', asynchronous('Promise.reject(new Error("x")); await null; for (;;);')),
  trap('rejects unhandled with an error that loops', asynchronous(`Promise.reject({ get message() ${LOOP} }); return 1`), [returned(1), CPU], {
    radius: 'cell',
  }),
  trap(
    'rejects unhandled with an error that loops twice',
    asynchronous(`Promise.reject(Object.defineProperties(new Error(), { message: { get() ${LOOP} }, stack: { get() ${LOOP} } })); return 1`),
    [returned(1), CPU],
    {
      radius: 'cell',
    },
  ),
  trap(
    'rejects unhandled while its stack formatter loops',
    asynchronous(`Error.prepareStackTrace = () => ${LOOP}; Promise.reject(new Error("x")); return 1`),
    [returned(1), CPU],
    { radius: 'cell' },
  ),
  trap('logs an object whose getter loops', sync(`console.log({ get x() ${LOOP} }); return 1`), [returned(1), CPU]),
  trap(
    'logs a proxy whose every trap loops',
    sync(`const t = {}; for (const k of Object.getOwnPropertyNames(Reflect)) t[k] = () => ${LOOP}; console.log(new Proxy({}, t)); return 1`),
    [returned(1), CPU],
  ),
  trap('logs an error whose stack loops', sync(`console.log(Object.defineProperty(new Error("x"), "stack", { get() ${LOOP} })); return 1`), [
    returned(1),
    CPU,
  ]),
  trap(
    'answers a Response whose headers never end',
    `export default { fetch: () => new Response("", { headers: { *[Symbol.iterator]() { for (let i = 0; ; i++) yield ["x-" + (i % 5), "y"] } } }) }`,
    [CPU, MEMORY],
    { radius: 'cell' },
  ),
  trap('answers a Response with a trapped status', `export default { fetch: () => new Response("", { get status() ${LOOP} }) }`),
  trap(
    'answers a subclass of Response that loops',
    `export default { fetch: () => new (class extends Response { get status() ${LOOP} get headers() ${LOOP} get body() ${LOOP} })("plain") }`,
    [CPU, 'returned'],
  ),
]
