import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AskedFor, idempotencyKeyOf, idempotencyOf } from '../../../platform/gateway/idempotency.ts'

const keyIn = (value: string | undefined) => idempotencyKeyOf({ headers: { 'idempotency-key': value } } as never as IncomingMessage)
const KEY_CHARACTER = fc.integer({ min: 0x21, max: 0x7e }).filter((code) => code !== 0x22)
const ANY_KEY = fc.array(KEY_CHARACTER, { minLength: 1, maxLength: 255 }).map((codes) => String.fromCharCode(...codes))

test('a request without the header has no key', () => {
  expect(keyIn(undefined)).toBeUndefined()
})

test('a key is the same with quotes and without', () => {
  fc.assert(fc.property(ANY_KEY, (key) => keyIn(key) === key && keyIn(`"${key}"`) === key))
})

test.each(['', '""', '"', 'a b', '"a', 'a"', 'a"b', 'a, b', 'é', 'a\tb', 'x'.repeat(256)])('the key %j is refused, with what is allowed', (value) => {
  expect(() => keyIn(value)).toThrow(
    expect.objectContaining({
      init: expect.objectContaining({
        status: 400,
        code: 'header_invalid',
        detail: expect.stringContaining('Idempotency-Key: wanted 1 to 255 visible ASCII characters'),
        extra: expect.objectContaining({ field: 'Idempotency-Key' }),
      }),
    }),
  )
})

const ASKED: AskedFor = {
  tenant: 'acme',
  name: 'shop',
  door: 'url',
  method: 'POST',
  path: '/cart?item=7',
  headers: [
    ['content-type', 'application/json'],
    ['authorization', 'Basic YTpi'],
    ['x-request-id', '1'],
  ],
  body: Buffer.from('{"item":7}'),
}

test('the same request has the same mark, whatever else its headers say', () => {
  const headers: AskedFor['headers'] = [...ASKED.headers.slice(0, 2), ['x-request-id', '2'], ['x-forwarded-for', '::1']]
  expect(idempotencyOf('k', { ...ASKED, headers })).toEqual(idempotencyOf('k', ASKED))
  expect(idempotencyOf('k', ASKED)).toEqual({ hash: expect.stringMatching(/^[0-9a-f]{32}$/), fingerprint: expect.stringMatching(/^[0-9a-f]{32}$/) })
})

const OTHERS: Partial<AskedFor>[] = [
  { door: 'rpc' },
  { method: 'PUT' },
  { path: '/cart?item=8' },
  { qualifier: '3' },
  { headers: [['content-type', 'text/plain'], ...ASKED.headers.slice(1)] },
  { headers: [...ASKED.headers.slice(0, 1), ['authorization', 'Basic YTpj']] },
  { headers: [...ASKED.headers, ['cookie', 'user=2']] },
  { headers: [...ASKED.headers, ['x-api-key', 'k2']] },
  { headers: [...ASKED.headers, ['x-session-token', '2']] },
  { body: Buffer.from('{"item":8}') },
  { body: Buffer.alloc(0) },
]
test.each(OTHERS)('another request under the same key is told from it: %j', (other) => {
  const mine = idempotencyOf('k', ASKED)
  const theirs = idempotencyOf('k', { ...ASKED, ...other })
  expect([theirs.hash === mine.hash, theirs.fingerprint === mine.fingerprint]).toEqual([true, false])
})

test('keys of other functions and tenants, and other keys, have nothing to do with each other', () => {
  const hashes = [
    idempotencyOf('k', ASKED),
    idempotencyOf('l', ASKED),
    idempotencyOf('k', { ...ASKED, name: 'shop2' }),
    idempotencyOf('k', { ...ASKED, tenant: 'acm', name: 'eshop' }),
  ].map(({ hash }) => hash)
  expect(new Set(hashes).size).toBe(hashes.length)
})

test('no two requests are alike because of where their parts begin', () => {
  const part = fc.string({ maxLength: 4 })
  fc.assert(
    fc.property(fc.tuple(part, part, part), fc.tuple(part, part, part), (a, b) => {
      const of = ([path, qualifier, body]: [string, string, string]) =>
        idempotencyOf('k', { ...ASKED, path, qualifier, body: Buffer.from(body) }).fingerprint
      return (of(a) === of(b)) === (JSON.stringify(a) === JSON.stringify(b))
    }),
  )
})
