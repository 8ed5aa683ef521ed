import { describe, expect, test } from 'vitest'
import { hasSharedMemory } from '../../../runtime/prelude/wasm-shared-memory.ts'
import { ADD, ASKING, asSource, GROWING, IMPORTING, SHARED_MEMORIES, SPIN } from '../../wasm-modules.ts'
import { evaluate, Sandbox, VARIANTS } from './sandbox.ts'

const add = asSource(ADD)
/** The name of the error that an expression ends with, or what it comes to. */
const TRIED = `const tried = async (run) => { try { const value = await run(); return value === undefined ? 'undefined' : value } catch (error) { return error.name } };`

describe.each(VARIANTS)('with the prelude from %s', (variant) => {
  const run = (body: string): unknown => evaluate(`${TRIED} ${body}`, { variant, wasm: true })

  test('a function without the setting has no WebAssembly, and is told how to have it', () => {
    expect(evaluate('return typeof WebAssembly', { variant })).toBe('undefined')
    using sandbox = new Sandbox(`new WebAssembly.Module(${add})`, { variant })
    expect(sandbox.loadError).toMatchObject({ name: 'ReferenceError', message: expect.stringContaining('wasm=true') })
  })

  test('a module is compiled and run, also while the function loads', () => {
    using sandbox = new Sandbox(
      `const { add } = new WebAssembly.Instance(new WebAssembly.Module(${add})).exports; export default ([a, b]) => add(a, b)`,
      { variant, wasm: true },
    )
    expect(sandbox.rpc([2, 40])).toMatchObject({ body: '42' })
  })

  test('what promises, keeps it within the same slice', () => {
    expect(
      run(`const bytes = ${add}, module = await WebAssembly.compile(bytes)
        const both = await WebAssembly.instantiate(bytes.buffer), one = await WebAssembly.instantiate(module, {})
        return [module instanceof WebAssembly.Module, both.module instanceof WebAssembly.Module, both.instance.exports.add(1, 2), one instanceof WebAssembly.Instance, one.exports.add(3, 4)]`),
    ).toEqual([true, true, 3, true, 7])
  })

  test('promises are rejected, never thrown', () => {
    expect(
      run(`const bad = new Uint8Array([0, 1, 2, 3]), asking = ${asSource(ASKING)}
        return Promise.all([() => WebAssembly.compile(bad), () => WebAssembly.compile('text'), () => WebAssembly.compile(), () => WebAssembly.instantiate(bad), () => WebAssembly.instantiate(asking),
          () => WebAssembly.instantiate(asking, { env: {} }), () => WebAssembly.instantiate(Object.create(WebAssembly.Module.prototype))].map((start) => tried(() => { const promise = start(); return promise }))) `),
    ).toEqual(['CompileError', 'TypeError', 'TypeError', 'CompileError', 'TypeError', 'LinkError', 'TypeError'])
  })

  test('a stream is compiled if it is a Response of the right type', () => {
    expect(
      run(`const bytes = ${add}
        const of = (type, init) => new Response(bytes, { headers: type === undefined ? {} : { 'content-type': type }, ...init })
        const { instance } = await WebAssembly.instantiateStreaming(Promise.resolve(of('Application/WASM')))
        const module = await WebAssembly.compileStreaming(of('application/wasm'))
        const streamed = await WebAssembly.compileStreaming(new Response(new Blob([bytes]).stream(), { headers: { 'content-type': 'application/wasm' } }))
        return [instance.exports.add(1, 1), module instanceof WebAssembly.Module, streamed instanceof WebAssembly.Module,
          ...await Promise.all([of(undefined), of('application/wasm; charset=utf-8'), of('text/plain'), bytes, Promise.reject(new RangeError()), of('application/wasm', { status: 404, headers: { 'content-type': 'application/wasm' } })].map((source) => tried(() => WebAssembly.compileStreaming(source))))]`),
    ).toEqual([2, true, true, 'TypeError', 'TypeError', 'TypeError', 'TypeError', 'RangeError', 'TypeError'])
  })

  test.each(Object.entries(SHARED_MEMORIES))('a module whose shared memory is %s is refused, whichever way it comes', (_, bytes) => {
    expect(
      run(`const bytes = ${asSource(bytes)}
        return [WebAssembly.validate(bytes), ...await Promise.all([
          () => new WebAssembly.Module(bytes), () => new WebAssembly.Module(bytes.buffer), () => new (class extends WebAssembly.Module {})(bytes),
          () => Reflect.construct(WebAssembly.Module, [bytes], Object), () => new WebAssembly.Module.prototype.constructor(bytes),
          () => WebAssembly.compile(bytes), () => WebAssembly.instantiate(bytes, {}),
          () => WebAssembly.compileStreaming(new Response(bytes, { headers: { 'content-type': 'application/wasm' } })),
          () => WebAssembly.instantiateStreaming(new Response(bytes, { headers: { 'content-type': 'application/wasm' } })),
        ].map(tried))]`),
    ).toEqual([false, ...Array(9).fill('CompileError')])
  })

  test('a shared memory cannot be made, whatever its descriptor does when it is read', () => {
    expect(
      run(`const M = WebAssembly.Memory, way = { initial: 1, maximum: 2 }
        let reads = 0
        const turning = { ...way, get shared() { return reads++ > 0 } }
        const late = new M(turning)
        return [...await Promise.all([() => new M({ ...way, shared: true }), () => new M({ ...way, shared: 1 }), () => new (class extends M {})({ ...way, shared: true }),
          () => Reflect.construct(M, [{ ...way, shared: true }], Object), () => new M.prototype.constructor({ ...way, shared: true }), () => new M(Object.create({ ...way, shared: true })),
          () => new M(new Proxy(way, { get: (_, key) => key === 'shared' ? {} : way[key] })), () => new M(), () => new M({}), () => M(way)].map(tried)),
          reads, late.buffer instanceof ArrayBuffer, Object.prototype.toString.call(late.buffer)]`),
    ).toEqual([...Array(10).fill('TypeError'), 1, true, '[object ArrayBuffer]'])
  })

  test('SharedArrayBuffer and Atomics stay away', () => {
    expect(run('return [typeof SharedArrayBuffer, typeof Atomics]')).toEqual(['undefined', 'undefined'])
  })

  test('memories grow, and are bytes like any other', () => {
    expect(
      run(`const { memory, grow, fill } = new WebAssembly.Instance(new WebAssembly.Module(${asSource(GROWING)})).exports
        const before = memory.buffer, old = [grow(1), memory.grow(1)]
        fill(65536, 3)
        const own = new WebAssembly.Memory({ initial: 1, maximum: 2 })
        return [old, before.byteLength, memory.buffer.byteLength, [...new Uint8Array(memory.buffer, 65535, 5)], await new Response(new Uint8Array(memory.buffer, 65536, 3)).bytes().then((bytes) => [...bytes]),
          own.grow(1), await tried(() => own.grow(1)), await tried(() => structuredClone(own)), await tried(() => structuredClone(own.buffer, { transfer: [own.buffer] }))]`),
    ).toEqual([[1, 2], 0, 3 * 65_536, [0, 1, 1, 1, 0], [1, 1, 1], 1, 'RangeError', 'DataCloneError', expect.stringMatching(/Error/)])
  })

  test('the interface is the engine’s own but for what cannot be here', () => {
    expect(
      run(`const shape = (name) => { const d = Object.getOwnPropertyDescriptor(WebAssembly, name); return [name, d.value.name, d.value.length, d.enumerable, 'prototype' in d.value && d.value.prototype.constructor === d.value].join() }
        const module = new WebAssembly.Module(${asSource(IMPORTING)})
        return [['Module', 'Memory', 'compile', 'instantiate', 'validate', 'compileStreaming', 'instantiateStreaming'].map(shape),
          WebAssembly.Module.imports(module).map(({ kind }) => kind), WebAssembly.Module.customSections(module, 'x').length, String(WebAssembly), String(module), WebAssembly.validate(${add}), WebAssembly.validate(new Uint8Array(3)), await tried(() => WebAssembly.validate({}))]`),
    ).toEqual([
      [
        ...['Module,Module,1,false,true', 'Memory,Memory,1,false,true', 'compile,compile,1,true,false', 'instantiate,instantiate,1,true,false'],
        ...[
          'validate,validate,1,true,false',
          'compileStreaming,compileStreaming,1,true,false',
          'instantiateStreaming,instantiateStreaming,1,true,false',
        ],
      ],
      ['function', 'table', 'table', 'memory', 'global', 'global', 'tag'],
      ...[0, '[object WebAssembly]', '[object WebAssembly.Module]', true, false, 'TypeError'],
    ])
  })

  test('wasm waits for a promise of JavaScript, over slices', () => {
    using sandbox = new Sandbox(
      `const answer = new WebAssembly.Suspending(() => new Promise((wake) => setTimeout(() => wake(41), 5)))
       const { ask } = new WebAssembly.Instance(new WebAssembly.Module(${asSource(ASKING)}), { env: { answer } }).exports
       export default () => Promise.all([WebAssembly.promising(ask)(), WebAssembly.promising(ask)()])`,
      { variant, wasm: true },
    )
    expect(sandbox.rpc(null)).toMatchObject({ body: '[42,42]' })
    // The isolate may go while wasm waits.
    sandbox.start({ door: 'rpc' }, 'null')
  })

  test('user code that replaces intrinsics reaches no engine’s constructor', () => {
    expect(
      run(`const seen = []
        Array.prototype[Symbol.iterator] = function* () { seen.push('iterator') }
        WeakSet.prototype.has = WeakSet.prototype.add = () => true
        Reflect.construct = (target) => seen.push(target)
        Object.defineProperty(Object.prototype, 'shared', { get() { seen.push('getter'); return true }, configurable: true })
        const refused = await tried(() => new WebAssembly.Memory({ initial: 1, maximum: 1 }))
        delete Object.prototype.shared
        return [refused, await tried(() => WebAssembly.instantiate({})), await tried(() => WebAssembly.compile(${asSource(SHARED_MEMORIES.declared as Uint8Array)})), seen.length]`),
    ).toEqual(['TypeError', 'TypeError', 'CompileError', 1])
  })
})

describe('hasSharedMemory()', () => {
  test.each([ADD, ASKING, GROWING, IMPORTING, SPIN].map((bytes) => [bytes]))('finds none where there is none', (bytes) => {
    expect(hasSharedMemory(bytes)).toBe(false)
  })

  test.each(Object.entries(SHARED_MEMORIES))('finds one that is %s', (_, bytes) => {
    expect(hasSharedMemory(bytes)).toBe(true)
  })

  test('takes for shared what it does not understand or what ends early', () => {
    expect(hasSharedMemory(Uint8Array.from([...IMPORTING.subarray(0, 20)]))).toBe(true)
    expect(hasSharedMemory(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 2, 6, 1, 0, 0, 9, 0, 0]))).toBe(true)
    expect(hasSharedMemory(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 16, 1]))).toBe(true)
  })
})
