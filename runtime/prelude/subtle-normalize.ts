import { keyState } from './crypto-key.ts'
import { DOMException } from './dom-exception.ts'
import { copyOfSource } from './encoding.ts'
import { append, type List, newList } from './list.ts'
import { isObject, jsonStringify, SafeTypeError, typedArrayName } from './primordials.ts'
import { findAlgorithm, type KnownAlgorithm, type Member, type Operation } from './subtle-algorithms.ts'
import type { Parts } from './subtle-parts.ts'
import { toText } from './text.ts'
import { toBufferSource, toIntegerInRange } from './web-idl.ts'

/** An AlgorithmIdentifier of Web IDL. */
export type AlgorithmIdentifier = object | string

export interface NormalizedAlgorithm {
  readonly name: string
  /** JSON, as the cell takes it. */
  readonly text: string
}

export function toAlgorithmIdentifier(value: unknown): AlgorithmIdentifier {
  return isObject(value) ? value : toText(value)
}

/**
 * "Normalizing an algorithm" of the Web Cryptography API: reads the dictionary that the operation wants for the name,
 * in the order Web IDL reads it. `instead` is tried when the operation does not know the name.
 */
export function normalize(operation: Operation, algorithm: AlgorithmIdentifier, parts: Parts, instead?: Operation): NormalizedAlgorithm {
  const dictionary = typeof algorithm === 'string' ? ({ __proto__: null, name: algorithm } as object) : algorithm
  const name = nameOf(dictionary)
  const known = findAlgorithm(operation, name) ?? (instead === undefined ? undefined : findAlgorithm(instead, name))
  if (known === undefined) throw new DOMException(`${instead ?? operation} is not supported for ${name}`, 'NotSupportedError')
  return { name: known.name, text: dictionaryText(known, readMembers(known, dictionary), parts) }
}

function nameOf(dictionary: object): string {
  const { name } = dictionary as { name?: unknown }
  if (name === undefined) throw new SafeTypeError('An algorithm must be a name, or an object with a name')
  return toText(name)
}

/** Values by the place of their member; first all are converted, then what they hold is looked at. */
function readMembers(known: KnownAlgorithm, dictionary: object): List<unknown> {
  const values: List<unknown> = newList()
  for (let at = 0; at < known.members.length; at++) {
    const member = known.members[at] as Member
    const value = (dictionary as Record<string, unknown>)[member.name]
    if (value === undefined && member.required) throw new SafeTypeError(`${known.name} takes ${member.name}, which is missing`)
    append(values, value === undefined ? undefined : convert(value, member, `${known.name}'s ${member.name}`))
  }
  return values
}

function convert(value: unknown, { kind }: Member, what: string): unknown {
  switch (kind) {
    case 'octet':
      return toIntegerInRange(value, 0xff, what)
    case 'short':
      return toIntegerInRange(value, 0xffff, what)
    case 'long':
      return toIntegerInRange(value, 0xffff_ffff, what)
    case 'bytes':
      return toBufferSource(value, what)
    case 'big integer':
      if (typedArrayName(value) !== 'Uint8Array') throw new SafeTypeError(`${what} must be a Uint8Array`)
      return value
    case 'hash':
      return toAlgorithmIdentifier(value)
    case 'text':
      return toText(value)
    case 'key': {
      const state = keyState(value)
      if (state === undefined) throw new SafeTypeError(`${what} must be a CryptoKey`)
      return state
    }
    default:
      return kind satisfies never
  }
}

function dictionaryText(known: KnownAlgorithm, values: List<unknown>, parts: Parts): string {
  let text = `{"name":${jsonStringify(known.name)}`
  for (let at = 0; at < known.members.length; at++) {
    const member = known.members[at] as Member
    if (values[at] !== undefined) text += `,"${member.name}":${memberText(member, values[at], parts)}`
  }
  return `${text}}`
}

function memberText({ kind }: Member, value: unknown, parts: Parts): string {
  switch (kind) {
    case 'bytes':
    case 'big integer':
      return parts.bytes(copyOfSource(value as ArrayBufferView))
    case 'hash':
      return normalize('digest', value as AlgorithmIdentifier, parts).text
    case 'key':
      return parts.key(value as Parameters<Parts['key']>[0])
    default:
      return jsonStringify(value)
  }
}
