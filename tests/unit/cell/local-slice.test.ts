import { expect, test } from 'vitest'
import { Holdings } from '../../../runtime/cell/holdings.ts'
import { LocalSlice, needsLocalAnswers } from '../../../runtime/cell/local-slice.ts'
import { MAX_LOCAL_BYTES, MAX_POST_BYTES, type Post, type SliceResult } from '../../../runtime/cell/sandbox.ts'
import { MAX_OPEN_HOST_CALLS } from '../../../runtime/contract/messages.ts'

const digest = (number: number, size = 3): Post => ({
  kind: 'call',
  call: 7,
  text: `{"op":"crypto.digest","args":{"parts":[${size}],"algorithm":{"name":"SHA-1"},"data":{"bytes":0}}}`,
  body: new ArrayBuffer(size),
  extra: number,
})
const uncall = (number: number): Post => ({ kind: 'uncall', call: 7, text: '', body: undefined, extra: number })
const log = (text: string): Post => ({ kind: 'log', call: 7, text, body: undefined, extra: 0 })
const ok = (...posts: Post[]): SliceResult => ({ end: 'ok', wallMs: 1, posts })

/** A sandbox that answers each entry with what it is told to. */
function enter(first: SliceResult, next: (settled: number) => SliceResult = () => ok()) {
  const settled: { number: number; text: string; bytes: number; guardMs: number }[] = []
  const seen = { disposed: false }
  const sandbox = {
    enter: (_in: string, _call: number, text: string, body: unknown, number: number, guardMs: number) => {
      settled.push({ number, text, bytes: (body as ArrayBuffer | undefined)?.byteLength ?? 0, guardMs })
      return next(number)
    },
    dispose: () => {
      seen.disposed = true
    },
  }
  const result = new LocalSlice(sandbox, new Holdings(), 5_000, performance.now()).finish(first)
  return { result, settled, seen }
}

test('each call is settled once, with its bytes, under a guard that shrinks', async () => {
  const { result, settled } = enter(ok(digest(1), log('a'), digest(2)), (number) => (number === 2 ? ok(digest(3), log('b')) : ok()))
  const { end, posts } = await result
  expect(end).toBe('ok')
  expect(posts).toEqual([log('a'), log('b')])
  expect(settled.map(({ number }) => number).sort()).toEqual([1, 2, 3])
  for (const { text, bytes, guardMs } of settled) {
    expect([text, bytes]).toEqual(['{"ok":true,"value":null}', 20])
    expect(guardMs).toBeLessThanOrEqual(5_000)
  }
})

test('a call that nobody waits for any more is not settled, and its end is no business of the worker', async () => {
  const { result, settled } = enter(ok(digest(1), digest(2), uncall(1), uncall(99)))
  expect((await result).posts).toEqual([uncall(99)])
  expect(settled.map(({ number }) => number)).toEqual([2])
})

test('a number that is open already is not answered twice', async () => {
  const { result, settled } = enter(ok(digest(1), digest(1)))
  expect((await result).end).toBe('ok')
  expect(settled).toHaveLength(1)
})

test.each([
  ['calls', ok(...Array.from({ length: MAX_OPEN_HOST_CALLS + 1 }, (_, i) => digest(i)))],
  ['bytes of calls', ok(digest(1, MAX_LOCAL_BYTES / 2), digest(2, MAX_LOCAL_BYTES / 2))],
  ['messages for the worker', ok(digest(1), log('x'.repeat(MAX_POST_BYTES)))],
])('too many %s end the slice as a flood and the sandbox with it', async (_, first) => {
  const { result, seen } = enter(first)
  expect(await result).toMatchObject({ end: 'flood', posts: [] })
  expect(seen.disposed).toBe(true)
})

test('messages of all entries are counted together', async () => {
  const third = log('x'.repeat(MAX_POST_BYTES / 3))
  const { result } = enter(ok(digest(1), third), (number) => ok(third, digest(number + 1)))
  expect((await result).end).toBe('flood')
})

test('after an entry that ended badly no other follows', async () => {
  const { result, settled } = enter(ok(digest(1), digest(2), digest(3)), () => ({ end: 'memory', wallMs: 1, posts: [] }))
  expect((await result).end).toBe('memory')
  expect(settled).toHaveLength(1)
})

test.each([
  ['an operation there is not', '{"op":"crypto.nothing","args":{}}', 'TypeError'],
  ['no arguments', '{"op":"crypto.digest"}', 'TypeError'],
  ['text that is not JSON', '{"op":"crypto.digest","args":', 'OperationError'],
  ['parts that are longer than the body', '{"op":"crypto.digest","args":{"parts":[9],"algorithm":{"name":"SHA-1"},"data":{"bytes":0}}}', 'TypeError'],
  ['a part there is not', '{"op":"crypto.digest","args":{"parts":[],"algorithm":{"name":"SHA-1"},"data":{"bytes":0}}}', 'TypeError'],
  [
    'a key that is none',
    '{"op":"crypto.exportKey","args":{"parts":[3],"format":"raw","key":{"key":{"handle":1,"spec":"{}","part":0}}}}',
    'InvalidAccessError',
  ],
  ['a context there is not', '{"op":"zlib.push","args":{"context":5}}', 'TypeError'],
  ['a format there is not', '{"op":"zlib.open","args":{"context":5,"direction":"compress","format":"__proto__"}}', 'TypeError'],
  ['a method of an object', '{"op":"crypto.constructor","args":{}}', 'TypeError'],
])('%s is refused with a %s, and says nothing of the host', async (_, text, name) => {
  const { result, settled } = enter(ok({ ...digest(1), text }))
  await result
  const reply = JSON.parse(settled[0]?.text as string)
  expect(reply).toMatchObject({ ok: false, name })
  expect(reply.message).not.toMatch(/\/|node:| at /)
})

test('only a slice that went well and asked the cell needs it', () => {
  expect(needsLocalAnswers(ok(digest(1)))).toBe(true)
  expect(needsLocalAnswers(ok(log('{"op":"crypto.digest"')))).toBe(false)
  expect(needsLocalAnswers(ok({ ...digest(1), text: '{"op":"kv.get","args":{}}' }))).toBe(false)
  expect(needsLocalAnswers({ ...ok(digest(1)), end: 'timeout' })).toBe(false)
})
