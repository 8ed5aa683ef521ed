import type { KeyRecord } from '../contract/key-record.ts'
import { type CryptoKey, type KeyState, keyState } from './crypto-key.ts'
import { copyOfSource, isBufferSource } from './encoding.ts'
import { jsonWebKeyText, textsText } from './json-web-key.ts'
import { mapHas, SafeMap, SafeTypeError } from './primordials.ts'
import { bytesCall, keyCall, keyOf, subtleCall } from './subtle-call.ts'
import { normalize, toAlgorithmIdentifier } from './subtle-normalize.ts'
import { Parts } from './subtle-parts.ts'
import { toText } from './text.ts'
import { toBufferSource, toTextList } from './web-idl.ts'

const FORMATS = setOf('raw', 'pkcs8', 'spki', 'jwk', 'raw-public', 'raw-private', 'raw-seed', 'raw-secret')
/** The last four belong to algorithms that are not here, and are known all the same: then the error is another. */
const USAGES = setOf(
  ...['encrypt', 'decrypt', 'sign', 'verify', 'deriveKey', 'deriveBits', 'wrapKey', 'unwrapKey'],
  ...['encapsulateKey', 'encapsulateBits', 'decapsulateKey', 'decapsulateBits'],
)
const INTERNAL = { __proto__: null }

/**
 * `crypto.subtle`: converts and copies the arguments as Web IDL and the standard's "normalizing" say, and has the cell do
 * the rest. Which usages, lengths and formats go together is the cell's to know.
 */
export class SubtleCrypto {
  readonly #brand = true

  constructor(token?: unknown) {
    if (token !== INTERNAL) throw new SafeTypeError('Cannot construct SubtleCrypto: use crypto.subtle')
  }

  async encrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    this.#own()
    return await crypt('encrypt', algorithm, key, data)
  }

  async decrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    this.#own()
    return await crypt('decrypt', algorithm, key, data)
  }

  async sign(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    this.#own()
    return await crypt('sign', algorithm, key, data)
  }

  async verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<boolean> {
    this.#own()
    const identifier = toAlgorithmIdentifier(algorithm)
    const state = toKey(key)
    const signed = toBufferSource(signature, 'The signature')
    const source = toBufferSource(data, 'The data')
    const parts = new Parts()
    const { text } = normalize('verify', identifier, parts)
    const args = `"algorithm":${text},"key":${parts.key(state)},"signature":${parts.bytes(copyOfSource(signed))},"data":${parts.bytes(copyOfSource(source))}`
    return (await subtleCall('verify', args, parts)).value === true
  }

  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    this.#own()
    const identifier = toAlgorithmIdentifier(algorithm)
    const source = toBufferSource(data, 'The data')
    const parts = new Parts()
    const { text } = normalize('digest', identifier, parts)
    return await bytesCall('digest', `"algorithm":${text},"data":${parts.bytes(copyOfSource(source))}`, parts)
  }

  async generateKey(
    algorithm: unknown,
    extractable: unknown,
    keyUsages: unknown,
  ): Promise<CryptoKey | { publicKey: CryptoKey; privateKey: CryptoKey }> {
    this.#own()
    const identifier = toAlgorithmIdentifier(algorithm)
    const asked = `"extractable":${!!extractable},"usages":${usagesText(keyUsages)}`
    const parts = new Parts()
    const { text } = normalize('generateKey', identifier, parts)
    const { value, body } = await subtleCall('generateKey', `"algorithm":${text},${asked}`, parts)
    const made = value as KeyRecord | { publicKey: KeyRecord; privateKey: KeyRecord }
    if ('handle' in made) return keyOf(made, body as ArrayBuffer, 0)
    const publicKey = keyOf(made.publicKey, body as ArrayBuffer, 0)
    return { publicKey, privateKey: keyOf(made.privateKey, body as ArrayBuffer, made.publicKey.bytes) }
  }

  async deriveKey(algorithm: unknown, baseKey: unknown, derivedKeyType: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey> {
    this.#own()
    const identifier = toAlgorithmIdentifier(algorithm)
    const state = toKey(baseKey)
    const derived = toAlgorithmIdentifier(derivedKeyType)
    const asked = `"extractable":${!!extractable},"usages":${usagesText(keyUsages)}`
    const parts = new Parts()
    const { text } = normalize('deriveBits', identifier, parts)
    // As a key to be imported it must be known, too; the cell needs only how long it is to be.
    normalize('importKey', derived, parts)
    const length = normalize('get key length', derived, parts)
    return await keyCall('deriveKey', `"algorithm":${text},"key":${parts.key(state)},"derived":${length.text},${asked}`, parts)
  }

  async deriveBits(algorithm: unknown, baseKey: unknown, length: unknown = null): Promise<ArrayBuffer> {
    this.#own()
    const identifier = toAlgorithmIdentifier(algorithm)
    const state = toKey(baseKey)
    const bits = length === null || length === undefined ? 'null' : `${(length as number) >>> 0}`
    const parts = new Parts()
    const { text } = normalize('deriveBits', identifier, parts)
    return await bytesCall('deriveBits', `"algorithm":${text},"key":${parts.key(state)},"length":${bits}`, parts)
  }

  async importKey(format: unknown, keyData: unknown, algorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<CryptoKey> {
    this.#own()
    const name = toFormat(format)
    const source = isBufferSource(keyData) ? keyData : undefined
    const jwk = source === undefined ? jsonWebKeyText(keyData) : undefined
    const identifier = toAlgorithmIdentifier(algorithm)
    const asked = `"extractable":${!!extractable},"usages":${usagesText(keyUsages)}`
    const parts = new Parts()
    const { text } = normalize('importKey', identifier, parts)
    if ((name === 'jwk') !== (source === undefined)) {
      throw new SafeTypeError(name === 'jwk' ? 'The key data must be a JsonWebKey' : 'The key data must be an ArrayBuffer or a view of one')
    }
    const key = source === undefined ? `"jwk":${jwk}` : `"data":${parts.bytes(copyOfSource(source))}`
    return await keyCall('importKey', `"format":"${name}",${key},"algorithm":${text},${asked}`, parts)
  }

  async exportKey(format: unknown, key: unknown): Promise<unknown> {
    this.#own()
    const name = toFormat(format)
    const parts = new Parts()
    const { value, body } = await subtleCall('exportKey', `"format":"${name}","key":${parts.key(toKey(key))}`, parts)
    return name === 'jwk' ? value : body
  }

  async wrapKey(format: unknown, key: unknown, wrappingKey: unknown, wrapAlgorithm: unknown): Promise<ArrayBuffer> {
    this.#own()
    const name = toFormat(format)
    const wrapped = toKey(key)
    const state = toKey(wrappingKey)
    const identifier = toAlgorithmIdentifier(wrapAlgorithm)
    const parts = new Parts()
    const { text } = normalize('wrapKey', identifier, parts, 'encrypt')
    return await bytesCall('wrapKey', `"format":"${name}","wrapped":${parts.key(wrapped)},"key":${parts.key(state)},"algorithm":${text}`, parts)
  }

  async unwrapKey(
    format: unknown,
    wrappedKey: unknown,
    unwrappingKey: unknown,
    unwrapAlgorithm: unknown,
    unwrappedKeyAlgorithm: unknown,
    extractable: unknown,
    keyUsages: unknown,
  ): Promise<CryptoKey> {
    this.#own()
    const name = toFormat(format)
    const source = toBufferSource(wrappedKey, 'The wrapped key')
    const state = toKey(unwrappingKey)
    const identifier = toAlgorithmIdentifier(unwrapAlgorithm)
    const unwrapped = toAlgorithmIdentifier(unwrappedKeyAlgorithm)
    const asked = `"extractable":${!!extractable},"usages":${usagesText(keyUsages)}`
    const parts = new Parts()
    const { text } = normalize('unwrapKey', identifier, parts, 'decrypt')
    const derived = normalize('importKey', unwrapped, parts)
    const args = `"data":${parts.bytes(copyOfSource(source))},"key":${parts.key(state)},"algorithm":${text},"derived":${derived.text}`
    return await keyCall('unwrapKey', `"format":"${name}",${args},${asked}`, parts)
  }

  /** Throws when `this` is something else. An argument that is missing fails where it is converted. */
  #own(): void {
    if (!this.#brand) throw new SafeTypeError('Not a SubtleCrypto')
  }
}

async function crypt(operation: 'encrypt' | 'decrypt' | 'sign', algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
  const identifier = toAlgorithmIdentifier(algorithm)
  const state = toKey(key)
  const source = toBufferSource(data, 'The data')
  const parts = new Parts()
  const { text } = normalize(operation, identifier, parts)
  return await bytesCall(operation, `"algorithm":${text},"key":${parts.key(state)},"data":${parts.bytes(copyOfSource(source))}`, parts)
}

function toKey(value: unknown): KeyState {
  const state = keyState(value)
  if (state === undefined) throw new SafeTypeError('The key must be a CryptoKey')
  return state
}

function toFormat(value: unknown): string {
  const format = toText(value)
  if (!mapHas(FORMATS, format)) throw new SafeTypeError(`There is no key format '${format}'`)
  return format
}

function usagesText(value: unknown): string {
  const usages = toTextList(value, 'The key usages')
  for (let at = 0; at < usages.length; at++) {
    if (!mapHas(USAGES, usages[at] as string)) throw new SafeTypeError(`There is no key usage '${usages[at]}'`)
  }
  return textsText(usages)
}

function setOf(...names: string[]): Map<string, true> {
  const set = new SafeMap<string, true>()
  for (const name of names) set.set(name, true)
  return set
}

export const subtle = new SubtleCrypto(INTERNAL)
