import { expect, test } from 'vitest'
import { evaluate, Sandbox } from './sandbox.ts'

test('setTimeout fires once, after its delay, with its arguments', () => {
  using sandbox = new Sandbox(`export default () => new Promise((resolve) => setTimeout((...args) => resolve(args), 250, 'a', 2))`)
  expect(sandbox.rpc()).toMatchObject({ body: '["a",2]' })
  expect(sandbox.nowMs).toBe(250)
  expect(sandbox.messages.filter((message) => message.kind === 'timer')).toMatchObject([{ call: 2, text: '250' }])
})

test('setInterval asks anew each time, until it is cleared', () => {
  using sandbox = new Sandbox(
    `export default () => new Promise((resolve) => { let n = 0; const t = setInterval(() => { if (++n === 3) { clearInterval(t); setTimeout(() => resolve(n), 1000) } }, 10) })`,
  )
  expect(sandbox.rpc()).toMatchObject({ body: '3' })
  expect(sandbox.messages.filter((message) => message.kind === 'timer').map((message) => message.text)).toEqual(['10', '10', '10', '1000'])
})

test('a cleared timer is forgotten on both sides', () => {
  using sandbox = new Sandbox(
    `export default () => { const t = setTimeout(() => console.log('never'), 5); clearTimeout(t); clearTimeout(t); clearTimeout(999); clearTimeout('x'); clearTimeout(); return t }`,
  )
  sandbox.rpc()
  const [untimer, ...rest] = sandbox.messages.filter((message) => message.kind === 'untimer')
  expect([untimer?.call, rest]).toEqual([2, []])
  sandbox.enter('timer', 2, undefined, undefined, untimer?.extra)
  expect(sandbox.logs).toEqual([])
})

test('delays are read as Web IDL does', () => {
  using sandbox = new Sandbox(
    `export default () => { for (const ms of [undefined, -5, 1.9, '7', NaN, Infinity, 2 ** 31, null]) setTimeout(() => {}, ms) }`,
  )
  sandbox.rpc()
  expect(sandbox.messages.filter((message) => message.kind === 'timer').map((message) => message.text)).toEqual([
    '0',
    '0',
    '1',
    '7',
    '0',
    '0',
    '0',
    '0',
  ])
})

test('timers of an answered call never run, nor does one fired under another call', () => {
  using sandbox = new Sandbox(
    `export default (event) => { if (event === 'wait') return new Promise(() => setTimeout(() => console.log('mine'), 50)); setTimeout(() => console.log('never'), 5); return 1 }`,
  )
  sandbox.rpc()
  sandbox.fireNext()
  expect(sandbox.logs).toEqual([])
  const waiting = sandbox.start({ door: 'rpc' }, '"wait"')
  const other = sandbox.start({ door: 'rpc' }, '"wait"')
  const timer = sandbox.messages.findLast((message) => message.kind === 'timer' && message.call === waiting)
  sandbox.enter('timer', other, undefined, undefined, timer?.extra)
  expect(sandbox.logs).toEqual([])
  sandbox.enter('timer', waiting, undefined, undefined, timer?.extra)
  expect(sandbox.logs).toEqual(['info mine'])
})

test('an error in a callback is logged, and others go on', () => {
  using sandbox = new Sandbox(
    `export default () => new Promise((resolve) => { setTimeout(() => { throw new Error('oops') }, 1); queueMicrotask(() => { throw 'micro' }); setTimeout(resolve, 2) })`,
  )
  expect(sandbox.rpc()).toMatchObject({ body: 'null' })
  expect(sandbox.logs).toEqual(["error Uncaught 'micro'", expect.stringMatching(/^error Uncaught Error: oops/)])
})

test('logs and timers belong to the call whose slice runs', () => {
  using sandbox = new Sandbox(
    `export default async (event) => { console.log(event); await new Promise((r) => setTimeout(r, event)); console.log('after ' + event) }`,
  )
  const slow = sandbox.start({ door: 'rpc' }, '20')
  const fast = sandbox.start({ door: 'rpc' }, '10')
  sandbox.finish(slow)
  const lines = sandbox.messages.filter((message) => message.kind === 'log').map((message) => [message.call, message.text])
  expect(lines).toEqual([
    [slow, 'info 20'],
    [fast, 'info 10'],
    [fast, 'info after 10'],
    [slow, 'info after 20'],
  ])
})

test('top-level timers load and never fire', () => {
  using sandbox = new Sandbox(`setInterval(() => console.log('tick'), 10); export default () => 1`)
  sandbox.fireNext()
  expect(sandbox.loaded?.style).toBe('event')
  expect(sandbox.logs).toEqual([])
})

test('abort fires the signals of the call and drops its late answer', () => {
  using sandbox = new Sandbox(`export default { fetch(request, env, ctx) { return new Promise((resolve) => {
    ctx.signal.onabort = () => console.log('ctx', ctx.signal.reason.name, ctx.signal.reason.message)
    request.signal.addEventListener('abort', (event) => { console.log('request', event.isTrusted, event.target === request.signal); resolve(new Response('late')) })
  }) } }`)
  const call = sandbox.start({ door: 'url' })
  sandbox.enter('abort', call, 'the deadline has passed')
  expect(sandbox.logs).toEqual(['info ctx AbortError the deadline has passed', 'info request true true'])
  expect(sandbox.answer(call)).toBe(undefined)
  sandbox.enter('abort', call, 'again')
  sandbox.enter('timer', call, undefined, undefined, 1)
  sandbox.enter('settle', call, '{}', undefined, 1)
  expect(sandbox.logs).toHaveLength(2)
})

test('AbortSignal.timeout, any, abort and AbortController work together', () => {
  expect(
    evaluate(`const timeout = AbortSignal.timeout(20), controller = new AbortController(), any = AbortSignal.any([timeout, controller.signal])
      const early = AbortSignal.any([AbortSignal.abort('why'), timeout]), order = []
      any.addEventListener('abort', () => order.push('any ' + any.reason.name)); timeout.onabort = (e) => order.push(e.type)
      await new Promise((r) => setTimeout(r, 30)); controller.abort()
      let thrown; try { any.throwIfAborted() } catch (e) { thrown = e instanceof DOMException && e.code }
      return [order, early.aborted, early.reason, controller.signal.reason.name, thrown, AbortSignal.abort().reason.message]`),
  ).toEqual([['abort', 'any TimeoutError'], true, 'why', 'AbortError', 23, 'This operation was aborted'])
})
