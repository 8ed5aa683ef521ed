import { describe, expect, test } from 'vitest'
import { parseSecretName, parseSecretText, SecretError } from '../../../platform/registry/parse-secret.ts'

describe('the name of a secret', () => {
  test.each(['A', 'API_KEY', 'A1__', 'KV2', 'A'.repeat(128)])('may be %s', (name) => {
    expect(parseSecretName(name)).toBe(name)
  })

  test.each([
    '',
    'a',
    'apiKey',
    '_A',
    '1A',
    'A B',
    'A-B',
    'A.B',
    'A\n',
    'A\0',
    'Ä',
    'А' /* Cyrillic */,
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '../A',
    'A/B',
    'A'.repeat(129),
  ])('may not be %j, and the refusal does not repeat it', (name) => {
    expect(() => parseSecretName(name)).toThrow(SecretError)
    expect(() => parseSecretName(name)).toThrow('wanted a name of an upper-case letter followed by A-Z, 0-9 and "_"')
    if (name.length > 5) expect(() => parseSecretName(name)).not.toThrow(name)
  })

  test('may not be KV, which env has already', () => {
    expect(() => parseSecretName('KV')).toThrow('reserved for the key-value store')
  })
})

describe('the text of a secret', () => {
  test.each(['x', ' padded \r\n', '\u{feff}with a mark', '😀', '\0', '-----BEGIN PRIVATE KEY-----\nabc\n'])('is %j as it came', (text) => {
    expect(parseSecretText(Buffer.from(text))).toBe(text)
  })

  test('may not be empty, and may not be what is no text', () => {
    expect(() => parseSecretText(Buffer.alloc(0))).toThrow('the body is empty')
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
      expect(() => parseSecretText(Buffer.from(bytes))).toThrow('the body is not UTF-8 text')
    }
  })
})
