import { append, type List, newList } from './list.ts'
import { isObject, jsonStringify, SafeTypeError } from './primordials.ts'
import { toText } from './text.ts'
import { toDictionary, toTextList } from './web-idl.ts'

/** Members of a JsonWebKey in the order Web IDL reads them. */
const MEMBERS = [
  'alg',
  'crv',
  'd',
  'dp',
  'dq',
  'e',
  'ext',
  'k',
  'key_ops',
  'kty',
  'n',
  'oth',
  'p',
  'priv',
  'pub',
  'q',
  'qi',
  'use',
  'x',
  'y',
] as const
const PRIME_MEMBERS = ['d', 'r', 't'] as const

/** A JsonWebKey dictionary as JSON, with the members that the standard knows. */
export function jsonWebKeyText(value: unknown): string {
  const dictionary = toDictionary(value, 'A JsonWebKey')
  return dictionary === undefined ? '{}' : membersText(dictionary, MEMBERS)
}

function membersText(dictionary: Readonly<Record<string, unknown>>, names: readonly string[]): string {
  let text = '{'
  for (let at = 0; at < names.length; at++) {
    const name = names[at] as string
    const value = dictionary[name]
    if (value !== undefined) text += `${text === '{' ? '' : ','}"${name}":${memberText(name, value)}`
  }
  return `${text}}`
}

function memberText(name: string, value: unknown): string {
  switch (name) {
    case 'ext':
      return value ? 'true' : 'false'
    case 'key_ops':
      return textsText(toTextList(value, 'key_ops of a JsonWebKey'))
    case 'oth':
      return primesText(value)
    default:
      return jsonStringify(toText(value))
  }
}

/** A list of strings as JSON. */
export function textsText(texts: List<string>): string {
  let text = '['
  for (let at = 0; at < texts.length; at++) text += `${at === 0 ? '' : ','}${jsonStringify(texts[at])}`
  return `${text}]`
}

function primesText(value: unknown): string {
  if (!isObject(value)) throw new SafeTypeError('oth of a JsonWebKey must be an array')
  const primes: List<string> = newList()
  for (const prime of value as Iterable<unknown>) append(primes, membersText(toDictionary(prime, 'oth of a JsonWebKey') ?? {}, PRIME_MEMBERS))
  let text = '['
  for (let at = 0; at < primes.length; at++) text += `${at === 0 ? '' : ','}${primes[at]}`
  return `${text}]`
}
