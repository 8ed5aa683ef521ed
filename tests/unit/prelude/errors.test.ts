import { describe, expect, test } from 'vitest'
import { Sandbox } from './sandbox.ts'

test.each([
  ['new TypeError("bad")', { name: 'TypeError', message: 'bad', stack: expect.stringContaining('function.js') }],
  ['null', { name: 'NonError', message: 'null', stack: '' }],
  ['undefined', { name: 'NonError', message: 'undefined', stack: '' }],
  ['Symbol("s")', { name: 'NonError', message: 'Symbol(s)', stack: '' }],
  ['"text"', { name: 'NonError', message: "'text'", stack: '' }],
  ['0', { name: 'NonError', message: '0', stack: '' }],
  ['10n', { name: 'NonError', message: '10n', stack: '' }],
  ['{ code: 7 }', { name: 'NonError', message: '{ code: 7 }', stack: '' }],
  ['Object.create(null)', { name: 'NonError', stack: '' }],
  ['() => 1', { name: 'NonError' }],
  ['new DOMException("gone", "AbortError")', { name: 'AbortError', message: 'gone' }],
  ['{ message: "m" }', { name: 'Error', message: 'm', stack: '' }],
  ['{ get message() { throw 1 }, name: Symbol("n"), stack: 3 }', { name: 'Error', message: '', stack: '3' }],
  [
    'new Proxy({}, { get() { throw new Error("trap") }, ownKeys() { throw 2 }, getPrototypeOf() { throw 3 } })',
    { name: 'NonError', message: '[object that cannot be shown]' },
  ],
  ['new Proxy(function () {}, {})', { name: expect.any(String) }],
  ['(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy })()', { name: 'NonError' }],
  ['(() => { const e = new Error("x"); e.message = { toString() { return "made" } }; return e })()', { name: 'Error', message: 'made' }],
  [
    '(() => { const e = new Error("x"); e.name = "n".repeat(500); e.message = "m".repeat(9999); e.stack = "s".repeat(99999); return e })()',
    { name: expect.stringMatching(/^n{99}…$/), message: expect.stringMatching(/^m{3999}…$/), stack: expect.stringMatching(/^s{7999}…$/) },
  ],
  ['(() => { class Own extends Error { get name() { return "Own" } } return new Own("sub") })()', { name: 'Own', message: 'sub' }],
])('throwing %s fails the call with a bounded ThrownError', (thrown, error) => {
  using sandbox = new Sandbox(
    `export default ({ how }) => { const value = ${thrown.startsWith('{') ? `(${thrown})` : thrown}; if (how === 'throw') throw value; return Promise.reject(value) }`,
  )
  for (const how of ['throw', 'reject']) expect(sandbox.rpc({ how })).toMatchObject({ kind: 'failed', error })
  expect(sandbox.rpc({ how: 'throw' })).toMatchObject({ kind: 'failed', error })
})

test('an error thrown by the top level is a ThrownError too', () => {
  using sandbox = new Sandbox('throw null')
  expect(sandbox.loadError).toEqual({ name: 'NonError', message: 'null', stack: '' })
})

test('running out of stack is an ordinary failure, and the next call works', () => {
  using sandbox = new Sandbox('const f = (n) => f(n + 1) + 1; export default (event) => event === 1 ? f(0) : "fine"')
  expect(sandbox.rpc(1)).toMatchObject({ kind: 'failed', error: { name: 'RangeError' } })
  expect(sandbox.rpc(2)).toMatchObject({ kind: 'result', body: '"fine"' })
})

test('logging at the end of the stack harms nobody', () => {
  using sandbox = new Sandbox(`const f = (n) => { try { return f(n + 1) } catch (e) { console.log('deep', { n }); setTimeout(() => {}, 1); throw e } }
    export default (event) => { if (event === 1) try { f(0) } catch {} ; console.log('ok'); return 'fine' }`)
  expect(sandbox.rpc(1)).toMatchObject({ kind: expect.any(String) })
  expect(sandbox.rpc(2)).toMatchObject({ kind: 'result', body: '"fine"' })
  expect(sandbox.logs.at(-1)).toBe('info ok')
})

describe('the causes of an error', () => {
  const stackOf = (thrown: string): string => {
    using sandbox = new Sandbox(`export default () => { throw ${thrown} }`)
    const answer = sandbox.rpc()
    if (answer.kind !== 'failed') throw new Error('it did not fail')
    return answer.error.stack
  }

  test('follow its stack, three of them', () => {
    const stack = stackOf(`[5, 4, 3, 2, 1].reduce((cause, at) => new Error('e' + at, cause && { cause }), undefined)`)
    expect(stack.split('\n').filter((line) => !line.startsWith('    at '))).toEqual([
      'Error: e1',
      ...['e2', 'e3', 'e4'].map((e) => `[cause]: Error: ${e}`),
    ])
    expect(stack.split('[cause]')[1]).toContain('function.js')
  })

  test.each([
    ['alone, where the error has no stack', `({ message: 'm', cause: 'why' })`, /^\[cause\]: 'why'$/],
    ['a plain value', `new Error('x', { cause: { code: 7 } })`, /\n\[cause\]: \{ code: 7 \}$/],
    ['nothing, where it is its own', `(() => { const e = new Error('x'); e.cause = e; return e })()`, /^(?!.*\[cause\])/s],
    [
      'nothing, where it cannot be read',
      `(() => { const e = new Error('x'); Object.defineProperty(e, 'cause', { get() { throw 1 } }); return e })()`,
      /^(?!.*\[cause\])/s,
    ],
    ['nothing, where a prototype has it', `(() => { Object.prototype.cause = 'p'; return new Error('x') })()`, /^(?!.*\[cause\])/s],
    [
      'a title, where its stack cannot be read',
      `new Error('x', { cause: Object.defineProperty(new Error('y'), 'stack', { get() { throw 1 } }) })`,
      /\[cause\]: \S/,
    ],
    ['no more than fits', `new Error('x', { cause: Object.assign(new Error('y'), { stack: 's'.repeat(99_999) }) })`, /^.{7999}…$/s],
  ])('are %s', (_, thrown, stack) => {
    expect(stackOf(thrown)).toMatch(stack)
  })
})
