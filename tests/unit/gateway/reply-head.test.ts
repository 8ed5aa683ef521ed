import fc from 'fast-check'
import { expect, test } from 'vitest'
import { confineCookie, parseReplyHead } from '../../../platform/invocations/reply-head.ts'

const read = (value: unknown) => parseReplyHead(Buffer.from(JSON.stringify(value)))

test('a response head passes, names in lower case', () => {
  expect(read({ kind: 'http', status: 201, headers: [['X-A', 'b']] })).toEqual({ kind: 'http', status: 201, headers: [['x-a', 'b']] })
})

test.each([[99], [600], [200.5], ['200'], [101]])('the status %j is no reply', (status) => {
  expect(read({ kind: 'http', status, headers: [] })).toBeUndefined()
})

test.each([
  ['a line break in a value', ['x', 'a\r\nset-cookie: b=c']],
  ['a line break in a name', ['x\r\ny', 'a']],
  ['an empty name', ['', 'a']],
  ['a null byte', ['x', 'a\0b']],
  ['a value beyond Latin-1', ['x', '\u2028']],
  ['a value that is no string', ['x', 1]],
])('%s is no reply', (_what, pair) => {
  expect(read({ kind: 'http', status: 200, headers: [pair] })).toBeUndefined()
})

test.each([
  'Connection',
  'Transfer-Encoding',
  'Content-Length',
  'Strict-Transport-Security',
  'Clear-Site-Data',
  'Service-Worker-Allowed',
  'Alt-Svc',
  'Isolane-Billed-Ms',
  'ISOLANE-ANYTHING',
])('a function cannot say %s', (name) => {
  expect(read({ kind: 'http', status: 200, headers: [[name, '0']] })).toMatchObject({ headers: [] })
})

test('no bytes make the reading throw', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.jsonValue(), (bytes, value) => {
      parseReplyHead(Buffer.from(bytes))
      read(value)
      read({ kind: 'http', status: 200, headers: value })
    }),
  )
})

test.each([
  ['a=b', 'a=b; Path=/fn/t/f'],
  ['a=b; Domain=example.org; HttpOnly', 'a=b; HttpOnly; Path=/fn/t/f'],
  ['a=b; Path=/', 'a=b; Path=/fn/t/f'],
  ['a=b; path=/shop; Secure', 'a=b; Secure; Path=/fn/t/f/shop'],
  ['a=b; PATH=/x; Path=/../../v1', 'a=b; Path=/fn/t/f/x'],
])('the cookie %j is confined to %j', (cookie, confined) => {
  expect(confineCookie(cookie, '/fn/t/f')).toBe(confined)
})
