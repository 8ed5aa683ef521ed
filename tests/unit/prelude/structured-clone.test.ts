import { expect, test } from 'vitest'
import { evaluate } from './sandbox.ts'

test('clones what the standard clones, with identities and cycles', () => {
  expect(
    evaluate(`class Own { constructor() { this.x = 1 } get y() { return 2 } }
      const shared = { s: 1 }, value = { d: new Date(5), r: /a+/gi, m: new Map([[shared, new Set([shared])]]), n: null, u: undefined, big: 10n, own: new Own(), arr: [1, , 3], nan: NaN, box: [Object(1), Object('s'), Object(true), Object(2n)], nul: Object.create(null, { k: { value: 1, enumerable: true } }) }
      value.self = value; value.arr.extra = 'e'
      const c = structuredClone(value), key = [...c.m.keys()][0]
      return [c !== value, c.self === c, c.d instanceof Date && c.d.getTime(), String(c.r), c.m.get(key).has(key), key !== shared, 'u' in c, String(c.big), Object.getPrototypeOf(c.own) === Object.prototype, c.own, 1 in c.arr, c.arr.length, c.arr.extra, Number.isNaN(c.nan), c.box.map((b) => typeof b + ' ' + b), c.nul.k]`),
  ).toEqual([
    true,
    true,
    5,
    '/a+/gi',
    true,
    true,
    true,
    '10',
    true,
    { x: 1 },
    false,
    3,
    'e',
    true,
    ['object 1', 'object s', 'object true', 'object 2'],
    1,
  ])
})

test('clones errors by kind, with message, stack and cause, and DOMExceptions', () => {
  expect(
    evaluate(`class Own extends TypeError {}
      const e = new Own('m', { cause: { a: 1 } }); e.extra = 1; const c = structuredClone(e), odd = new Error('o'); odd.name = 'RangeError'; const d = structuredClone(new DOMException('gone', 'AbortError'))
      return [c.constructor === TypeError, c.message, c.cause, c.stack === e.stack, 'extra' in c, structuredClone(odd) instanceof RangeError, d instanceof DOMException, d.name, d.message]`),
  ).toEqual([true, 'm', { a: 1 }, true, false, true, true, 'AbortError', 'gone'])
})

test('clones buffers and views, sharing where they shared', () => {
  expect(
    evaluate(`const buffer = new Uint8Array([1, 2, 3, 4]).buffer, a = new Uint8Array(buffer, 1, 2), b = new DataView(buffer, 2), c = structuredClone({ a, b, f: new Float16Array([1.5]), k: new Uint8ClampedArray(1) })
      c.a[1] = 9
      return [[...c.a], c.a.byteOffset, c.b.getUint8(0), c.a.buffer === c.b.buffer, [...a], c.f[0], c.f.constructor.name, c.k.constructor.name]`),
  ).toEqual([[2, 9], 1, 9, true, [2, 3], 1.5, 'Float16Array', 'Uint8ClampedArray'])
})

test('transfers buffers: the original is detached, views follow', () => {
  expect(
    evaluate(`const buffer = new Uint8Array([1, 2, 3]).buffer, view = new Uint8Array(buffer, 1), c = structuredClone({ buffer, view, again: buffer }, { transfer: [buffer] })
      let twice; try { structuredClone(buffer, { transfer: [buffer] }) } catch (e) { twice = e.name }
      const kept = new ArrayBuffer(2); let failed; try { structuredClone({ kept, f() {} }, { transfer: [kept] }) } catch (e) { failed = e.name }
      return [buffer.detached, view.length, [...c.view], c.buffer === c.again, c.view.buffer === c.buffer, twice, failed, kept.detached]`),
  ).toEqual([true, 0, [2, 3], true, true, 'DataCloneError', 'DataCloneError', false])
})

test.each([
  '() => 1',
  'Symbol()',
  'new WeakMap()',
  'new WeakSet()',
  'Promise.resolve()',
  'new Headers()',
  'new Response()',
  'new Request("https://a/")',
  'new ReadableStream()',
  'new URL("https://a/")',
  'new AbortController()',
  'new FormData()',
  '[{ a: { b() {} } }]',
  'new WeakRef({})',
  'new Event("x")',
])('%s is a DataCloneError', (value) => {
  expect(evaluate(`try { structuredClone(${value}) } catch (e) { return [e.name, e.code, e instanceof DOMException] }`)).toEqual([
    'DataCloneError',
    25,
    true,
  ])
})

test('clones blobs and files, and lets a getter’s own error through', () => {
  expect(
    evaluate(`const f = structuredClone(new File(['abc'], 'n', { type: 'a/b', lastModified: 7 })); let own; try { structuredClone({ get a() { throw 'mine' } }) } catch (e) { own = e }
      return [f instanceof File, f.name, f.type, f.lastModified, await f.text(), own, structuredClone(undefined) === undefined]`),
  ).toEqual([true, 'n', 'a/b', 7, 'abc', 'mine', true])
})
