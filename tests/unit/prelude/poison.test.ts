import { expect, test } from 'vitest'
import { Sandbox } from './sandbox.ts'

/** Replaces every method and getter of every intrinsic with one that throws, and puts setters on Object.prototype. */
const POISON = `(() => {
  const stolen = (globalThis.stolen = Object.setPrototypeOf([], null))
  const defineProperty = Object.defineProperty, names = Reflect.ownKeys, descriptor = Object.getOwnPropertyDescriptor
  const list = []
  const roots = [Object, Function, Array, String, Number, Boolean, Symbol, BigInt, Promise, RegExp, Map, Set, WeakMap, WeakSet, Date, Error, ArrayBuffer, Uint8Array, DataView, Proxy,
    Object.getPrototypeOf(Uint8Array), Object.getPrototypeOf([][Symbol.iterator]()), Object.getPrototypeOf(function* () {}), JSON, Math, Reflect]
  for (let i = 0; i < roots.length; i++) { list[list.length] = roots[i]; if (typeof roots[i] === 'function' && roots[i].prototype) list[list.length] = roots[i].prototype }
  const evil = globalThis.evil = function () { stolen[stolen.length] = this; for (let i = 0; i < arguments.length; i++) stolen[stolen.length] = arguments[i]; throw 'poisoned' }
  for (let i = 0; i < list.length; i++) {
    const keys = names(list[i])
    for (let k = 0; k < keys.length; k++) {
      const key = keys[k], found = descriptor(list[i], key)
      if (!found.configurable || key === 'prototype' || key === 'constructor' || key === 'caller' || key === 'arguments' || key === Symbol.species) continue
      const is = typeof found.value === 'function'
      if (is) defineProperty(list[i], key, { __proto__: null, value: evil, configurable: true, writable: true })
      else if (found.get) defineProperty(list[i], key, { __proto__: null, get: evil, set: evil, configurable: true })
    }
  }
  const inherited = ['0', '1', '2', '3', 'toJSON', 'get', 'set', 'value', 'done', 'writable', 'enumerable', 'style', 'warning', 'cause', 'status', 'headers', 'body', 'ended', 'number', 'call', 'kind', 'stream', 'source', 'used', 'transfer']
  for (let i = 0; i < inherited.length; i++) defineProperty(Object.prototype, inherited[i], { __proto__: null, get: evil, set: evil, configurable: true })
})()`

test('a function that poisons every intrinsic cannot break or steal the bookkeeping of other calls', () => {
  using sandbox = new Sandbox(
    `
    const waiting = []; let n = 0
    const open = globalThis.Promise, source = Function.prototype.call.bind(Function.prototype.toString)
    exports.default = { fetch(request) {
      const url = request.url
      if (url === 'https://fn.example/poison') { ${POISON}; return new Response('poisoned') }
      if (url === 'https://fn.example/stolen') { let text = ''; for (let i = 0; i < stolen.length; i++) if (typeof stolen[i] === 'function' && stolen[i] !== evil) text += source(stolen[i]); return new Response(text + '|') }
      if (url === 'https://fn.example/wait') return new open((resolve) => { waiting[n++] = resolve })
      if (url === 'https://fn.example/timer') return new open((resolve) => setTimeout(() => resolve(new Response('late')), 10))
      if (url === 'https://fn.example/settle') { waiting[0](new Response('settled', { __proto__: null, headers: request.headers })); return new Response('ok', { __proto__: null, status: 201 }) }
      if (url === 'https://fn.example/log') { console.log('line', 1, { a: [1, 'x'] }); return new Response(null, { __proto__: null, status: 204 }) }
      if (url === 'https://fn.example/throw') throw 'thrown'
      if (url === 'https://fn.example/async') return (async () => { await null; return new Response('async') })()
      if (url === 'https://fn.example/bytes') return new Response(crypto.getRandomValues(new Uint8Array(4)))
      return new Response('other')
    } }`,
    { commonJs: true },
  )
  expect(sandbox.loaded?.style).toBe('fetch')
  const waiting = sandbox.start({ door: 'url', url: 'https://fn.example/wait' })
  const timer = sandbox.start({ door: 'url', url: 'https://fn.example/timer' })
  expect(sandbox.url('/poison')).toMatchObject({ body: 'poisoned' })
  expect(sandbox.url('/')).toMatchObject({ kind: 'result', body: 'other', head: { headers: [['content-type', 'text/plain;charset=UTF-8']] } })
  expect(sandbox.url('/settle', { headers: [['x-a', '1']] })).toMatchObject({ kind: 'result', head: { status: 201 }, body: 'ok' })
  expect(sandbox.answer(waiting)).toMatchObject({
    kind: 'result',
    body: 'settled',
    head: {
      headers: [
        ['x-a', '1'],
        ['content-type', 'text/plain;charset=UTF-8'],
      ],
    },
  })
  expect(sandbox.finish(timer)).toMatchObject({ kind: 'result', body: 'late' })
  expect(sandbox.url('/timer')).toMatchObject({ body: 'late' })
  expect(sandbox.url('/log')).toMatchObject({ head: { status: 204 } })
  expect(sandbox.logs.at(-1)).toBe(`info line 1 { a: [ 1, 'x' ] }`)
  expect(sandbox.url('/throw')).toMatchObject({ kind: 'failed', error: { name: 'NonError', message: "'thrown'" } })
  expect(sandbox.url('/async')).toMatchObject({ kind: 'result', body: 'async' })
  expect(sandbox.url('/bytes')).toMatchObject({ kind: 'result', body: expect.stringMatching(/^[\s\S]{4}$/) })
  expect(sandbox.url('/wait2')).toMatchObject({ body: 'other' })
  // Whatever the prelude still asked prototypes for, no function of its own was among what they were given.
  expect(sandbox.url('/stolen')).toMatchObject({ kind: 'result', body: '|' })
})

test('a poisoned Promise species neither loses an answer nor gets hold of one of another call', () => {
  using sandbox = new Sandbox(
    `
    exports.default = async (event) => {
      if (event === 'poison') {
        globalThis.kept = []
        Object.defineProperty(Promise, Symbol.species, { get() { return class { constructor(executor) { executor((v) => kept.push(v), (v) => kept.push(v)) } } } })
        Promise.prototype.then = () => { kept.push('then') }
        return 'done'
      }
      if (event === 'kept') return kept
      return event
    }`,
    { commonJs: true },
  )
  expect(sandbox.rpc('poison')).toMatchObject({ body: '"done"' })
  expect(sandbox.rpc({ a: 1 })).toMatchObject({ kind: 'result', body: '{"a":1}' })
  expect(sandbox.rpc('kept')).toMatchObject({ kind: 'result', body: expect.stringMatching(/^\[(null,?)*\]$/) })
})

test('a species constructor that throws loses no answer', () => {
  using sandbox = new Sandbox(
    `
    exports.default = async (event) => {
      if (event === 'poison') Object.defineProperty(Promise, Symbol.species, { get() { throw new Error('species') } })
      return event
    }`,
    { commonJs: true },
  )
  expect(sandbox.rpc('poison')).toMatchObject({ body: '"poison"' })
  expect(sandbox.rpc(2)).toMatchObject({ kind: 'result', body: '2' })
})

test('a call cannot answer for another by number', () => {
  using sandbox = new Sandbox(`export default (event, ctx) => { ctx.invocationId = 'id-2'; ctx.number = 2; return { kind: 'http', call: 2 } }`)
  const answer = sandbox.rpc(1)
  expect(answer).toEqual({ kind: 'result', head: { kind: 'json' }, body: '{"kind":"http","call":2}' })
  expect(sandbox.messages.filter((message) => message.kind === 'result').map((message) => message.call)).toEqual([2])
})
