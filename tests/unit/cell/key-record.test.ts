import { webcrypto } from 'node:crypto'
import { expect, test } from 'vitest'
import { KeyCache } from '../../../runtime/cell/key-cache.ts'
import { findKey, recordKey } from '../../../runtime/cell/key-record.ts'

const RAW = Uint8Array.from({ length: 32 }, (_, i) => i + 1)

async function recorded(keys: KeyCache) {
  const key = await webcrypto.subtle.importKey('raw', RAW, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return recordKey(keys, key)
}

/** As the guest sends it along when the cell has forgotten it. */
const named = (spec: string) => ({ handle: 1_000, spec })

test('what the guest holds of a key gives it back to the sandbox that made it, as it was', async () => {
  const keys = new KeyCache()
  const { record, material } = await recorded(keys)
  const key = findKey(keys, named(record.spec), new Uint8Array(material))
  expect(key).toMatchObject({ type: 'secret', extractable: false, usages: ['sign'] })
  const signed = await webcrypto.subtle.sign('HMAC', key, RAW)
  const again = await webcrypto.subtle.importKey('raw', RAW, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
  expect(await webcrypto.subtle.verify('HMAC', again, signed, RAW)).toBe(true)
})

test('the bytes a guest holds say nothing of the key', async () => {
  const { material } = await recorded(new KeyCache())
  expect(Buffer.from(material).includes(Buffer.from(RAW.subarray(0, 8)))).toBe(false)
})

test.each([
  ['a key made extractable', (spec: string) => spec.replace('"extractable":false', '"extractable":true'), (bytes: Uint8Array) => bytes],
  ['bytes that were changed', (spec: string) => spec, (bytes: Uint8Array) => bytes.map((byte, i) => (i === 15 ? byte ^ 1 : byte))],
  ['bytes that are too few to be any', (spec: string) => spec, (bytes: Uint8Array) => bytes.subarray(0, 5)],
])('%s is refused', async (_, changeSpec, changeBytes) => {
  const keys = new KeyCache()
  const { record, material } = await recorded(keys)
  const forged = () => findKey(keys, named(changeSpec(record.spec)), new Uint8Array(changeBytes(new Uint8Array(material))))
  expect(forged).toThrow(expect.objectContaining({ name: 'InvalidAccessError' }))
})

test('the key of another sandbox is none of this one', async () => {
  const { record, material } = await recorded(new KeyCache())
  expect(() => findKey(new KeyCache(), named(record.spec), new Uint8Array(material))).toThrow(expect.objectContaining({ name: 'InvalidAccessError' }))
})
