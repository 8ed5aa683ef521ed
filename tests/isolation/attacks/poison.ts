import { type Attack, CPU, returned, WALL } from './attack.ts'

/** Poisons in its first call; what its second call comes to is judged. Its own sandbox is all it can poison. */
const poison = (idea: string, body: string, more: Partial<Attack> = {}): Attack => ({
  idea,
  source: `export default async (event) => { if (event === 'poison') { ${body} }\nreturn event }`,
  calls: ['poison', 'next'],
  may: [returned('next')],
  radius: 'sandbox',
  ...more,
})
const LOOP = '{ for (;;); }'

export const poisons: readonly Attack[] = [
  poison('replaces Promise.prototype.then by a loop', `Promise.prototype.then = () => ${LOOP}`),
  poison('replaces Promise by something else', 'globalThis.Promise = class {}'),
  poison('makes the species of promises loop', `Object.defineProperty(Promise, Symbol.species, { get() ${LOOP} })`, { may: [returned('next'), CPU] }),
  poison('puts a looping then on Object.prototype', `Object.defineProperty(Object.prototype, 'then', { configurable: true, get() ${LOOP} })`, {
    may: [returned('next'), CPU, WALL],
  }),
  poison('puts a looping toJSON on String.prototype and Object.prototype', `String.prototype.toJSON = Object.prototype.toJSON = () => ${LOOP}`, {
    may: [returned('next'), CPU],
  }),
  poison('replaces JSON', 'JSON.stringify = () => "[\\"stolen\\"]"; JSON.parse = () => ({ id: "stolen", door: "url" })'),
  poison(
    'replaces Reflect and Function.prototype.call',
    'Reflect.apply = Function.prototype.call = Function.prototype.apply = () => { throw new Error("poison") }',
  ),
  poison(
    'replaces every method of Map and Set',
    'for (const c of [Map, Set]) for (const k of Object.getOwnPropertyNames(c.prototype)) if (k !== "size" && k !== "constructor") c.prototype[k] = () => { throw new Error("poison") }',
  ),
  poison('replaces the iteration of arrays', 'Array.prototype[Symbol.iterator] = function* () { for (;;) yield "stolen" }'),
  poison(
    'replaces every method of strings and arrays',
    'for (const c of [String, Array]) for (const k of Object.getOwnPropertyNames(c.prototype)) if (typeof c.prototype[k] === "function" && k !== "constructor") c.prototype[k] = () => { throw new Error("poison") }',
  ),
  poison(
    'sets traps for the platform’s own field names',
    `for (const k of ['call', 'kind', 'number', 'ended', 'id', 'style', 'env', 'handler', 'extra', 'end']) Object.defineProperty(Object.prototype, k, { configurable: true, get() { throw new Error('read') }, set() { throw new Error('written') } })`,
  ),
  poison(
    'sets traps for indices',
    `for (let i = 0; i < 10; i++) Object.defineProperty(Object.prototype, i, { configurable: true, get: () => 'stolen', set() ${LOOP} })`,
  ),
  poison(
    'replaces the definition of properties',
    'Object.defineProperty = Object.getOwnPropertyDescriptor = Object.keys = Object.freeze = () => { throw new Error("poison") }',
  ),
  poison(
    'replaces errors',
    'globalThis.Error = globalThis.TypeError = globalThis.RangeError = class { constructor() { throw 1 } }; Error.captureStackTrace = () => { throw 1 }',
  ),
  poison(
    'freezes everything it finds',
    'for (const k of Reflect.ownKeys(globalThis)) try { Object.freeze(globalThis[k]); Object.freeze(globalThis[k].prototype) } catch {}',
  ),
  poison('deletes every global', 'for (const k of Reflect.ownKeys(globalThis)) delete globalThis[k]'),
  poison(
    'puts a proxy behind the global object',
    `Object.setPrototypeOf(Object.getPrototypeOf(globalThis) ?? globalThis, null); try { Object.setPrototypeOf(globalThis, new Proxy({}, { get() ${LOOP}, has() ${LOOP} })) } catch {}`,
    { may: [returned('next'), CPU] },
  ),
  poison('replaces the console and the timers', `globalThis.console = null; globalThis.setTimeout = globalThis.clearTimeout = () => ${LOOP}`),
  poison('replaces Date.now and Math.random by loops', `Date.now = Math.random = () => ${LOOP}`),
  poison(
    'replaces typed arrays and encoders',
    'globalThis.Uint8Array = globalThis.ArrayBuffer = globalThis.TextEncoder = globalThis.TextDecoder = undefined; delete Object.getPrototypeOf(Int8Array.prototype).set',
  ),
  poison('poisons RegExp.prototype.exec and Symbol.replace', `RegExp.prototype.exec = RegExp.prototype[Symbol.replace] = () => ${LOOP}`),
  poison(
    'writes over the classes of the Web',
    'for (const k of ["Request", "Response", "Headers", "URL", "AbortSignal", "ReadableStream"]) { for (const m of Object.getOwnPropertyNames(globalThis[k].prototype)) try { Object.defineProperty(globalThis[k].prototype, m, { get() { for (;;); } }) } catch {} }',
  ),
  {
    ...poison('poisons what a Response is read with', ''),
    source: `export default { async fetch(request) { const text = await request.text(); if (text.includes('poison')) { Headers.prototype.entries = Headers.prototype[Symbol.iterator] = Response.prototype.arrayBuffer = () => ${LOOP}; Object.defineProperty(Response.prototype, 'body', { get() ${LOOP} }) } return new Response('next', { headers: { 'content-type': 'text/x' } }) } }`,
    may: ['returned next'],
  },
]
