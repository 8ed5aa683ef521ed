import { expect, test } from 'vitest'
import { MAX_LOG_LINE_CHARS } from '../../../runtime/contract/messages.ts'
import { Sandbox } from './sandbox.ts'

function logged(...calls: string[]): string[] {
  using sandbox = new Sandbox(`export default () => { ${calls.join(';')} }`)
  const answer = sandbox.rpc()
  if (answer.kind === 'failed') throw new Error(answer.error.stack)
  return sandbox.logs
}

test('levels', () => {
  expect(logged(...['debug', 'log', 'info', 'warn', 'error'].map((level) => `console.${level}('m')`))).toEqual([
    'debug m',
    'info m',
    'info m',
    'warn m',
    'error m',
  ])
})

test.each([
  [`'a', 1, -0, 10n, true, null, undefined, Symbol('s')`, 'a 1 -0 10n true null undefined Symbol(s)'],
  [`{ a: 1, 'b-c': 'x', [Symbol('k')]: [] }`, `{ a: 1, 'b-c': 'x', [Symbol(k)]: [] }`],
  [`[1, 'it\\'s', , [2, [3]]]`, `[ 1, "it's", <empty>, [ 2, [ 3 ] ] ]`],
  [`new Map([['k', { v: 1 }]]), new Set([1])`, `Map(1) { 'k' => { v: 1 } } Set(1) { 1 }`],
  [
    `new (class Point { x = 1 })(), Object.create(null), class A {}, function f() {}, () => {}`,
    'Point { x: 1 } [Object: null prototype] {} [class A] [Function f] [Function (anonymous)]',
  ],
  [
    `new Date(0), /a/g, new Uint8Array([1, 2]), new ArrayBuffer(3)`,
    '1970-01-01T00:00:00.000Z /a/g Uint8Array(2) [ 1, 2 ] ArrayBuffer { byteLength: 3 }',
  ],
  [`{ get a() { throw 1 }, set b(v) {}, get c() { return 1 }, set c(v) {} }`, '{ a: [Getter], b: [Setter], c: [Getter/Setter] }'],
  [`(() => { const o = { n: { } }; o.n.up = o; return o })()`, '{ n: { up: [Circular] } }'],
  [`{ a: { b: { c: { d: { e: 1 } } } } }`, '{ a: { b: { c: { d: [Object] } } } }'],
  [`'%s is %d years, %i, %f, %j %o %% %c!', 'Al', 4.5, 4.5, '1.5', { a: 1 }, [1], 'css', 'rest'`, `Al is 4.5 years, 4, 1.5, { a: 1 } [ 1 ] % ! rest`],
  [`'100%', 'x'`, '100% x'],
  [`'%s'`, '%s'],
  [`new Proxy({ a: 1 }, { ownKeys() { throw 1 } })`, '[object that cannot be shown]'],
  [`new Response('x'), new URL('https://a/')`, 'Response {} URL {}'],
])('console.log(%s)', (args, text) => {
  expect(logged(`console.log(${args})`)).toEqual([`info ${text}`])
})

test('errors show their stack, cause and extra properties, without frames of the platform', () => {
  const [line] = logged(`const e = new TypeError('bad', { cause: 'why' }); e.code = 7; console.error(e)`)
  expect(line).toMatch(/^error TypeError: bad\n {4}at .*function\.js/)
  expect(line).toMatch(/cause: 'why'/)
  expect(line).toMatch(/code: 7/)
  expect(line).not.toMatch(/isolane:prelude/)
})

test('long structures break over lines', () => {
  expect(logged(`console.log({ first: 'x'.repeat(60), second: 'y'.repeat(60) })`)).toEqual([
    `info {\n  first: '${'x'.repeat(60)}',\n  second: '${'y'.repeat(60)}'\n}`,
  ])
})

test('one line is bounded, whatever it is made of', () => {
  const lines = logged(
    `console.log('x'.repeat(1e6))`,
    `console.log(Array.from({ length: 1e5 }, (_, i) => ({ i, t: 'y'.repeat(1000) })))`,
    `console.log(new Proxy({}, { ownKeys: () => Array.from({ length: 1e4 }, (_, i) => 'k' + i), getOwnPropertyDescriptor: () => ({ value: 'v'.repeat(5000), enumerable: true, configurable: true }) }))`,
    `const deep = {}; let at = deep; for (let i = 0; i < 1e5; i++) at = at.a = {}; console.log(deep)`,
    `console.log(new Map(Array.from({ length: 1e5 }, (_, i) => [i, i])))`,
    `console.log(...Array.from({ length: 1e4 }, () => 'word'))`,
  )
  expect(lines).toHaveLength(6)
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(MAX_LOG_LINE_CHARS + 'info '.length)
  expect(lines[4]).toMatch(/… 99900 more/)
})

test('group indents, count counts, assert asserts, time times', () => {
  const lines = logged(
    `console.group('g')`,
    `console.log('in', { a: 1 })`,
    'console.groupEnd()',
    `console.log('out')`,
    `console.count('c')`,
    `console.count('c')`,
    `console.countReset('c')`,
    `console.count('c')`,
    `console.assert(true, 'no')`,
    `console.assert(false, 'yes', 1)`,
    `console.time('t')`,
    `console.timeEnd('t')`,
    `console.timeEnd('t')`,
    'console.clear()',
    `console.dir({ a: 1 })`,
  )
  expect(lines).toEqual([
    'info g',
    'info   in { a: 1 }',
    'info out',
    'info c: 1',
    'info c: 2',
    'info c: 1',
    'error Assertion failed: yes 1',
    expect.stringMatching(/^info t: \d+ ms$/),
    'info t: no such timer',
    'info { a: 1 }',
  ])
})

test('a group left open does not indent the next call', () => {
  using sandbox = new Sandbox(`export default () => { console.log('m'); console.group() }`)
  sandbox.rpc()
  sandbox.rpc()
  expect(sandbox.logs).toEqual(['info m', 'info m'])
})

test('no frame of the prelude is in the log: of a trace, of an error, or of a stack that was logged as text', () => {
  using sandbox = new Sandbox(`export default () => {
    console.trace('here')
    console.error(new Error('whole'))
    console.log(new Error('text').stack)
  }`)
  sandbox.rpc()
  const frame = /\n {4}at \S+ \(function\.js:\d+:\d+\)$/.source
  for (const [at, start] of ['debug Trace: here', 'error Error: whole', 'info Error: text'].entries()) {
    expect(sandbox.logs[at]).toMatch(new RegExp(`^${start}${frame}`))
  }
})

test('a line that only speaks of a frame of the prelude is logged whole', () => {
  const stack = 'Error: x\\n    at isolane:prelude:1:2\\n    at f (function.js:1:1)'
  expect(logged(`console.log(JSON.stringify({ msg: 'x', stack: '${stack}' }))`)).toEqual([`info {"msg":"x","stack":"${stack}"}`])
  expect(logged(`console.log('isolane:prelude')`, `console.log('    at isolane:prelude:1:2')`)).toEqual([
    'info isolane:prelude',
    'info     at isolane:prelude:1:2',
  ])
  const kept = ['a', '    at isolane:prelude:1:2 and more', 'see at f (isolane:prelude:1:2)', '{"at": "isolane:prelude"}', '']
  const dropped = ['    at isolane:prelude:1:2', '    at async new A.#b [as c] (isolane:prelude:1:2)']
  const text = [kept[0], dropped[0], ...kept.slice(1, 3), dropped[1], ...kept.slice(3)].join('\n')
  expect(logged(`console.log(${JSON.stringify(text)})`)).toEqual([`info ${kept.join('\n')}`])
})

test('the stack of an error of the prelude’s own can be logged as JSON', () => {
  const [line = ''] = logged(`try { new URL('no') } catch (e) { console.log(JSON.stringify({ msg: e.message, stack: e.stack })) }`)
  expect(JSON.parse(line.replace('info ', ''))).toMatchObject({ msg: expect.stringMatching(/./), stack: expect.stringContaining('function.js') })
})
