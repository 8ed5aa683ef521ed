import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openSecret, SecretUnreadable, sealSecret } from '../../../runtime/contract/sealed-secret.ts'
import { parseSecretsKey, type SecretsKey } from '../../../runtime/contract/secrets-key.ts'

const newKey = (): SecretsKey => parseSecretsKey(randomBytes(32).toString('base64')) as SecretsKey
const KEY = newKey()
const PLACE = { tenant: 'acme', functionName: 'shop', name: 'API_KEY' }

describe('a sealed secret', () => {
  test('opens to the very text that was sealed, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(openSecret(KEY, PLACE, sealSecret(KEY, PLACE, text))).toBe(text)
      }),
    )
  })

  test('does not have the text in it, and never looks the same twice', () => {
    const [once, again] = [sealSecret(KEY, PLACE, 'hunter2-hunter2'), sealSecret(KEY, PLACE, 'hunter2-hunter2')]
    expect(once).not.toBe(again)
    for (const sealed of [once, again]) {
      expect(sealed).not.toContain('hunter2')
      expect(Buffer.from(sealed.split('.')[2] as string, 'base64').toString('latin1')).not.toContain('hunter2')
    }
  })

  test.each([
    ['tenant', { ...PLACE, tenant: 'other' }],
    ['function', { ...PLACE, functionName: 'other' }],
    ['name', { ...PLACE, name: 'OTHER' }],
    ['function, where tenant and function together read the same', { ...PLACE, tenant: 'acmes', functionName: 'hop' }],
  ])('opens for no other %s', (_, place) => {
    expect(() => openSecret(KEY, place, sealSecret(KEY, PLACE, 'hunter2'))).toThrow(/sealed for another function or name/)
  })

  test('does not open with another key, and the error names both keys but not the text', () => {
    const other = newKey()
    const sealed = sealSecret(KEY, PLACE, 'hunter2')
    const open = () => openSecret(other, PLACE, sealed)
    expect(open).toThrow(SecretUnreadable)
    expect(open).toThrow(`Cannot open the secret API_KEY of acme/shop: it was sealed with the key ${KEY.id}, and the key here is ${other.id}`)
  })

  test('with the id of another key written over its own still does not open', () => {
    const other = newKey()
    const forged = sealSecret(KEY, PLACE, 'hunter2').replace(KEY.id, other.id)
    expect(() => openSecret(other, PLACE, forged)).toThrow(SecretUnreadable)
  })

  test('does not open when any one byte of it is changed', () => {
    const sealed = sealSecret(KEY, PLACE, 'hunter2')
    const [version, id, base64] = sealed.split('.') as [string, string, string]
    const bytes = Buffer.from(base64, 'base64')
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] as number) ^ 1
      expect(() => openSecret(KEY, PLACE, `${version}.${id}.${damaged.toString('base64')}`), `byte ${at}`).toThrow(SecretUnreadable)
    }
  })

  test.each(['', 'hunter2', 'v1.', `v1.${KEY.id}.`, `v1.${KEY.id}.AAAA`, `v2.${KEY.id}.${'A'.repeat(60)}`, `v1.${KEY.id}.${'*'.repeat(60)}`])(
    'is not %j, and that is said without repeating it',
    (text) => {
      const open = () => openSecret(KEY, PLACE, text)
      expect(open).toThrow('Cannot open the secret API_KEY of acme/shop: what the store has is')
      if (text.length > 10) expect(open).not.toThrow(text)
    },
  )
})

describe('a key for secrets', () => {
  const BYTES = randomBytes(32)

  test('is the same in hex, in base64, in base64url and with a line break', () => {
    const texts = [
      BYTES.toString('hex'),
      BYTES.toString('hex').toUpperCase(),
      BYTES.toString('base64'),
      BYTES.toString('base64url'),
      `${BYTES.toString('base64')}\n`,
    ]
    const keys = texts.map(parseSecretsKey)
    expect(keys.map((key) => key?.key.export().equals(BYTES))).toEqual(texts.map(() => true))
    expect(new Set(keys.map((key) => key?.id)).size).toBe(1)
  })

  test.each([
    ['nothing', ''],
    ['a password', 'correct horse battery staple'],
    ['31 bytes', randomBytes(31).toString('base64')],
    ['33 bytes', randomBytes(33).toString('base64')],
    ['16 bytes in hex', randomBytes(16).toString('hex')],
    ['63 hex digits', 'a'.repeat(63)],
    ['bits that 32 bytes do not have', `${'A'.repeat(42)}B=`],
    ['two keys', `${BYTES.toString('hex')}\n${BYTES.toString('hex')}`],
  ])('is not %s', (_, text) => {
    expect(parseSecretsKey(text)).toBeUndefined()
  })

  test('shows none of its bytes to whoever prints it', () => {
    const key = parseSecretsKey(BYTES.toString('hex')) as SecretsKey
    for (const printed of [inspect(key, { depth: 9, showHidden: true }), JSON.stringify(key)]) {
      expect(printed).not.toContain(BYTES.toString('hex').slice(0, 12))
      expect(printed).not.toContain(BYTES.toString('base64').slice(0, 12))
    }
  })
})
